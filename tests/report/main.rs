//! Reports, charts and the card to share.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test may panic")]

mod big;
mod browser;
mod charts;
mod files;
mod forms;
mod imported;
mod large;
mod share;
#[path = "../timeline/mod.rs"]
mod timeline;
