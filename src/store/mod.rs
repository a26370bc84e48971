//! The run directory: writing, reading, recovering.
