//! The simulated server as its clients see it, over real HTTP. How fast it is was tested without
//! a socket; here only bounds that hold on any machine are.

mod api;
mod faults;
mod harness;
mod server;
