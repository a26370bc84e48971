//! Reading figures out of file trees like `/sys`, below a root that tests can move.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::time::Instant;

use crate::probe::source::{Fault, FaultKind};

/// Where `/sys`, `/proc` and `/etc` are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SysRoot {
    /// The tree of devices.
    pub sys: PathBuf,
    /// The tree of processes.
    pub proc: PathBuf,
    /// Configuration of the machine.
    pub etc: PathBuf,
}

impl Default for SysRoot {
    fn default() -> Self {
        Self::below(Path::new("/"))
    }
}

impl SysRoot {
    /// The trees below `root`.
    pub fn below(root: &Path) -> Self {
        Self {
            sys: root.join("sys"),
            proc: root.join("proc"),
            etc: root.join("etc"),
        }
    }

    /// Main memory: bytes in use and bytes there are.
    pub(crate) fn memory(&self) -> Option<(u64, u64)> {
        let text = fs::read_to_string(self.proc.join("meminfo")).ok()?;
        let field = |name: &str| -> Option<u64> {
            let line = text.lines().find(|line| line.starts_with(name))?;
            let kilobytes: u64 = line.split_whitespace().nth(1)?.parse().ok()?;
            kilobytes.checked_mul(1024)
        };
        let total = field("MemTotal:")?;
        Some((total.saturating_sub(field("MemAvailable:")?), total))
    }
}

/// The text of a file, trimmed.
pub(crate) fn text(path: &Path) -> Option<String> {
    fs::read_to_string(path)
        .ok()
        .map(|text| text.trim().to_owned())
}

/// The number in a file.
pub(crate) fn number(path: &Path) -> Option<f64> {
    text(path)?.parse().ok().filter(|x: &f64| x.is_finite())
}

/// The whole number in a file.
pub(crate) fn whole(path: &Path) -> Option<u64> {
    text(path)?.parse().ok()
}

/// The whole number in a file that must be there, or why not.
pub(crate) fn required(path: &Path, fix: &str) -> Result<u64, Fault> {
    let shown = path.display();
    let text = fs::read_to_string(path).map_err(|error| match error.kind() {
        ErrorKind::PermissionDenied => {
            Fault::new(FaultKind::Refused, format!("{shown} needs root")).fix(fix)
        }
        ErrorKind::NotFound => Fault::absent(format!("{shown} is not there")),
        _ => Fault::new(FaultKind::Died, format!("{shown}: {error}")),
    })?;
    text.trim()
        .parse()
        .map_err(|_| Fault::new(FaultKind::Garbage, format!("{shown} contains {text}")))
}

/// The entries of a folder whose names `wanted` accepts, in the order of their names.
pub(crate) fn entries(folder: &Path, wanted: impl Fn(&str) -> bool) -> Vec<PathBuf> {
    let Ok(all) = fs::read_dir(folder) else {
        return Vec::new();
    };
    let mut found: Vec<PathBuf> = all
        .flatten()
        .filter(|entry| entry.file_name().to_str().is_some_and(&wanted))
        .map(|entry| entry.path())
        .collect();
    found.sort();
    found
}

/// The cards of `vendor` (for example `0x1002`) below `class/drm`, connectors left out.
pub(crate) fn cards(root: &SysRoot, vendor: &str) -> Vec<Card> {
    let is_card = |name: &str| {
        name.strip_prefix("card")
            .is_some_and(|n| !n.is_empty() && n.bytes().all(|b| b.is_ascii_digit()))
    };
    entries(&root.sys.join("class/drm"), is_card)
        .into_iter()
        .map(|card| Card {
            device: card.join("device"),
            card,
        })
        .filter(|card| text(&card.device.join("vendor")).as_deref() == Some(vendor))
        .collect()
}

/// One graphics card.
#[derive(Debug, Clone)]
pub(crate) struct Card {
    /// Its folder below `class/drm`.
    pub(crate) card: PathBuf,
    /// The folder of its device.
    pub(crate) device: PathBuf,
}

impl Card {
    /// Its address on the bus, which does not change at boot; else the name of its folder.
    pub(crate) fn id(&self) -> String {
        let slot = text(&self.device.join("uevent")).and_then(|all| {
            all.lines()
                .find_map(|line| line.strip_prefix("PCI_SLOT_NAME="))
                .map(str::to_owned)
        });
        let folder = || {
            self.card
                .file_name()
                .map(|n| n.to_string_lossy().into_owned())
        };
        slot.or_else(folder).unwrap_or_default()
    }

    /// Its name: the product's, else the maker's with the device number.
    pub(crate) fn name(&self, maker: &str) -> String {
        if let Some(product) = text(&self.device.join("product_name")).filter(|n| !n.is_empty()) {
            return product;
        }
        match text(&self.device.join("device")) {
            Some(number) => format!("{maker} GPU {number}"),
            None => format!("{maker} GPU"),
        }
    }

    /// Its sensor folders whose `name` is one that `wanted` accepts. Their numbers change at boot.
    pub(crate) fn hwmon(&self, wanted: impl Fn(&str) -> bool) -> Option<PathBuf> {
        entries(&self.device.join("hwmon"), |name| name.starts_with("hwmon"))
            .into_iter()
            .find(|folder| text(&folder.join("name")).is_some_and(|name| wanted(&name)))
    }
}

/// A counter of microjoules that may wrap, be reset or jump; it sums up the steps that are to be believed.
#[derive(Debug, Clone, Default)]
pub(crate) struct Counter {
    last: Option<(u64, Instant)>,
    total_uj: f64,
}

/// What a counter said at one reading.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(crate) struct CounterStep {
    /// Joules since the first reading; None where this step is not to be believed.
    pub(crate) total_j: Option<f64>,
    /// Mean power since the reading before, watts.
    pub(crate) watts: Option<f64>,
    /// Time since the reading before, seconds.
    pub(crate) window_s: Option<f64>,
}

impl Counter {
    /// Takes the counter's value at `now`. `range` is the value after which it starts again at 0,
    /// where it is known; `most_watts` is the power that no step can exceed.
    pub(crate) fn step(
        &mut self,
        value: u64,
        now: Instant,
        range: Option<u64>,
        most_watts: f64,
    ) -> CounterStep {
        let Some((last, then)) = self.last.replace((value, now)) else {
            return CounterStep {
                total_j: Some(0.0),
                ..CounterStep::default()
            };
        };
        let seconds = now.saturating_duration_since(then).as_secs_f64();
        let step = match (value.checked_sub(last), range) {
            (Some(step), _) => Some(step),
            (None, Some(range)) => range
                .checked_sub(last)
                .map(|rest| rest.saturating_add(value)),
            (None, None) => None,
        };
        let watts = step
            .filter(|_| seconds > 0.0)
            .map(|step| step as f64 / 1e6 / seconds);
        let believed = step.filter(|_| watts.is_some_and(|watts| watts <= most_watts));
        let Some(step) = believed else {
            return CounterStep::default();
        };
        self.total_uj += step as f64;
        CounterStep {
            total_j: Some(self.total_uj / 1e6),
            watts,
            window_s: Some(seconds),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn at(begin: Instant, seconds: u64) -> Instant {
        begin + Duration::from_secs(seconds)
    }

    #[test]
    fn a_counter_wraps_at_its_range() {
        let (mut counter, begin) = (Counter::default(), Instant::now());
        let range = Some(262_143_328_850);
        counter.step(262_143_328_850 - 30_000_000, begin, range, 2000.0);
        let step = counter.step(35_000_000, at(begin, 1), range, 2000.0);
        assert_eq!(step.watts.map(f64::round), Some(65.0));
        assert_eq!(step.total_j.map(f64::round), Some(65.0));
    }

    #[test]
    fn a_reset_and_a_spike_are_not_believed_and_not_summed() {
        let (mut counter, begin) = (Counter::default(), Instant::now());
        counter.step(1_000_000_000, begin, None, 2000.0);
        assert_eq!(
            counter.step(5, at(begin, 1), None, 2000.0),
            CounterStep::default()
        );
        let spike = counter.step(9_000_000_000_000, at(begin, 2), None, 2000.0);
        assert_eq!(spike, CounterStep::default());
        let good = counter.step(9_000_100_000_000, at(begin, 3), None, 2000.0);
        assert_eq!((good.watts, good.total_j), (Some(100.0), Some(100.0)));
    }
}
