//! What is drawn for a request before it starts: how long its answer is, how much of it is thinking,
//! how fast it comes. All of it follows from the seed and the request's number.

use crate::sim::chance::Chance;
use crate::sim::engine::Job;
use crate::sim::profile::Profile;
use crate::text::numbers::{floor_u64, u32_of};
use std::time::Duration;

/// What is drawn for one request, before limits.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Draft {
    /// Tokens of the whole answer of a thinking model.
    length: u32,
    /// Those of them that are thinking.
    thinking: u32,
    /// Speed as a factor of the curve's.
    speed: f64,
    /// Prefill without the prompt's part, seconds.
    base_s: f64,
    /// Seconds for each token of the prompt.
    prompt_token_s: f64,
    /// The seed of its words.
    pub(super) words: u64,
}

/// How long an answer is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Extent {
    /// Tokens in all.
    pub(super) tokens: u32,
    /// Those of them, at the front, that are thinking.
    pub(super) thinking: u32,
    /// Whether a limit cut it short.
    pub(super) cut: bool,
}

impl Draft {
    /// What is drawn for request number `nth`.
    pub(super) fn new(profile: &Profile, seed: u64, nth: u64) -> Self {
        let mut chance = Chance::new(seed, nth);
        let answer = &profile.answer;
        let length = floor_u64(chance.log_normal(answer.mean, answer.sd).round())
            .clamp(u64::from(answer.min), u64::from(answer.max));
        let share = chance.between(profile.thinking.share);
        // Cut at 2.5 standard deviations: no request is twice as fast as its neighbor.
        let lean = chance.normal().clamp(-2.5, 2.5);
        let length = u32::try_from(length).unwrap_or(u32::MAX);
        Self {
            length,
            thinking: u32::try_from(floor_u64(f64::from(length) * share)).unwrap_or(0),
            speed: 1.0 + profile.decode.spread * lean,
            base_s: chance.between(profile.prefill.base_s),
            prompt_token_s: 1.0 / profile.prefill.tok_s,
            words: chance.next(),
        }
    }

    /// The answer's length for a model that thinks or not, under the client's limit.
    pub(super) fn extent(&self, thinks: bool, limit: Option<u32>) -> Extent {
        let thinking = if thinks { self.thinking } else { 0 };
        let whole = if thinks {
            self.length
        } else {
            self.length - self.thinking
        };
        let tokens = whole.min(limit.unwrap_or(u32::MAX)).max(1);
        Extent {
            tokens,
            thinking: thinking.min(tokens),
            cut: tokens < whole,
        }
    }

    /// The words and length of another draft at its own speed and wait: a client's seed decides
    /// only what is said.
    pub(super) fn with_content_of(self, other: &Self) -> Self {
        Self {
            length: other.length,
            thinking: other.thinking,
            words: other.words,
            ..self
        }
    }

    /// What the engine has to do for `tokens` of it.
    pub(super) fn job(&self, tokens: u32, prompt_tokens: u32, not_before: Duration) -> Job {
        Job {
            tokens,
            prefill_s: self.base_s + f64::from(prompt_tokens) * self.prompt_token_s,
            speed: self.speed,
            not_before,
        }
    }
}

/// About how many tokens a text is: four bytes each, and a few for the template around it.
pub(super) fn prompt_tokens(bytes: usize) -> u32 {
    u32_of(bytes.div_ceil(4)).saturating_add(4)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_decides_everything() {
        let p = Profile::default();
        assert_eq!(Draft::new(&p, 1, 7), Draft::new(&p, 1, 7));
        assert_ne!(Draft::new(&p, 1, 7), Draft::new(&p, 1, 8));
        assert_ne!(Draft::new(&p, 1, 7), Draft::new(&p, 2, 7));
    }

    #[test]
    fn answers_are_as_long_as_those_of_the_study() {
        let p = Profile::default();
        let lengths: Vec<f64> = (0..5000)
            .map(|i| f64::from(Draft::new(&p, 42, i).extent(true, None).tokens))
            .collect();
        let mean = lengths.iter().sum::<f64>() / lengths.len() as f64;
        assert!((1900.0..2000.0).contains(&mean), "{mean}");
        assert!(lengths.iter().all(|n| (1150.0..=3700.0).contains(n)));
    }

    #[test]
    fn limits_cut_and_thinking_comes_first() {
        let draft = Draft::new(&Profile::default(), 42, 0);
        let whole = draft.extent(true, None);
        assert!(whole.thinking > 0 && whole.thinking < whole.tokens && !whole.cut);
        let cut = draft.extent(true, Some(24));
        assert_eq!((cut.tokens, cut.thinking, cut.cut), (24, 24, true));
        let plain = draft.extent(false, None);
        assert_eq!(plain.tokens, whole.tokens - whole.thinking);
        assert_eq!((plain.thinking, plain.cut), (0, false));
        let unreached = draft.extent(true, Some(whole.tokens));
        assert!(!unreached.cut);
    }
}
