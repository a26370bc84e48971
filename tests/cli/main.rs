//! The real binary: flags, exit codes and what it writes where; and, on a pseudo-terminal, what it
//! shows and how it gives the terminal back.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test says what is wrong by failing"
)]

mod answers;
mod canned;
mod check;
mod config;
mod detection;
mod dialects;
mod fronts;
mod headless;
mod keys;
#[cfg(unix)]
mod listener;
mod ollama_client;
mod preview_command;
mod process;
#[cfg(unix)]
mod resume;
mod servers;
#[cfg(unix)]
mod signals;
#[path = "../support/skip.rs"]
mod skip;
#[cfg(unix)]
#[path = "../support/small_run.rs"]
mod small_run;
#[cfg(unix)]
#[path = "../support/story.rs"]
mod story;
#[cfg(unix)]
mod terminal;
mod usage;
mod ways;
