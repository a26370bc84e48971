//! Token speed: what 9, 20, 55 or 100 tokens a second feel like, and what was measured here.
//!
//! - `clean`: a text made safe; `cut`: a text into tokens; `text`: scripts to replay; `wrap`: a growing text into lines
//! - `pace`: when each token is due; `reading`: how a speed compares with reading
//! - `lane`, `lanes`: the state of the lanes and what a key does to them, pure of I/O
//! - `keys`: the table of keys; `pane`, `prose`: drawing the lanes; `figures`: numbers as they show
//! - `record`: moving and still pictures of any screen: asciicast, GIF, SVG
//! - `measured`: the answers of a run that lanes replay
//! - `args`, `job`, `app`, `screen`, `play`, `plain`, `command`: the command `tokometer preview`
//!
//! It knows `event`, `plan`, `units` and the theme; the dashboard embeds [`lanes::Lanes`] and
//! [`pane::render`].

pub mod app;
pub mod figures;
pub mod keys;
pub mod lane;
mod lane_text;
#[expect(clippy::module_inception, reason = "the lanes of the room of lanes")]
pub mod lanes;
pub mod pace;
pub mod pane;
pub mod reading;
pub mod recorded;
pub mod run_loop;
pub mod screen;
pub mod text;
pub mod tokenize;
pub mod wrap;
