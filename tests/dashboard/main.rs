//! The whole dashboard, driven as a user drives it: keys and news in, screens and asks out. The loop
//! is the real one; only the terminal, the keyboard and the session are made of memory.
//!
//! The clock is paused: it moves only when everything has been taken in and drawn.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test says what is wrong by failing"
)]

mod any;
mod fixture;
mod keys;
mod library;
mod machine;
mod preview;
mod replay;
mod runs;
mod screens;
mod story;
