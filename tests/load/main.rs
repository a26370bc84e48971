//! The load, proved through a session: against the built-in simulator, and against a server that
//! does, byte by byte, what the test says.

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
