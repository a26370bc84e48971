//! Conversions between numbers that cannot wrap, panic or surprise: they saturate.

/// `x` rounded down, as an integer; 0 for negative numbers and NaN.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "saturating is the meaning here"
)]
pub fn floor_u64(x: f64) -> u64 {
    x as u64
}

/// `x` rounded to the nearest integer; 0 for negative numbers and NaN, `u16::MAX` for large ones.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "saturating is the meaning here"
)]
pub fn round_u16(x: f64) -> u16 {
    x.round() as u16
}

/// `x` as a `u16`, at most `u16::MAX`.
pub fn u16_of(x: usize) -> u16 {
    u16::try_from(x).unwrap_or(u16::MAX)
}

/// `x` as a `u32`, at most `u32::MAX`.
pub fn u32_of(x: usize) -> u32 {
    u32::try_from(x).unwrap_or(u32::MAX)
}

/// A number with the word for what is counted: `1 user`, `2 users`.
pub fn counted(count: impl Into<u64>, one: &str, many: &str) -> String {
    match count.into() {
        1 => format!("1 {one}"),
        count => format!("{count} {many}"),
    }
}

/// How many users a server carries: `4`, or `none`.
pub fn carried(users: Option<u32>) -> String {
    users.map_or_else(|| "none".to_owned(), |users| users.to_string())
}

/// So many users: `1 user`, `4 users`.
pub fn users(count: u32) -> String {
    counted(count, "user", "users")
}
