//! Several ways to the same figures, best first: the first that answers is kept.

use crate::probe::source::{Fault, FaultKind, Observation, Pace, Source};

/// Sources of which only the first that works is used.
pub struct FirstOf {
    /// Those not yet given up, the one in use first.
    left: Vec<Box<dyn Source>>,
    /// Whether the first has answered.
    settled: bool,
    /// The most telling fault of those given up.
    fault: Option<Fault>,
    name: &'static str,
}

impl FirstOf {
    /// The first of `sources` that answers. `name` is what they are all about.
    pub fn new(name: &'static str, sources: Vec<Box<dyn Source>>) -> Self {
        Self {
            left: sources,
            settled: false,
            fault: None,
            name,
        }
    }

    /// Remembers why a source was given up: a refusal tells more than an absence.
    fn remember(&mut self, fault: Fault) {
        let telling = |fault: &Fault| fault.kind != FaultKind::Absent;
        if self
            .fault
            .as_ref()
            .is_none_or(|old| !telling(old) && telling(&fault))
        {
            self.fault = Some(fault);
        }
    }
}

impl Source for FirstOf {
    fn name(&self) -> String {
        match (self.settled, self.left.first()) {
            (true, Some(source)) => source.name(),
            _ => self.name.to_owned(),
        }
    }

    fn streams(&self) -> bool {
        self.left.first().is_some_and(|source| source.streams())
    }

    fn read(&mut self, pace: &Pace) -> Result<Vec<Observation>, Fault> {
        loop {
            let Some(source) = self.left.first_mut() else {
                let why = || Fault::absent(format!("no {} here", self.name));
                return Err(self.fault.clone().unwrap_or_else(why));
            };
            match source.read(pace) {
                Ok(seen) => {
                    self.settled = true;
                    return Ok(seen);
                }
                // One that has answered before, or may yet, is asked again before another is tried.
                Err(fault) if self.settled && !fault.kind.is_final() => return Err(fault),
                Err(fault) => {
                    self.settled = false;
                    self.remember(fault);
                    self.left.remove(0);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::GpuSample;
    use std::time::Duration;

    struct Scripted(&'static str, Vec<Result<(), FaultKind>>);

    impl Source for Scripted {
        fn name(&self) -> String {
            self.0.to_owned()
        }
        fn read(&mut self, _: &Pace) -> Result<Vec<Observation>, Fault> {
            let next = if self.1.is_empty() {
                Ok(())
            } else {
                self.1.remove(0)
            };
            let sample = GpuSample {
                source: self.0.to_owned(),
                ..GpuSample::default()
            };
            next.map(|()| vec![Observation::Gpu(sample)])
                .map_err(|kind| Fault::new(kind, self.0))
        }
    }

    fn first_of(sources: Vec<Scripted>) -> FirstOf {
        FirstOf::new(
            "all",
            sources
                .into_iter()
                .map(|s| Box::new(s) as Box<dyn Source>)
                .collect(),
        )
    }

    #[test]
    fn the_second_is_used_where_the_first_is_absent() {
        let pace = Pace::new(Duration::from_millis(1));
        let mut source = first_of(vec![
            Scripted("a", vec![Err(FaultKind::Absent)]),
            Scripted("b", vec![]),
        ]);
        assert_eq!(source.read(&pace).unwrap().len(), 1);
        assert_eq!(source.name(), "b");
    }

    #[test]
    fn one_that_worked_is_asked_again() {
        let pace = Pace::new(Duration::from_millis(1));
        let mut source = first_of(vec![
            Scripted("a", vec![Ok(()), Err(FaultKind::Died), Ok(())]),
            Scripted("b", vec![]),
        ]);
        source.read(&pace).unwrap();
        assert_eq!(source.read(&pace).unwrap_err().kind, FaultKind::Died);
        source.read(&pace).unwrap();
        assert_eq!(source.name(), "a");
    }

    #[test]
    fn where_none_works_the_refusal_is_told() {
        let pace = Pace::new(Duration::from_millis(1));
        let mut source = first_of(vec![
            Scripted("a", vec![Err(FaultKind::Absent)]),
            Scripted("b", vec![Err(FaultKind::Refused)]),
            Scripted("c", vec![Err(FaultKind::Absent)]),
        ]);
        let fault = source.read(&pace).unwrap_err();
        assert_eq!((fault.kind, fault.why.as_str()), (FaultKind::Refused, "b"));
        assert_eq!(source.read(&pace).unwrap_err().why, "b");
    }
}
