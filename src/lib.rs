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
//! Arrows point one way: `ui` knows `stats`, `stats` knows `event`, nobody knows `ui`.

pub mod api;
pub mod cli;
pub mod commands;
pub mod config;
pub mod event;
pub mod headless;
pub mod history;
pub mod monitor;
pub mod picture;
pub mod plan;
pub mod platform;
pub mod preview;
pub mod report;
pub mod run;
pub mod sim;
pub mod stats;
pub mod store;
pub mod ui;
pub mod units;
