//! A finished request against the limits: the one place that says what meets them.

use crate::event::RequestRecord;
use crate::plan::Limits;

/// What the limits want to know of a finished request.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Sample {
    /// It failed: it meets no limit, and no mean knows it.
    pub failed: bool,
    /// TTFT, seconds.
    pub wait_s: Option<f64>,
    /// Speed, tokens a second; absent for answers of fewer than two tokens.
    pub speed_tok_s: Option<f64>,
}

impl Sample {
    /// None for a request that the user cancelled.
    pub fn from_request(request: &RequestRecord) -> Option<Self> {
        request.is_finished().then(|| Self {
            failed: !request.is_done(),
            wait_s: request.ttft_s(),
            speed_tok_s: request.speed_tok_s(),
        })
    }

    /// Whether its wait was acceptable; None where it is not known.
    pub fn meets_wait(&self, limits: &Limits) -> Option<bool> {
        if self.failed {
            return Some(false);
        }
        self.wait_s.map(|wait| wait <= limits.wait_s)
    }

    /// Whether its speed was acceptable; None where it is not known.
    pub fn meets_speed(&self, limits: &Limits) -> Option<bool> {
        if self.failed {
            return Some(false);
        }
        self.speed_tok_s.map(|speed| speed >= limits.speed_tok_s)
    }

    /// Whether both were acceptable. One known miss is enough; None where the rest is not known.
    pub fn meets_both(&self, limits: &Limits) -> Option<bool> {
        match (self.meets_wait(limits), self.meets_speed(limits)) {
            (Some(false), _) | (_, Some(false)) => Some(false),
            (Some(true), Some(true)) => Some(true),
            _ => None,
        }
    }
}

/// How many of the samples met a limit, and how many can be judged at all.
pub fn met(samples: impl Iterator<Item = Option<bool>>) -> (u64, u64) {
    samples.flatten().fold((0, 0), |(met, judged), is_met| {
        (met + u64::from(is_met), judged + 1)
    })
}
