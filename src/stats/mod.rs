//! Folds over the timeline: what the events amount to.
//!
//! - [`state`]: the run as it stands, the fold that the dashboard, the printer and the summary share
//! - [`dist`]: distributions, percentiles that the sample can carry
//! - [`figures`]: the figures of one level, its repeats folded; `steady`: throughput at full load
//! - [`machine`]: what GPUs and processes did, per cycle; [`energy`]: what tokens cost, and how near the
//!   speed is to what the memory allows
//! - [`summary`]: the object of `summary.json`
//! - [`plain`]: text of servers, made harmless
//! - [`verdict`]: how many users the server carries, and how sure that is
//! - `evidence`: the verdict in sentences
//!
//! It knows `event`, `plan`, `api`'s data and the pure arithmetic of `monitor`; no socket, no screen.

pub mod dist;
pub mod energy;
mod evidence;
pub mod figures;
pub mod machine;
pub mod plain;
pub mod state;
mod steady;
pub mod summary;
pub mod verdict;
