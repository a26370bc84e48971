//! The dashboard and the preview, driven as a user drives them: keys and events in, screens and commands out. The
//! loop is the real one; only the terminal, the keyboard and the session are made of memory. And every pane
//! by itself.
//!
//! The clock is paused: it moves only when everything has been taken in and drawn.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test says what is wrong by failing"
)]

mod any;
mod bracket;
mod contradictions;
mod fixture;
mod keys;
mod library;
mod live;
mod machine;
mod pane_runs;
mod panes;
mod preview;
mod preview_app;
mod preview_lanes;
mod preview_record;
mod replay;
mod runs;
mod same_numbers;
mod screens;
mod sliders;
#[path = "../support/story.rs"]
mod story;
#[path = "../support/uneven.rs"]
mod uneven;
