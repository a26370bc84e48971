//! Numbers as users read them: one way each to write a duration, a size, a count, a rate, a share.
//!
//! An unknown number is [`UNKNOWN`], never 0; a known one that is not zero never reads as 0.
//! Conversions between numbers saturate instead of wrapping.

/// In place of a number that is not known.
pub const UNKNOWN: &str = "–";
/// The most decimals a small number gets; below that it is written with an exponent.
const MOST_DECIMALS: usize = 9;

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

/// A number with so many decimals. One that would read as 0 gets as many as show two of its digits.
pub fn decimal(value: f64, digits: usize) -> String {
    if value == 0.0 {
        return format!("{:.digits$}", 0.0);
    }
    let text = format!("{value:.digits$}");
    if !value.is_finite() || text.contains(|c: char| matches!(c, '1'..='9')) {
        return text;
    }
    let digits = decimals_for(value, 2);
    if digits > MOST_DECIMALS {
        return format!("{value:.1e}");
    }
    format!("{value:.digits$}")
}

/// How many decimals show so many digits of a number below 1.
fn decimals_for(value: f64, significant: usize) -> usize {
    let zeros = floor_u64(-value.abs().log10().floor());
    usize::try_from(zeros)
        .unwrap_or(usize::MAX)
        .saturating_add(significant)
        .saturating_sub(1)
}

/// What may not be known, as text; what is empty is not known.
pub fn or_unknown(value: Option<impl ToString>) -> String {
    let text = value.map(|value| value.to_string());
    let text = text.filter(|text| !text.is_empty());
    text.unwrap_or_else(|| UNKNOWN.to_owned())
}

/// The parts that are known, with a dot between them: `A100 · 64 GB`.
pub fn joined(parts: impl IntoIterator<Item = Option<String>>) -> String {
    let known = parts.into_iter().flatten();
    let known: Vec<String> = known.filter(|part| !part.is_empty()).collect();
    known.join(" · ")
}

/// A number with so many decimals and its unit, blank included: `19.9 W`.
pub fn number(value: Option<f64>, digits: usize, unit: &str) -> String {
    match value.filter(|v| v.is_finite()) {
        None => UNKNOWN.to_owned(),
        Some(v) => format!("{}{unit}", decimal(v, digits)),
    }
}

/// A share as percent: `62 %`.
pub fn percent(share: Option<f64>, digits: usize) -> String {
    number(share.map(|share| share * 100.0), digits, " %")
}

/// A number with thousands set apart, for running text and reports: `1,234,567.8`.
pub fn grouped(value: Option<f64>, digits: usize) -> String {
    group(&number(value, digits, ""))
}

/// [`bare_seconds`] with thousands set apart: `0.0364`, `1.25`, `1,534.80`.
pub fn grouped_seconds(value: Option<f64>) -> String {
    group(&bare_seconds(value))
}

/// A change with its sign: `+4.2`, `-0.034`.
pub fn signed(value: f64, digits: usize) -> String {
    let sign = if value.is_sign_negative() { "" } else { "+" };
    format!("{sign}{}", decimal(value, digits))
}

/// A count with thousands set apart, for running text and reports: `251,551`.
pub fn grouped_count(count: u64) -> String {
    group(&count.to_string())
}

fn group(number: &str) -> String {
    let start = number.find(|c: char| c.is_ascii_digit()).unwrap_or(0);
    let (sign, rest) = number.split_at(start);
    let end = rest.find(|c: char| !c.is_ascii_digit());
    let (whole, fraction) = rest.split_at(end.unwrap_or(rest.len()));
    let mut out = sign.to_owned();
    for (place, digit) in whole.chars().enumerate() {
        if place > 0 && (whole.len() - place).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out.push_str(fraction);
    out
}

/// A count where room is scarce: `412`, `12841`, `128k`, `1.3M`.
pub fn count(value: Option<u64>) -> String {
    match value {
        None => UNKNOWN.to_owned(),
        Some(v) if v < 100_000 => v.to_string(),
        Some(v) => scaled(v as f64, &["k", "M", "G", "T"]),
    }
}

/// Bytes in powers of ten: `512 B`, `82 MB`, `4.7 GB`.
pub fn bytes(value: Option<u64>) -> String {
    match value {
        None => UNKNOWN.to_owned(),
        Some(v) if v < 1000 => format!("{v} B"),
        Some(v) => scaled(v as f64, &[" kB", " MB", " GB", " TB"]),
    }
}

/// A speed or throughput in tokens a second, without its unit: `0.012`, `9.8`, `156.8`, `1234`, `12k`.
pub fn tok_s(value: Option<f64>) -> String {
    match value.filter(|v| v.is_finite()) {
        None => UNKNOWN.to_owned(),
        Some(v) if v.abs() < 999.95 => decimal(v, 1),
        Some(v) if v.abs() < 9999.5 => decimal(v, 0),
        Some(v) => scaled(v, &["k", "M", "G", "T"]),
    }
}

/// A duration: `420 µs`, `36.4 ms`, `620 ms`, `1.25 s`, `41.8 s`, `12:41`, `1:02:03`.
pub fn seconds(value: Option<f64>) -> String {
    /// Three digits of a number from 1 to 999.
    fn three_digits(value: f64, unit: &str) -> String {
        let digits = match value {
            v if v < 9.995 => 2,
            v if v < 99.95 => 1,
            _ => 0,
        };
        format!("{value:.digits$} {unit}")
    }
    match value.filter(|v| v.is_finite() && *v >= 0.0) {
        None => UNKNOWN.to_owned(),
        Some(0.0) => "0 s".to_owned(),
        Some(v) if v < 0.999_5e-6 => "<1 µs".to_owned(),
        Some(v) if v < 0.999_5e-3 => three_digits(v * 1e6, "µs"),
        Some(v) if v < 0.999_5 => three_digits(v * 1e3, "ms"),
        Some(v) if v < 99.95 => three_digits(v, "s"),
        Some(v) => clock(v),
    }
}

/// Seconds in a column that has the unit in its head: `0.0364`, `1.25`, `12.34`. Three digits at least.
pub fn bare_seconds(value: Option<f64>) -> String {
    match value.filter(|v| v.is_finite()) {
        None => UNKNOWN.to_owned(),
        Some(v) if v == 0.0 || v.abs() >= 0.999_5 => decimal(v, 2),
        Some(v) => match decimals_for(v, 3) {
            digits if digits <= MOST_DECIMALS => format!("{v:.digits$}"),
            _ => format!("{v:.1e}"),
        },
    }
}

/// Seconds as a clock shows them: `0:41`, `12:41`, `1:02:03`.
pub fn clock(seconds: f64) -> String {
    let whole = floor_u64(seconds);
    let (hours, minutes, seconds) = (whole / 3600, whole / 60 % 60, whole % 60);
    if hours == 0 {
        format!("{minutes}:{seconds:02}")
    } else {
        format!("{hours}:{minutes:02}:{seconds:02}")
    }
}

/// A stopwatch that runs, in tenths of a second at first: `0.0 s`, `12.3 s`, `1:53`, `1:02:03`.
pub fn stopwatch(seconds: f64) -> String {
    if seconds < 59.95 {
        return format!("{:.1} s", seconds.max(0.0));
    }
    clock(seconds + 0.05)
}

/// A clock that runs, always as wide: `00:12:41`.
pub fn running_clock(seconds: f64) -> String {
    let whole = floor_u64(seconds);
    let (hours, minutes, seconds) = (whole / 3600, whole / 60 % 60, whole % 60);
    format!("{hours:02}:{minutes:02}:{seconds:02}")
}

/// A number without needless zeros, to three digits or so: `0.25`, `9.1`, `20`, `100`.
pub fn short(value: f64) -> String {
    let digits = match value.abs() {
        x if x >= 99.95 => 0,
        x if x >= 1.0 => 1,
        _ => 2,
    };
    let text = decimal(value, digits);
    if text.contains('.') && !text.contains('e') {
        return text.trim_end_matches('0').trim_end_matches('.').to_owned();
    }
    text
}

/// A limit or a setting as its maker wrote it: `10`, `19.9`.
pub fn plain(value: f64) -> String {
    if value.is_finite() {
        format!("{value}")
    } else {
        UNKNOWN.to_owned()
    }
}

/// A number of at least 1000 in thousands, millions …
fn scaled(value: f64, units: &[&str]) -> String {
    let mut value = value / 1e3;
    let mut unit = units.iter();
    let mut name = unit.next().copied().unwrap_or_default();
    for next in unit {
        if value.abs() < 999.5 {
            break;
        }
        value /= 1e3;
        name = next;
    }
    if value.abs() < 9.95 {
        format!("{value:.1}{name}")
    } else {
        format!("{value:.0}{name}")
    }
}

/// A number with the word for what is counted: `1 user`, `2 users`.
pub fn counted(count: impl Into<u64>, one: &str, many: &str) -> String {
    match count.into() {
        1 => format!("1 {one}"),
        count => format!("{count} {many}"),
    }
}

/// The name of a run beside others: A, B, C…
pub fn letter(run: usize) -> String {
    let letters = ('A'..='Z').nth(run);
    letters.map_or_else(|| format!("run {}", run + 1), String::from)
}

/// How many users a server carries: `4`, or `none`.
pub fn carried(users: Option<u32>) -> String {
    users.map_or_else(|| "none".to_owned(), |users| users.to_string())
}

/// So many users: `1 user`, `4 users`.
pub fn users(count: u32) -> String {
    counted(count, "user", "users")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use rstest::rstest;

    #[rstest]
    #[case(0.0, "0 s")]
    #[case(3e-8, "<1 µs")]
    #[case(0.000_42, "420 µs")]
    #[case(0.0042, "4.20 ms")]
    #[case(0.036, "36.0 ms")]
    #[case(0.62, "620 ms")]
    #[case(0.999_6, "1.00 s")]
    #[case(1.254, "1.25 s")]
    #[case(9.996, "10.0 s")]
    #[case(41.8, "41.8 s")]
    #[case(99.96, "1:39")]
    #[case(761.0, "12:41")]
    #[case(3723.0, "1:02:03")]
    fn durations(#[case] value: f64, #[case] text: &str) {
        assert_eq!(seconds(Some(value)), text);
    }

    #[rstest]
    #[case(0.0, "0.00")]
    #[case(0.036_4, "0.0364")]
    #[case(0.62, "0.620")]
    #[case(1.254, "1.25")]
    #[case(123.456, "123.46")]
    #[case(4e-12, "4.0e-12")]
    fn durations_in_a_column(#[case] value: f64, #[case] text: &str) {
        assert_eq!(bare_seconds(Some(value)), text);
    }

    #[test]
    fn numbers_read_as_users_write_them() {
        assert_eq!(tok_s(Some(9.84)), "9.8");
        assert_eq!(tok_s(Some(0.012)), "0.012");
        assert_eq!(tok_s(Some(999.96)), "1000");
        assert_eq!(tok_s(Some(12_345.0)), "12k");
        assert_eq!(tok_s(Some(f64::NAN)), UNKNOWN);
        assert_eq!(seconds(None), UNKNOWN);
        assert_eq!(bytes(Some(4_683_087_332)), "4.7 GB");
        assert_eq!(bytes(Some(82_000_000)), "82 MB");
        assert_eq!(bytes(Some(999_700_000)), "1.0 GB");
        assert_eq!(bytes(Some(12)), "12 B");
        assert_eq!(count(Some(12_841)), "12841");
        assert_eq!(count(Some(1_284_100)), "1.3M");
        assert_eq!(plain(19.9), "19.9");
        assert_eq!(plain(10.0), "10");
        assert_eq!(number(Some(0.000_414), 3, " J"), "0.00041 J");
        assert_eq!(number(Some(0.5), 2, ""), "0.50");
        assert_eq!(number(Some(-0.0), 1, ""), "0.0");
        assert_eq!(percent(Some(0.1875), 1), "18.8 %");
        assert_eq!(percent(Some(0.003), 0), "0.30 %");
        assert_eq!(signed(4.19, 1), "+4.2");
        assert_eq!(signed(-0.034, 1), "-0.034");
    }

    #[rstest]
    #[case(0.0, "0")]
    #[case(9.0, "9")]
    #[case(9.1, "9.1")]
    #[case(100.0, "100")]
    #[case(19.94, "19.9")]
    #[case(99.97, "100")]
    #[case(0.25, "0.25")]
    #[case(0.001, "0.001")]
    #[case(1000.0, "1000")]
    fn short_numbers(#[case] value: f64, #[case] text: &str) {
        assert_eq!(short(value), text);
    }

    #[rstest]
    #[case(0.0, "0.0 s")]
    #[case(59.94, "59.9 s")]
    #[case(59.96, "1:00")]
    #[case(113.0, "1:53")]
    #[case(3723.0, "1:02:03")]
    #[case(f64::NAN, "0:00")]
    fn stopwatches(#[case] seconds: f64, #[case] text: &str) {
        assert_eq!(stopwatch(seconds), text);
    }

    #[test]
    fn a_running_clock_counts_hours() {
        assert_eq!(running_clock(761.9), "00:12:41");
        assert_eq!(running_clock(360_000.0), "100:00:00");
        assert_eq!(running_clock(f64::NAN), "00:00:00");
    }

    #[test]
    fn thousands_are_set_apart() {
        assert_eq!(grouped(Some(1_234_567.84), 1), "1,234,567.8");
        assert_eq!(grouped(Some(-1_234.0), 0), "-1,234");
        assert_eq!(grouped_seconds(Some(1_534.8)), "1,534.80");
        assert_eq!(grouped(None, 2), "–");
        assert_eq!(grouped(Some(f64::NAN), 2), "–");
        let counts = [0, 999, 1_017, 251_551, 1_234_567].map(grouped_count);
        assert_eq!(counts.join(" "), "0 999 1,017 251,551 1,234,567");
    }

    #[test]
    fn one_is_singular() {
        assert_eq!([0, 1, 2].map(users).join(" "), "0 users 1 user 2 users");
    }

    proptest! {
        #[test]
        fn what_is_not_zero_never_reads_as_zero(
            value in prop_oneof![prop::num::f64::POSITIVE | prop::num::f64::SUBNORMAL, 0.0..2000.0_f64],
            digits in 0..5_usize,
        ) {
            prop_assume!(value > 0.0);
            let written = [
                decimal(value, digits),
                decimal(-value, digits),
                number(Some(value), digits, " GB"),
                percent(Some(value.min(1e300)), digits),
                grouped(Some(value), digits),
                short(value),
                tok_s(Some(value)),
                seconds(Some(value.min(1e9))),
                bare_seconds(Some(value)),
                grouped_seconds(Some(value)),
                signed(-value, digits),
            ];
            for text in written {
                prop_assert!(text.contains(|c: char| matches!(c, '1'..='9')), "{value}: {text}");
            }
        }

        #[test]
        fn what_is_counted_never_reads_as_zero(value in 1..u64::MAX) {
            for text in [count(Some(value)), bytes(Some(value)), grouped_count(value)] {
                prop_assert!(text.starts_with(|c: char| matches!(c, '1'..='9')), "{value}: {text}");
            }
        }

        #[test]
        fn a_duration_keeps_three_digits_and_fits_its_column(value in 1e-6..359_999.0_f64) {
            let text = seconds(Some(value));
            prop_assert!(text.chars().count() <= 8, "{value}: {text}");
            if value < 99.9 {
                prop_assert_eq!(text.chars().filter(char::is_ascii_digit).count(), 3, "{}: {}", value, text);
                let number: f64 = text.split(' ').next().unwrap().parse().unwrap();
                let unit = match text.split(' ').nth(1) {
                    Some("µs") => 1e-6,
                    Some("ms") => 1e-3,
                    _ => 1.0,
                };
                prop_assert!((number * unit - value).abs() <= value * 0.005_1, "{value}: {text}");
            }
        }

        #[test]
        fn grouping_takes_no_digit(value in any::<u64>()) {
            prop_assert_eq!(grouped_count(value).replace(',', ""), value.to_string());
        }
    }
}
