//! What a worker counts of one request while it streams, in memory that it owns.

use std::sync::MutexGuard;

use crate::dialect::decode::Sink;
use crate::event::{Answer, Stamp};

use crate::load::in_flight::append;

/// Counts and stamps of one request. Reused from request to request, so it allocates only once.
#[derive(Debug, Default)]
pub struct TokenStats {
    /// Arrival of the first token.
    pub first_token: Option<Stamp>,
    /// Whether that was thinking.
    pub first_thinking: bool,
    /// Arrival of the first token that is not thinking.
    pub first_answer: Option<Stamp>,
    /// Arrival of the last token.
    pub last_token: Option<Stamp>,
    /// Token-bearing chunks.
    pub chunks: u32,
    /// Those of thinking.
    pub thinking_chunks: u32,
    gaps_us: Vec<u32>,
}

impl TokenStats {
    /// A tally with room for the gaps of so many tokens.
    pub fn with_capacity(tokens: u32) -> Self {
        let room = usize::try_from(tokens).unwrap_or(0).min(1 << 16);
        Self {
            gaps_us: Vec::with_capacity(room),
            ..Self::default()
        }
    }

    /// Tokens for which there is room.
    pub(crate) fn room(&self) -> usize {
        self.gaps_us.capacity()
    }

    /// Forgets the request, keeps the memory.
    pub fn clear(&mut self) {
        let mut gaps_us = std::mem::take(&mut self.gaps_us);
        gaps_us.clear();
        *self = Self {
            gaps_us,
            ..Self::default()
        };
    }

    /// Whether the last token was thinking.
    pub fn is_thinking(&self) -> bool {
        self.first_answer.is_none()
    }

    /// A token-bearing chunk arrived.
    pub fn chunk(&mut self, at: Stamp, thinking: bool) {
        if let Some(last) = self.last_token {
            let gap = at.0.saturating_sub(last.0);
            self.gaps_us.push(u32::try_from(gap).unwrap_or(u32::MAX));
        } else {
            self.first_token = Some(at);
            self.first_thinking = thinking;
        }
        self.last_token = Some(at);
        self.chunks += 1;
        if thinking {
            self.thinking_chunks += 1;
        } else if self.first_answer.is_none() {
            self.first_answer = Some(at);
        }
    }

    /// The gaps as `[microseconds, count, …]`, ascending, each rounded down to 3 significant digits.
    pub fn gaps(&mut self) -> Vec<u64> {
        for gap in &mut self.gaps_us {
            *gap = three_digits(*gap);
        }
        self.gaps_us.sort_unstable();
        let runs = self.gaps_us.chunk_by(|a, b| a == b);
        let pair = |run: &[u32]| {
            [
                u64::from(run.first().copied().unwrap_or(0)),
                run.len() as u64,
            ]
        };
        runs.flat_map(pair).collect()
    }
}

/// `value` rounded down to 3 significant digits.
fn three_digits(value: u32) -> u32 {
    let mut unit = 1;
    while value / unit >= 1000 {
        unit *= 10;
    }
    value / unit * unit
}

/// Takes the tokens of one read: all of them arrived at the same instant.
pub struct Arrivals<'a> {
    /// What is counted of the request.
    pub tokens: &'a mut TokenStats,
    /// Its answer so far.
    pub answer: MutexGuard<'a, Answer>,
    /// The instant of the read.
    pub at: Stamp,
    /// When the request was sent.
    pub sent: Stamp,
}

impl Sink for Arrivals<'_> {
    fn chunk(&mut self, thinking: bool) {
        self.tokens.chunk(self.at, thinking);
    }

    fn text(&mut self, text: &str, thinking: bool) {
        let at_us = self.at.0.saturating_sub(self.sent.0);
        append(&mut self.answer, text, thinking, at_us);
    }

    fn was_thinking(&mut self) {
        self.tokens.first_answer = None;
        self.tokens.first_thinking = true;
        self.tokens.thinking_chunks = self.tokens.chunks;
        self.answer.was_thinking();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gaps_are_counted_by_their_first_three_digits() {
        let mut tally = TokenStats::default();
        for at in [100, 100, 150, 20_150, 40_155, 1_040_155] {
            tally.chunk(Stamp(at), false);
        }
        assert_eq!(tally.gaps(), [0, 1, 50, 1, 20_000, 2, 1_000_000, 1]);
        assert_eq!(
            (tally.first_token, tally.last_token),
            (Some(Stamp(100)), Some(Stamp(1_040_155)))
        );
    }

    #[test]
    fn thinking_comes_before_the_first_answer() {
        let mut tally = TokenStats::default();
        for (at, thinking) in [(1, true), (2, true), (3, false)] {
            tally.chunk(Stamp(at), thinking);
        }
        assert!(tally.first_thinking && !tally.is_thinking());
        assert_eq!(
            (tally.first_answer, tally.thinking_chunks),
            (Some(Stamp(3)), 2)
        );
        tally.clear();
        assert!(tally.is_thinking() && tally.gaps().is_empty() && tally.chunks == 0);
    }
}
