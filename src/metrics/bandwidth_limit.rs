//! How near a single stream comes to what the memory allows.

use serde::{Deserialize, Serialize};

use crate::event::{RequestRecord, SourceName};
use crate::metrics::bandwidth;
use crate::metrics::gpus;
use crate::metrics::state::{CycleState, RunState};
use crate::text::numbers::{decimal, percent};

/// The speed of a single stream against what the memory allows: each token of a dense model reads all
/// of it once.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct PhysicalLimit {
    /// Mean speed of the level of one user, tokens a second.
    pub speed_tok_s: f64,
    /// The limit, tokens a second.
    pub limit_tok_s: f64,
    /// The speed as a share of it; above 1 a number is wrong.
    pub share: f64,
    /// Memory bandwidth, bytes a second.
    pub bandwidth_bytes_s: f64,
    /// Bytes that one token reads: the model's size, or what the user gave.
    pub bytes_per_token: u64,
}

impl PhysicalLimit {
    /// The limit of a run; None where the bandwidth, the bytes of a token or the speed of one user are not
    /// known, and for simulated servers. Of a mixture of experts only the user can tell the bytes.
    pub fn from_run(run: &RunState) -> Option<Self> {
        let info = run.info.as_ref()?;
        if run.is_simulated() || info.target.simulated {
            return None;
        }
        let model = &info.target.model;
        let bytes = info.plan.energy.active_bytes.or_else(|| {
            bandwidth::bytes_per_token(model.size_bytes?, model.family.as_deref(), &model.name)
        });
        let alone = run.cycles.iter().filter(|c| c.users == 1 && c.is_whole());
        let done = alone.flat_map(CycleState::succeeded);
        let speeds: Vec<f64> = done.filter_map(RequestRecord::speed_tok_s).collect();
        if speeds.is_empty() {
            return None;
        }
        let speed_tok_s = speeds.iter().sum::<f64>() / speeds.len() as f64;
        let bandwidth_bytes_s = bandwidth_of(run)?;
        Self::from_speed(speed_tok_s, bandwidth_bytes_s, bytes?)
    }

    fn from_speed(speed_tok_s: f64, bandwidth_bytes_s: f64, bytes_per_token: u64) -> Option<Self> {
        let limit_tok_s = bandwidth_bytes_s / bytes_per_token as f64;
        let is_usable = limit_tok_s.is_finite() && limit_tok_s > 0.0 && speed_tok_s.is_finite();
        is_usable.then(|| Self {
            speed_tok_s,
            limit_tok_s,
            share: speed_tok_s / limit_tok_s,
            bandwidth_bytes_s,
            bytes_per_token,
        })
    }

    /// What to print in place of the limit of this model, where its size does not give one.
    pub fn unavailable(family: Option<&str>, name: &str) -> Option<&'static str> {
        let is_mixture = bandwidth::is_mixture(family, name);
        is_mixture.then_some(
            "limit of one user: not available for a mixture of experts (see --active-bytes)",
        )
    }

    /// The warning where the speed is above the limit.
    pub fn warning(&self) -> Option<String> {
        (self.share > 1.0).then(|| {
            format!(
                "A single user is measured at {} of what memory bandwidth allows ({} tok/s): \
                 the token count, the model's size or the bandwidth is wrong.",
                percent(Some(self.share), 0),
                decimal(self.limit_tok_s, 1)
            )
        })
    }
}

/// Memory bandwidth of what computes, bytes a second: as the user gave it, of the cards (all of them
/// together: an upper bound), or of the Apple chip.
fn bandwidth_of(run: &RunState) -> Option<f64> {
    let info = run.info.as_ref()?;
    let given = info.plan.energy.bandwidth_bytes_s;
    let cards = || {
        let gpus = gpus::in_use(run.machine.gpus.values().map(|(_, sample)| sample));
        let known = gpus.iter().map(|gpu| gpu.bandwidth_bytes_s);
        known.sum::<Option<f64>>().filter(|sum| *sum > 0.0)
    };
    let chip = || {
        let gpus = run.machine.gpus.values();
        let names = gpus.filter_map(|(_, gpu)| gpu.name.as_deref());
        // The processor counts only where the server runs on it.
        let here = !run.machine.sources.contains_key(&SourceName::ThisMachine);
        let cpu = info.machine.cpu.as_deref().filter(|_| here);
        names.chain(cpu).find_map(bandwidth::apple_chip)
    };
    given.or_else(cards).or_else(chip)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_speed_above_the_limit_is_called_wrong() {
        let limit = |speed, bytes| PhysicalLimit::from_speed(speed, 200e9, bytes);
        let wrong = limit(55.0, 4_700_000_000).unwrap();
        assert!((wrong.limit_tok_s - 42.55).abs() < 0.01);
        assert!(wrong.warning().unwrap().contains("129 %"));
        assert_eq!(limit(34.0, 4_700_000_000).unwrap().warning(), None);
        assert_eq!(limit(10.0, 0), None);
    }
}
