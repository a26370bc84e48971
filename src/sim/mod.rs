//! The built-in simulated server and its profiles.
