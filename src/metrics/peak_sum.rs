//! The server's processes as one: sums over all of them, and the most of these in some time.

use crate::event::ProcessSample;

/// What the server's processes took together at one time, or the most of that.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct ProcessTotals {
    /// Resident memory, bytes.
    pub rss_bytes: PeakSum,
    /// Threads.
    pub threads: PeakSum,
    /// Open descriptors.
    pub descriptors: PeakSum,
    /// Processor use, percent of one core.
    pub cpu_percent: PeakSum,
}

/// One of these figures. A process that does not report it is left out of the sum, which then says so.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct PeakSum {
    whole: Option<f64>,
    part: Option<f64>,
}

impl PeakSum {
    fn from_figures(figures: impl Iterator<Item = Option<f64>> + Clone) -> Self {
        let known = figures.clone().flatten().reduce(|sum, figure| sum + figure);
        if figures.into_iter().all(|figure| figure.is_some()) {
            Self {
                whole: known,
                part: None,
            }
        } else {
            Self {
                whole: None,
                part: known,
            }
        }
    }

    /// The larger of both.
    #[must_use]
    pub fn max(self, other: Self) -> Self {
        let larger = |a: Option<f64>, b: Option<f64>| a.into_iter().chain(b).reduce(f64::max);
        Self {
            whole: larger(self.whole, other.whole),
            part: larger(self.part, other.part),
        }
    }

    /// The figure; at least that much where it is partial.
    pub fn value(self) -> Option<f64> {
        self.whole.into_iter().chain(self.part).reduce(f64::max)
    }

    /// The figure as a whole number.
    pub fn count(self) -> Option<u64> {
        self.value().map(crate::text::numbers::floor_u64)
    }

    /// Whether a process is left out of it.
    pub fn is_partial(self) -> bool {
        let known = self
            .part
            .filter(|part| self.whole.is_none_or(|whole| *part > whole));
        known.is_some()
    }
}

impl ProcessTotals {
    /// The sums over the server's processes; its clients are none of them.
    pub fn from_table(table: &[ProcessSample]) -> Self {
        let own = || {
            let all = table.iter();
            all.filter(|process| process.role.as_deref() != Some("client"))
        };
        Self {
            rss_bytes: PeakSum::from_figures(own().map(|p| p.rss_bytes.map(|bytes| bytes as f64))),
            threads: PeakSum::from_figures(own().map(|p| p.threads.map(f64::from))),
            descriptors: PeakSum::from_figures(own().map(|p| p.descriptors.map(f64::from))),
            cpu_percent: PeakSum::from_figures(own().map(|p| p.cpu_percent)),
        }
    }

    /// The larger of each figure.
    #[must_use]
    pub fn max(self, other: Self) -> Self {
        Self {
            rss_bytes: self.rss_bytes.max(other.rss_bytes),
            threads: self.threads.max(other.threads),
            descriptors: self.descriptors.max(other.descriptors),
            cpu_percent: self.cpu_percent.max(other.cpu_percent),
        }
    }

    /// The figures that leave out a process, as files name them.
    pub fn partial(self) -> Vec<String> {
        let named = [
            ("rss_max_bytes", self.rss_bytes),
            ("threads_max", self.threads),
            ("descriptors_max", self.descriptors),
            ("cpu_max_percent", self.cpu_percent),
        ];
        let partial = named.iter().filter(|(_, most)| most.is_partial());
        partial.map(|(name, _)| (*name).to_owned()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn process(role: &str, threads: u32, descriptors: Option<u32>) -> ProcessSample {
        ProcessSample {
            role: Some(role.to_owned()),
            threads: Some(threads),
            descriptors,
            ..ProcessSample::default()
        }
    }

    #[test]
    fn who_does_not_report_is_left_out_and_that_is_shown() {
        let both = [
            process("server", 21, Some(56)),
            process("runner", 9, None),
            process("client", 100, Some(100)),
        ];
        let together = ProcessTotals::from_table(&both);
        assert_eq!(together.threads.count(), Some(30));
        assert_eq!(together.descriptors.count(), Some(56));
        assert_eq!(together.partial(), ["descriptors_max"]);
        assert_eq!(together.rss_bytes.value(), None, "nobody reports it");
        assert_eq!(ProcessTotals::from_table(&[]), ProcessTotals::default());
    }

    #[test]
    fn a_whole_sum_that_is_larger_makes_up_for_a_part() {
        let part =
            ProcessTotals::from_table(&[process("server", 1, Some(5)), process("runner", 1, None)]);
        let less = ProcessTotals::from_table(&[process("server", 1, Some(4))]);
        let more = ProcessTotals::from_table(&[process("server", 1, Some(9))]);
        assert_eq!(part.max(less).partial(), ["descriptors_max"]);
        assert_eq!(part.max(less).descriptors.count(), Some(5));
        assert_eq!(part.max(more).partial(), [] as [&str; 0]);
        assert_eq!(part.max(more).descriptors.count(), Some(9));
    }
}
