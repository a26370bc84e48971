//! The wire: what servers say and how to ask them.
//!
//! - `discover`: is there a server, which one, which models ([`Discovery`]); untimed, over reqwest
//! - `request`: the bytes of one timed request
//! - `decode`: the timed stream, bytes to tokens; `lines`, `json` and `think` serve it
//! - `address`: `OLLAMA_HOST` in all its forms
//!
//! It knows no run and no screen.

pub mod address;
pub mod decode;
mod discover;
mod json;
pub mod lines;
mod models;
pub mod request;
pub mod think;

use crate::event::{Dialect, Model, Target};

pub use discover::{DiscoverError, discover};
pub(crate) use json::error_message;
pub use models::{load, pull};

/// The `Server` header by which the simulator betrays itself.
pub const SIMULATOR: &str = "tokometer-simulator";

/// What was found at an address.
#[derive(Debug, Clone, PartialEq)]
pub struct Discovery {
    /// How it is spoken to.
    pub dialect: Dialect,
    /// Its base address.
    pub url: String,
    /// Name and version.
    pub server: Option<String>,
    /// Requests it answers at once, where known.
    pub slots: Option<u32>,
    /// Whether it is a simulator.
    pub simulated: bool,
    /// Its models, loaded ones first.
    pub models: Vec<Model>,
}

impl Discovery {
    /// The target for one of the found models.
    pub fn target(&self, model: &Model) -> Target {
        Target {
            dialect: self.dialect,
            url: self.url.clone(),
            model: model.clone(),
            server: self.server.clone(),
            slots: self.slots,
            simulated: self.simulated,
        }
    }
}
