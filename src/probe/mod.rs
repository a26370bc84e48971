//! What the machine does: GPUs, processes, servers, exporters.
//!
//! ```text
//! source   what a monitor is: asked again and again on its own thread
//! watch    the threads, the queue to the timeline, the state of each source
//! command  commands whose output is read; lines cuts it
//! gpu      one file a source
//! process  the process tree of the server, its roles and slots
//! server   what the server reports about itself: slots and loaded models
//! exporter Prometheus pages of other machines
//! energy   joules out of samples: pure arithmetic on stamps
//! setup    which sources a run has; local ones only for a local target
//! bandwidth  the physical limit of a single stream
//! doctor   what can be measured here, and how to fix the rest
//! ```
//!
//! It knows the vocabulary of events, but no screen and no file of a run.

pub mod command;
pub mod doctor;
pub mod exporter;
mod http;

pub mod gpu;
mod lines;
pub mod process;
pub mod sampler;
pub mod server;
pub mod setup;
pub mod source;
