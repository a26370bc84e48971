//! tokometer: a speedometer for language-model servers.
//!
//! Everything that happens in a run is an [`event::Event`]; everything else is a reader of that one
//! stream:
//!
//! ```text
//! workers ─┐                        ┌─> recorder ──> run directory (append-only log)
//! monitors ┼─ mpsc ─> Timeline ─────┼─> dashboard  (state = fold(events), drawn by pure panes)
//! keys ────┘      ▲                 └─> headless printer / JSON
//!                 └── commands (start, pause, skip, repeat, stop) go the other way, to the runner
//! ```
//!
//! The rooms, by floor. A room may use any room on a lower floor, none on its own or above it.
//!
//! | floor | rooms |
//! |---|---|
//! | 9 | [`cli`]: all of the command line, one file a command |
//! | 8 | [`tui`]: the dashboard; [`headless`]: the printer |
//! | 7 | [`report`]: reports, charts, cards; [`session`]: what finds a server and runs a plan; [`capture`]: pictures of screens |
//! | 6 | [`load`]: the users that send requests; [`probe`]: readings from a machine; [`store`]: the run directory; [`sim`]: a simulated server |
//! | 5 | [`metrics`]: folds over the timeline; [`dialect`]: the API of each server |
//! | 4 | [`event`]: the vocabulary of the timeline |
//! | 3 | [`plan`]: what a run does |
//! | 2 | [`text`]: sanitized text and formatted numbers |
//! | 1 | [`platform`]: what differs between operating systems, the only room with `cfg` |

pub mod capture;
pub mod cli;
pub mod dialect;
pub mod event;
pub mod headless;
pub mod load;
pub mod metrics;
pub mod plan;
pub mod platform;
pub mod probe;
pub mod report;
pub mod session;
pub mod sim;
pub mod store;
pub mod text;
pub mod tui;

#[cfg(test)]
mod arrows;
