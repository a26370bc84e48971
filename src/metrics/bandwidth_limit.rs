//! How near a single stream comes to what the memory allows.

use serde::{Deserialize, Serialize};

use crate::event::RequestRecord;
use crate::metrics::bandwidth;
use crate::metrics::bandwidth::Share;
use crate::metrics::gpus;
use crate::metrics::level_energy::ELSEWHERE;
use crate::metrics::state::{CycleState, RunState};

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
    /// Bytes that one token reads: the model's size, or what the user told.
    pub bytes_per_token: u64,
}

impl PhysicalLimit {
    /// The limit of a run; None where the bandwidth, the bytes of a token or the speed of one user are not
    /// known, and for simulated servers. Of a mixture of experts only the user can tell the bytes.
    pub fn of(run: &RunState) -> Option<Self> {
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
        let share = bandwidth::share_of_limit(speed_tok_s, bandwidth_bytes_s, bytes)?;
        Some(Self {
            speed_tok_s,
            limit_tok_s: share.limit_tok_s,
            share: share.share,
            bandwidth_bytes_s,
            bytes_per_token: bytes?,
        })
    }

    /// What to say in place of the limit of this model, where it has none that its size tells.
    pub fn not_told(family: Option<&str>, name: &str) -> Option<&'static str> {
        let is_mixture = bandwidth::is_mixture(family, name);
        is_mixture.then_some("limit of one user: n/a for a mixture of experts (see --active-bytes)")
    }

    /// What to say where the speed is above the limit.
    pub fn warning(&self) -> Option<String> {
        let share = Share {
            limit_tok_s: self.limit_tok_s,
            share: self.share,
        };
        share.warning()
    }
}

/// Memory bandwidth of what computes, bytes a second: as the user told it, of the cards (all of them
/// together: an upper bound), or of the Apple chip.
fn bandwidth_of(run: &RunState) -> Option<f64> {
    let info = run.info.as_ref()?;
    let told = info.plan.energy.bandwidth_bytes_s;
    let cards = || {
        let gpus = gpus::in_use(run.machine.gpus.values().map(|(_, sample)| sample));
        let known = gpus.iter().map(|gpu| gpu.bandwidth_bytes_s);
        known.sum::<Option<f64>>().filter(|sum| *sum > 0.0)
    };
    let chip = || {
        let gpus = run.machine.gpus.values();
        let names = gpus.filter_map(|(_, gpu)| gpu.name.as_deref());
        // The processor counts only where the server runs on it.
        let here = !run.machine.sources.contains_key(ELSEWHERE);
        let cpu = info.machine.cpu.as_deref().filter(|_| here);
        names.chain(cpu).find_map(bandwidth::of_apple_chip)
    };
    told.or_else(cards).or_else(chip)
}
