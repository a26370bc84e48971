//! Folds over the timeline: what the events amount to.
//!
//! - [`state`]: the run as it stands, the fold that the dashboard, the printer and the summary share
//! - `dist`: distributions, percentiles that the sample can carry
//! - `summary`: `summary.json`
//! - `verdict`: how many users the server carries
//!
//! It knows `event`, `plan` and `api`'s data; no socket, no screen.

pub mod state;
