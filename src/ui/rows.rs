//! The order of the requests on the screen. The keys that move the selection and the panes that
//! draw the rows share it, so that the cursor goes where the eye expects.

use crate::event::{Phase, RequestRecord, Stamp};
use crate::stats::state::{CycleState, Live};

/// What the table of requests is ordered by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, strum::Display)]
#[strum(serialize_all = "lowercase")]
pub enum SortBy {
    /// The order in which they were sent.
    #[default]
    Id,
    /// Most tokens first.
    Tokens,
    /// Slowest first: the bad end.
    Speed,
    /// Longest wait first.
    Wait,
    /// In flight, failed, done.
    State,
}

impl SortBy {
    /// The order after this one.
    #[must_use]
    pub const fn next(self) -> Self {
        match self {
            Self::Id => Self::Tokens,
            Self::Tokens => Self::Speed,
            Self::Speed => Self::Wait,
            Self::Wait => Self::State,
            Self::State => Self::Id,
        }
    }
}

/// One request, in flight or over.
#[derive(Debug, Clone, Copy)]
pub enum Row<'a> {
    /// In flight.
    Live(&'a Live),
    /// Over.
    Ended(&'a RequestRecord),
}

impl Row<'_> {
    /// Its id.
    pub const fn id(self) -> u64 {
        match self {
            Self::Live(live) => live.id,
            Self::Ended(record) => record.id,
        }
    }

    /// Output tokens so far.
    pub fn tokens(self) -> u64 {
        match self {
            Self::Live(live) => u64::from(live.tokens),
            Self::Ended(record) => record.output_tokens(),
        }
    }

    /// Speed, tokens a second.
    pub fn speed_tok_s(self, now: Stamp) -> Option<f64> {
        match self {
            Self::Live(live) => live.speed_tok_s(now),
            Self::Ended(record) => record.speed_tok_s(),
        }
    }

    /// The wait for the first token, seconds; the wait so far where none has come yet.
    pub fn wait_s(self, now: Stamp) -> Option<f64> {
        match self {
            Self::Live(live) => Some(live.first_token.unwrap_or(now).since(live.sent)),
            Self::Ended(record) => record.ttft_s(),
        }
    }

    fn rank(self) -> u8 {
        match self {
            Self::Live(live) if live.phase == Phase::Queued => 1,
            Self::Live(_) => 0,
            Self::Ended(record) if record.failure().is_some() => 2,
            Self::Ended(_) => 3,
        }
    }
}

/// The requests of a cycle, in order. Those that have no value to be ordered by come last.
pub fn rows(cycle: &CycleState, sort: SortBy, now: Stamp) -> Vec<Row<'_>> {
    let live = cycle.in_flight.values().map(Row::Live);
    let mut rows: Vec<Row<'_>> = live.chain(cycle.requests.iter().map(Row::Ended)).collect();
    rows.sort_unstable_by_key(|row| row.id());
    let last = f64::INFINITY;
    match sort {
        SortBy::Id => {}
        SortBy::Tokens => rows.sort_by_key(|row| std::cmp::Reverse(row.tokens())),
        SortBy::Speed => rows.sort_by(|a, b| {
            let key = |row: &Row<'_>| row.speed_tok_s(now).unwrap_or(last);
            key(a).total_cmp(&key(b))
        }),
        SortBy::Wait => rows.sort_by(|a, b| {
            let key = |row: &Row<'_>| row.wait_s(now).map_or(last, |wait| -wait);
            key(a).total_cmp(&key(b))
        }),
        SortBy::State => rows.sort_by_key(|row| row.rank()),
    }
    rows
}
