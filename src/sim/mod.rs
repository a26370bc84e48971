//! The built-in simulated server: an HTTP server that speaks enough of Ollama for real clients,
//! with a model behind it that is a queue, slots and a speed curve. It never passes for a real
//! one: its version ends in `-simulated` and its `Server` header says so.
//!
//! ```text
//! server ─> routes ─┬─> complete ─> answer ┐                    sockets, paths, one answer
//!                   ├─> catalog, pull      ├─> shared_state ─> engine       which token is due when
//!                   └─> ask, reply, wire ──┘        └─────> model_store     models in memory
//!                                       profile, fault, draft, words <── chance (the seed)
//! ```
//!
//! - `engine`: queue, slots and speeds, a pure state machine over instants
//! - `shared_state`: what connections share; drives the engine by its clock
//! - `profile`: what a server is like, from `assets/sim/*.toml`
//! - `draft`, `words`, `chance`: what a seed decides about an answer
//! - `model_store`: which models are installed and loaded
//! - `fault`: what goes wrong, and in which requests
//! - `ask`, `wire`, `reply`: Ollama's requests, lines and errors
//!
//! A time scale makes the whole server faster, in real time: what is measured is then faster too.

mod answer;
mod ask;
mod catalog;
mod chance;
mod complete;
mod draft;
mod engine;
mod fault;
mod model_store;
mod profile;
mod pull;
mod reply;
mod routes;
mod server;
mod shared_state;
mod wire;
mod words;

#[cfg(test)]
mod gate_tests;

pub use fault::{Fault, FaultError, FaultKind};
pub use profile::{Answer, Decode, ModelSpec, Prefill, Profile, ProfileError, Speed, Thinking};
pub use server::{SimError, Simulator};

/// What to simulate.
#[derive(Debug, Clone, PartialEq)]
pub struct SimConfig {
    /// The server.
    pub profile: Profile,
    /// How many times faster than the profile it is, in everything: load, prefill, decoding,
    /// downloads.
    pub time_scale: f64,
    /// What goes wrong; of several that strike the same request the first does.
    pub faults: Vec<Fault>,
    /// Where its chance starts; None for the profile's own seed.
    pub seed: Option<u64>,
}

impl Default for SimConfig {
    /// The default profile at its own speed, without faults.
    fn default() -> Self {
        Self {
            profile: Profile::default(),
            time_scale: 1.0,
            faults: Vec::new(),
            seed: None,
        }
    }
}
