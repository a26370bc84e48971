//! The program from the outside, without a terminal: flags, exit codes, and what it writes where.

#![expect(clippy::unwrap_used, reason = "a test says what is wrong by failing")]

mod answers;
mod config;
mod headless;
#[cfg(unix)]
mod listener;
mod process;
#[cfg(unix)]
mod resume;
mod servers;
#[cfg(unix)]
mod signals;
mod usage;
