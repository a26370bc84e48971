//! Folds over the timeline: what the events amount to.
//!
//! - [`state`]: the state of a run, the fold that the dashboard, the printer and the summary share
//! - [`metric`]: every metric, once: name, meaning, how it is computed, where it is shown
//! - [`level`]: the figures of a level; below it [`level::cycle`], which says what of a cycle counts, and
//!   [`level::machine`], what the machine did
//! - [`sample`]: a finished request against the limits; [`dist`]: distributions, percentiles that a sample can carry
//! - [`machine`] and [`devices`]: what GPUs and processes did; [`energy`] and [`level_energy`]: what tokens cost
//! - [`summary`]: the object of `summary.json`; [`findings`]: what stands out; `warnings`: what casts doubt on it
//! - [`verdict`]: how many users the server carries, and how sure that is; [`bottleneck`]: why it stops there;
//!   [`bracket`]: how far a run that finds its levels has come, with [`measured_time`]
//! - [`compare`]: runs side by side; [`condition`] and [`gate`]: when a run or a change fails; [`conclusion`]: what it comes to; `config_diff`: what else is
//!   different; [`what_if`]: limits and a price that are asked for after the fact
//! - [`spending`]: what a plan asks of a server that may be paid for
//! - [`interval`], `wilson`: intervals of means, differences and shares
//! - [`bandwidth`], [`bandwidth_limit`]: what the memory allows a single user
//!
//! It knows `event`, `plan` and `text`; no socket, no screen.

pub mod bandwidth;
pub mod bandwidth_limit;
pub mod bottleneck;
pub mod bracket;
pub mod compare;
pub mod conclusion;
pub mod condition;
mod config_diff;
pub mod devices;
pub mod dist;
pub mod energy;
pub mod findings;
pub mod gate;
pub mod gpus;
pub mod interval;
pub mod level;
pub mod level_energy;
pub mod machine;
pub mod measured_time;
pub mod metric;
pub mod peak_sum;
pub mod sample;
pub mod spending;
pub mod state;
pub mod summary;
mod tables;
pub mod verdict;
mod warnings;
pub mod what_if;
mod wilson;
