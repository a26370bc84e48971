//! A finished request against the limits: the one place that says what meets them.

use crate::event::RequestRecord;
use crate::metrics::wilson::wilson;
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
    /// None for a request that the user cancelled, or that lost its server.
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

/// How a share of requests compares with the required one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Attained {
    /// It is reached.
    Yes,
    /// It is not, but so few requests could still come from a server that reaches it.
    Almost,
    /// It is not.
    No,
}

/// How `met` of `of` requests compare with the required share; None of none.
pub fn attained(met: u64, of: u64, share: f64) -> Option<Attained> {
    let (_, high) = wilson(met, of)?;
    Some(if met as f64 >= share * of as f64 {
        Attained::Yes
    } else if high >= share {
        Attained::Almost
    } else {
        Attained::No
    })
}

/// How many of the samples met a limit, and how many can be judged at all.
pub fn met(samples: impl Iterator<Item = Option<bool>>) -> (u64, u64) {
    samples.flatten().fold((0, 0), |(met, judged), is_met| {
        (met + u64::from(is_met), judged + 1)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn few_requests_do_not_show_that_a_share_is_missed() {
        assert_eq!(attained(0, 0, 0.9), None);
        assert_eq!(attained(9, 10, 0.9), Some(Attained::Yes));
        assert_eq!(attained(3, 4, 0.9), Some(Attained::Almost));
        assert_eq!(attained(0, 3, 0.9), Some(Attained::No));
        assert_eq!(attained(70, 100, 0.9), Some(Attained::No));
    }
}
