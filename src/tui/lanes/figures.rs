//! Figures as the lanes show them.

/// A speed, tokens a second: `9.1`, `20`, `100`, `0.25`.
pub fn speed(tok_s: f64) -> String {
    let places = match tok_s {
        x if x >= 99.95 => 0,
        x if x >= 1.0 => 1,
        _ => 2,
    };
    let text = format!("{tok_s:.places$}");
    if text.contains('.') {
        return text.trim_end_matches('0').trim_end_matches('.').to_owned();
    }
    text
}

/// A count, with commas between thousands.
pub fn count(number: usize) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() * 2);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A duration: `12.3 s`, `1:53`, `1:02:03`.
pub fn duration(seconds: f64) -> String {
    if seconds < 59.95 {
        return format!("{:.1} s", seconds.max(0.0));
    }
    let whole = crate::text::numbers::floor_u64(seconds + 0.05);
    let (hours, minutes, seconds) = (whole / 3600, whole / 60 % 60, whole % 60);
    if hours > 0 {
        return format!("{hours}:{minutes:02}:{seconds:02}");
    }
    format!("{minutes}:{seconds:02}")
}

/// A measured time, to the hundredth of a second while that matters: `0.62 s`, `12.3 s`.
pub fn seconds(measured: f64) -> String {
    if measured < 9.995 {
        return format!("{:.2} s", measured.max(0.0));
    }
    duration(measured)
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[rstest]
    #[case(9.0, "9")]
    #[case(9.1, "9.1")]
    #[case(100.0, "100")]
    #[case(19.94, "19.9")]
    #[case(99.97, "100")]
    #[case(0.25, "0.25")]
    #[case(1000.0, "1000")]
    fn speeds(#[case] tok_s: f64, #[case] text: &str) {
        assert_eq!(speed(tok_s), text);
    }

    #[rstest]
    #[case(0.0, "0.0 s")]
    #[case(59.94, "59.9 s")]
    #[case(59.96, "1:00")]
    #[case(113.0, "1:53")]
    #[case(3723.0, "1:02:03")]
    #[case(f64::NAN, "0:00")]
    fn durations(#[case] seconds: f64, #[case] text: &str) {
        assert_eq!(duration(seconds), text);
    }

    #[test]
    fn counts() {
        assert_eq!(
            [0, 999, 1_017, 1_234_567].map(count).join(" "),
            "0 999 1,017 1,234,567"
        );
    }
}
