//! Token speed: what 9, 20, 55 or 100 tokens a second feel like, and what was measured here.
//!
//! - `tokenize`: a text into tokens; `text`: scripts to replay; `wrap`: a growing text into lines
//! - `pace`: when each token is due; `reading`: how a speed compares with reading
//! - `lane`, `lane_set`: the state of the lanes and what a key does to them, pure of I/O
//! - `pane`: drawing the lanes
//! - `recorded`: the answers of a run that lanes replay

pub mod lane;
pub mod lane_set;
mod lane_text;
pub mod pace;
pub mod pane;
pub mod reading;
pub mod recorded;
pub mod text;
pub mod tokenize;
pub mod wrap;
