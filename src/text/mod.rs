//! Text from outside made harmless, and numbers as people read them.

pub mod clean;
pub mod numbers;
pub mod sanitize;
