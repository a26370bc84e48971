//! The only place for `cfg`: signals, descriptor limits, own cost.

pub mod child;
