//! The requests of a cycle as one list: those in flight by id, then the ended ones, newest first.

use ratatui::style::Style;

use crate::event::{Outcome, Phase, RequestRecord, Stamp};
use crate::metrics::state::{CycleState, Live};
use crate::tui::theme::Theme;

/// One request, in flight or ended.
#[derive(Debug, Clone, Copy)]
pub enum RequestRow<'a> {
    /// In flight.
    Live(&'a Live),
    /// Ended.
    Ended(&'a RequestRecord),
}

/// Every request of the cycle, in the order of the list.
pub fn entries(cycle: &CycleState) -> impl Iterator<Item = RequestRow<'_>> {
    let live = cycle.in_flight.values().map(RequestRow::Live);
    live.chain(cycle.requests.iter().rev().map(RequestRow::Ended))
}

/// How many there are.
pub fn len(cycle: &CycleState) -> usize {
    cycle.in_flight.len() + cycle.requests.len()
}

/// The one at `row` of the list.
pub fn nth(cycle: &CycleState, row: usize) -> Option<RequestRow<'_>> {
    match row.checked_sub(cycle.in_flight.len()) {
        None => cycle.in_flight.values().nth(row).map(RequestRow::Live),
        Some(row) => cycle.requests.iter().rev().nth(row).map(RequestRow::Ended),
    }
}

/// The row of a request in the list.
pub fn row_of(cycle: &CycleState, id: u64) -> Option<usize> {
    entries(cycle).position(|entry| entry.id() == id)
}

impl<'a> RequestRow<'a> {
    /// Its id.
    pub fn id(&self) -> u64 {
        match self {
            Self::Live(live) => live.id,
            Self::Ended(record) => record.id,
        }
    }

    /// The user that asked.
    pub fn user(&self) -> u32 {
        match self {
            Self::Live(live) => live.user,
            Self::Ended(record) => record.user,
        }
    }

    /// Which of the user's requests it is.
    pub fn round(&self) -> u32 {
        match self {
            Self::Live(live) => live.round,
            Self::Ended(record) => record.round,
        }
    }

    /// Its record, once it has ended.
    pub fn record(&self) -> Option<&'a RequestRecord> {
        match self {
            Self::Live(_) => None,
            Self::Ended(record) => Some(record),
        }
    }

    /// Tokens so far, or in all.
    pub fn tokens(&self) -> u64 {
        match self {
            Self::Live(live) => u64::from(live.tokens),
            Self::Ended(record) => record.output_tokens(),
        }
    }

    /// [`RequestRow::tokens`] as text; marked `~` where only chunks could be counted.
    pub fn tokens_text(&self) -> String {
        let counted = self
            .record()
            .is_none_or(|r| r.server.output_tokens.is_some());
        let mark = if counted || self.tokens() == 0 {
            ""
        } else {
            "~"
        };
        format!("{mark}{}", self.tokens())
    }

    /// Its speed so far, or in all, tokens a second.
    pub fn speed_tok_s(&self, now: Stamp) -> Option<f64> {
        match self {
            Self::Live(live) => live.speed_tok_s(now),
            Self::Ended(record) => record.speed_tok_s(),
        }
    }

    /// Its wait for the first token, seconds; None while it still waits.
    pub fn wait_s(&self) -> Option<f64> {
        match self {
            Self::Live(live) => live.first_token.map(|first| first.since(live.sent)),
            Self::Ended(record) => record.ttft_s(),
        }
    }

    /// How long it has been waiting for its first token, seconds; None once it waits no more.
    pub fn waiting_s(&self, now: Stamp) -> Option<f64> {
        match self {
            Self::Live(live) if live.first_token.is_none() => Some(now.since(live.sent)),
            _ => None,
        }
    }

    /// Sent → end, or until now, seconds.
    pub fn duration_s(&self, now: Stamp) -> f64 {
        match self {
            Self::Live(live) => now.since(live.sent),
            Self::Ended(record) => record.ended.since(record.sent),
        }
    }

    /// What it is doing; None for one that came to nothing: cancelled, or without a server.
    pub fn phase(&self) -> Option<Phase> {
        match self {
            Self::Live(live) => Some(live.phase),
            Self::Ended(record) => match record.outcome {
                Outcome::Done { .. } => Some(Phase::Done),
                Outcome::Failed { .. } => Some(Phase::Failed),
                Outcome::ServerGone { .. } | Outcome::Cancelled => None,
            },
        }
    }

    /// What it is doing, in a word or two: a failed one with the kind of its failure.
    pub fn state(&self) -> String {
        match self.record().map(|record| &record.outcome) {
            Some(Outcome::Failed { kind, .. }) => format!("failed: {}", kind.words()),
            Some(Outcome::ServerGone { .. }) => "server gone".to_owned(),
            Some(Outcome::Cancelled) => "cancelled".to_owned(),
            Some(Outcome::Done { .. }) | None => self
                .phase()
                .map_or_else(String::new, |phase| phase.to_string()),
        }
    }

    /// The style of its state.
    pub fn style(&self, theme: &Theme) -> Style {
        match self.phase() {
            Some(Phase::Queued) => theme.warn,
            Some(Phase::Thinking) => theme.thinking,
            Some(Phase::Answering) => theme.text,
            Some(Phase::Done) => theme.good,
            Some(Phase::Failed) => theme.bad,
            None => theme.dim,
        }
    }

    /// How far it is, 0–1, given the most tokens an answer may have; None where that is not known.
    pub fn progress(&self, max_tokens: Option<u32>) -> Option<f64> {
        if self.phase() == Some(Phase::Done) {
            return Some(1.0);
        }
        let most = max_tokens.filter(|most| *most > 0)?;
        Some(self.tokens() as f64 / f64::from(most))
    }
}
