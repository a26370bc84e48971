//! The real program in a real terminal: a pseudo-terminal on one side of which it runs, with an
//! emulator on the other. However it ends, the terminal must be the shell's again, the exit code
//! right, and what was measured on disk.
//!
//! Nothing is timed: a test waits for what the screen must show, as long as
//! `TOKOMETER_TEST_PATIENCE_S` allows.

mod ends;
mod history;
mod keys;
mod looks;
mod preview;
mod pty;
mod seen;
mod start;
mod tui;
