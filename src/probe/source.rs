//! What a monitor is: a [`Source`] that is asked again and again on a thread of its own.

use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Duration;

use crate::event::{EventKind, GpuSample, HostSample, ProcessSample, ServerSample};
use crate::text::sanitize::one_line;

/// Something that can be measured, again and again. One thread asks it, so it may block; whoever
/// looks at its results never waits for it.
pub trait Source: Send {
    /// The short name, for example `nvml`.
    fn name(&self) -> String;

    /// The next reading. A source that polls answers at once (or after averaging inside one tick);
    /// one that follows a stream waits for the next report, at most a few ticks.
    fn read(&mut self, pace: &Pace) -> Result<Vec<Observation>, Fault>;

    /// Whether reading waits for a report that comes at its own pace.
    fn streams(&self) -> bool {
        false
    }
}

/// One thing that a source saw.
#[derive(Debug, Clone, PartialEq)]
pub enum Observation {
    /// One reading of one GPU or package.
    Gpu(GpuSample),
    /// The server's processes.
    Processes(Vec<ProcessSample>),
    /// The server's own state.
    Server(ServerSample),
    /// How busy the machine is.
    Host(HostSample),
}

impl Observation {
    /// It without figures that cannot be: no sensor means NaN, infinity or less than nothing.
    #[must_use]
    pub fn without_invalid(mut self) -> Self {
        if let Self::Gpu(sample) = &mut self {
            for figure in [
                &mut sample.watts,
                &mut sample.mhz,
                &mut sample.usage_percent,
                &mut sample.energy_counter_j,
                &mut sample.window_s,
                &mut sample.limit_watts,
                &mut sample.soc_watts,
                &mut sample.system_watts,
                &mut sample.bandwidth_bytes_s,
            ] {
                *figure = figure.filter(|x| x.is_finite() && *x >= 0.0);
            }
            sample.celsius = sample.celsius.filter(|x| x.is_finite());
        }
        self
    }

    /// It as an event of the run.
    pub fn into_kind(self) -> EventKind {
        match self {
            Self::Gpu(sample) => EventKind::Gpu(sample),
            Self::Processes(table) => EventKind::Processes(table),
            Self::Server(sample) => EventKind::Server(sample),
            Self::Host(sample) => EventKind::Host(sample),
        }
    }
}

/// Why a source has no reading.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, thiserror::Error)]
#[error("{why}")]
pub struct Fault {
    /// The kind, for what to do next.
    pub kind: FaultKind,
    /// What is wrong, in a sentence.
    pub why: String,
    /// The one command or deed that fixes it, where there is one.
    pub fix: Option<String>,
}

/// The kinds of faults.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, strum::Display)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum FaultKind {
    /// This machine has no such thing. Final, and no reason to worry anyone.
    Absent,
    /// It is there, but may not be read. Final until the user fixes it.
    Refused,
    /// It does not answer.
    Silent,
    /// Its answer cannot be read.
    Garbage,
    /// It ended or was lost.
    Died,
}

impl FaultKind {
    /// Whether asking again is of no use.
    pub fn is_final(self) -> bool {
        matches!(self, Self::Absent | Self::Refused)
    }
}

impl Fault {
    /// A fault with no known fix.
    pub fn new(kind: FaultKind, why: impl Into<String>) -> Self {
        Self {
            kind,
            why: short(&why.into()),
            fix: None,
        }
    }

    /// The same fault with what fixes it.
    #[must_use]
    pub fn fix(mut self, fix: impl Into<String>) -> Self {
        self.fix = Some(fix.into());
        self
    }

    /// This machine has no such thing.
    pub fn absent(why: impl Into<String>) -> Self {
        Self::new(FaultKind::Absent, why)
    }
}

/// Text from outside as one short line.
pub(crate) fn short(text: &str) -> String {
    const LONGEST: usize = 200;
    one_line(text.trim(), LONGEST)
}

/// How fast a source is asked, and whether it should stop.
#[derive(Debug, Clone)]
pub struct Pace {
    /// Time from one reading to the next.
    pub tick: Duration,
    /// How often within a tick power is looked at where there is no energy counter.
    pub looks: u32,
    stop: Arc<(Mutex<bool>, Condvar)>,
}

impl Pace {
    /// A reading each `tick`; where there is no energy counter, power is looked at 5 times within it.
    pub fn new(tick: Duration) -> Self {
        Self {
            tick,
            looks: 5,
            stop: Arc::default(),
        }
    }

    /// Asks every holder of this pace to stop, and wakes those that wait.
    pub fn stop(&self) {
        let (flag, bell) = &*self.stop;
        *flag.lock().unwrap_or_else(PoisonError::into_inner) = true;
        bell.notify_all();
    }

    /// Whether to stop.
    pub fn is_stopped(&self) -> bool {
        *self.stop.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits `time`, or until asked to stop. Returns whether to continue.
    pub fn wait(&self, time: Duration) -> bool {
        let (flag, bell) = &*self.stop;
        let guard = flag.lock().unwrap_or_else(PoisonError::into_inner);
        let (stopped, _) = bell
            .wait_timeout_while(guard, time, |stopped| !*stopped)
            .unwrap_or_else(PoisonError::into_inner);
        !*stopped
    }

    /// The mean of what `look` sees of each of `devices` over one tick, and the window it stands
    /// for in seconds. None for a device of which nothing is seen; where that is so for all of them
    /// at the first look, there is no second.
    pub fn mean_over_tick(
        &self,
        devices: usize,
        mut look: impl FnMut(usize) -> Option<f64>,
    ) -> Vec<Option<(f64, Option<f64>)>> {
        let looks = self.looks.max(1);
        let mut sums = vec![(0.0, 0_u32); devices];
        let mut done = 0;
        while done < looks {
            if done > 0 && !self.wait(self.tick / looks) {
                break;
            }
            done += 1;
            for (n, (sum, count)) in sums.iter_mut().enumerate() {
                if let Some(value) = look(n) {
                    *sum += value;
                    *count += 1;
                }
            }
            if sums.iter().all(|(_, count)| *count == 0) {
                break;
            }
        }
        let window = self.tick.as_secs_f64() * f64::from(done) / f64::from(looks);
        sums.into_iter()
            .map(|(sum, count)| (count > 0).then(|| (sum / f64::from(count), Some(window))))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stopped_pace_does_not_wait() {
        let pace = Pace::new(Duration::from_hours(1));
        let other = pace.clone();
        let waiter = std::thread::spawn(move || other.wait(Duration::from_hours(1)));
        pace.stop();
        assert!(!waiter.join().unwrap());
        assert!(pace.is_stopped());
    }

    #[test]
    fn the_mean_of_a_tick_is_the_mean_of_its_looks() {
        let pace = Pace::new(Duration::from_millis(5));
        let mut watts = [10.0, 20.0, 30.0, 40.0, 50.0].into_iter();
        let means = pace.mean_over_tick(2, |n| if n == 0 { watts.next() } else { None });
        assert_eq!(means, [Some((30.0, Some(0.005))), None]);
        let mut looks = 0;
        let none = pace.mean_over_tick(1, |_| {
            looks += 1;
            None
        });
        assert_eq!((none, looks), (vec![None], 1));
    }

    #[test]
    fn figures_that_cannot_be_are_unknown() {
        let wild = GpuSample {
            watts: Some(f64::NAN),
            mhz: Some(f64::INFINITY),
            usage_percent: Some(-1.0),
            celsius: Some(-3.0),
            ..GpuSample::default()
        };
        let Observation::Gpu(sane) = Observation::Gpu(wild).without_invalid() else {
            panic!("it is still a GPU");
        };
        assert_eq!(
            (sane.watts, sane.mhz, sane.usage_percent),
            (None, None, None)
        );
        assert_eq!(sane.celsius, Some(-3.0), "cold is possible");
    }

    #[test]
    fn a_fault_never_carries_escape_sequences() {
        let fault = Fault::new(FaultKind::Garbage, "prints \u{1b}[2Jrubbish\n");
        assert_eq!(fault.why, "prints ␛[2Jrubbish");
    }
}
