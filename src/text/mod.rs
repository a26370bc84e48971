//! Text from outside made harmless, and numbers as users read them.

pub mod columns;
pub mod numbers;
pub mod sanitize;
pub mod xml;
