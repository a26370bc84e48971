//! Folds over the timeline: what the events amount to.
//!
//! - [`state`]: the run as it stands, the fold that the dashboard, the printer and the summary share
//! - [`dist`]: distributions, percentiles that the sample can carry
//! - [`figures`]: the figures of one level, its repeats folded; `steady`: throughput at full load
//! - [`machine`]: what GPUs and processes did, per cycle; [`energy`]: what tokens cost
//! - `tables`: the processes of several sources as one table; [`most`]: the most that the server's processes took together
//! - [`devices`]: mean and extremes of the samples of GPUs and of each process; [`physical`]: the limit of one user
//! - [`summary`]: the object of `summary.json`
//! - [`plain`]: text of servers, made harmless
//! - [`verdict`]: how many users the server carries, and how sure that is
//! - `wilson`: the interval of a share; `evidence`: the verdict in sentences; [`repeats`]: whether repeats agree; [`why`]: why it stops there
//! - [`findings`]: what stands out; `advice`: what casts doubt on it
//! - [`compare`]: runs side by side; [`condition`]: when a comparison fails; `difference`, `unlike` serve it
//! - [`interval`]: intervals of means, differences and shares
//!
//! It knows `event`, `plan`, `api`'s data and the pure arithmetic of `monitor`; no socket, no screen.

pub mod bandwidth;
pub mod bandwidth_limit;
pub mod bottleneck;
pub mod compare;
pub mod condition;
mod config_diff;
mod cycle;
pub mod devices;
mod difference;
pub mod dist;
pub mod energy;
pub mod findings;
pub mod gpus;
pub mod interval;
pub mod level;
pub mod level_energy;
pub mod machine;
pub mod peak_sum;
pub mod repeats;
pub mod state;
mod steady;
pub mod summary;
mod tables;
pub mod verdict;
mod verdict_text;
mod warnings;
mod wilson;
