//! The load, proved through a session: against the built-in simulator, and against a server that
//! does, byte by byte, what the test says.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that panics has failed"
)]

mod any;
mod bench;
mod commands;
mod failures;
mod loops;
mod measures;
mod record;
mod rests;
mod says;
mod server;
mod watch;
mod wire;
