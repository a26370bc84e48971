//! The load: cycles of users that ask, measured at the socket.
//!
//! - `runner`: a state machine of cycles that handles [`Command`]s
//! - `request`: one request, its attempts and its record, with its `timers` and `failures`
//! - `socket`: the connection that stamps (`stamped`), as the `connector` opens it
//! - `users`: who asks; `pause`: when they may not
//! - `presence`: whether the server is there; `absence`: who waits for one that is not, and how long
//! - `in_flight`: where the requests in flight are, for progress
//! - `timeline`: the one stream of events, from its makers to its readers

mod absence;
mod connections;
pub(crate) mod connector;
pub mod descriptors;
mod failures;
mod hopeless;
pub(crate) mod in_flight;
pub(crate) mod pause;
mod presence;
pub(crate) mod request;
pub(crate) mod runner;
mod settling;
mod socket;
mod stamped;
pub mod timeline;
mod timers;
pub mod token_stats;
mod users;
pub(crate) mod warmup;

/// What a user can tell a run in progress.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Command {
    /// Finish what is in flight, start nothing new; again to continue.
    TogglePause,
    /// Give up this cycle, continue to the next.
    Skip,
    /// Run the current (or, between cycles, the last) level once more, next.
    Repeat,
    /// Stop the run; what was measured stays.
    Stop,
    /// Stop because of a signal.
    Signal(i32),
    /// Add a level (kept in ascending order); one that is there already stays once.
    AddLevel(u32),
    /// Remove a queued level.
    RemoveLevel(u32),
}
