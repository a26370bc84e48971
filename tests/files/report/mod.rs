//! Reports, charts and the card to share.

mod big;
#[cfg(target_os = "linux")]
mod browser;
mod charts;
mod files;
mod forms;
mod imported;
mod large;
mod share;
mod told;
mod what_if;
