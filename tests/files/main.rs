//! What a run leaves behind, from events to files and back: the run directory, summaries, comparisons, reports,
//! imports, and what the printer says.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test says what is wrong by failing"
)]

mod compare;
mod headless_printer;
mod history;
#[path = "../support/measured.rs"]
mod measured;
mod recordings;
mod report;
mod run_directory;
mod runs_of_0_1_0;
#[cfg(target_os = "linux")]
#[path = "../support/skip.rs"]
mod skip;
#[path = "../support/small_run.rs"]
mod small_run;
#[path = "../support/story.rs"]
mod story;
mod study;
mod summary;
#[path = "../support/uneven.rs"]
mod uneven;
