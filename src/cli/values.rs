//! Values of flags, and what is wrong with a wrong one.

use std::time::Duration;

/// The heading of the flags that name the server and say how to talk to it.
pub(crate) const SERVER: &str = "Server";
/// The heading of the flags that describe the machine that the server is on.
pub(crate) const SERVER_MACHINE: &str = "Server's machine";

/// A time-out, or none.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct TimeOut(pub Option<f64>);

/// A number of users.
pub(crate) fn users(text: &str) -> Result<u32, String> {
    let number = text
        .trim()
        .parse::<u32>()
        .map_err(|error| error.to_string())?;
    if (1..=10_000).contains(&number) {
        Ok(number)
    } else {
        Err("must be between 1 and 10000 users".to_owned())
    }
}

pub(crate) fn seconds(text: &str) -> Result<f64, String> {
    let time = match text.trim().parse::<f64>() {
        Ok(seconds) => Duration::try_from_secs_f64(seconds).map_err(|error| error.to_string()),
        Err(_) => humantime::parse_duration(text).map_err(|error| error.to_string()),
    };
    time.map(|time| time.as_secs_f64())
        .map_err(|why| format!("{why} (write 10s, 1m30s, 250ms)"))
}

pub(crate) fn positive_seconds(text: &str) -> Result<f64, String> {
    let time = seconds(text)?;
    if time > 0.0 {
        Ok(time)
    } else {
        Err("must be more than 0".to_owned())
    }
}

pub(crate) fn time_out(text: &str) -> Result<TimeOut, String> {
    if text == "none" {
        Ok(TimeOut(None))
    } else {
        Ok(TimeOut(Some(positive_seconds(text)?)))
    }
}

/// A positive number.
pub(crate) fn factor(text: &str) -> Result<f64, String> {
    let number = text.parse::<f64>().map_err(|error| error.to_string())?;
    if number.is_finite() && number > 0.0 {
        Ok(number)
    } else {
        Err("must be more than 0".to_owned())
    }
}

pub(crate) fn time_scale(text: &str) -> Result<f64, String> {
    let scale = factor(text)?;
    if (0.001..=1e6).contains(&scale) {
        Ok(scale)
    } else {
        Err("must be between 0.001 and 1000000".to_owned())
    }
}

/// A share: in percent, or up to 1 as a fraction; 0.9, 90 and 90% are the same.
pub(crate) fn share(text: &str) -> Result<f64, String> {
    let text = text.trim();
    let number = text.strip_suffix('%').map(str::trim);
    let value = number.unwrap_or(text).parse::<f64>();
    let value = value.map_err(|error| format!("{error} (write 90%, 90 or 0.9)"))?;
    let is_percent = number.is_some() || value > 1.0;
    let share = if is_percent { value / 100.0 } else { value };
    if share > 0.0 && share <= 1.0 {
        Ok(share)
    } else {
        Err("must be between 0 % and 100 % (write 90%, 90 or 0.9)".to_owned())
    }
}

/// What a byte is counted in, longest names first.
const UNITS: [(&str, f64); 13] = [
    ("kib", 1024.0),
    ("mib", 1_048_576.0),
    ("gib", 1_073_741_824.0),
    ("tib", 1_099_511_627_776.0),
    ("kb", 1e3),
    ("mb", 1e6),
    ("gb", 1e9),
    ("tb", 1e12),
    ("k", 1e3),
    ("m", 1e6),
    ("g", 1e9),
    ("t", 1e12),
    ("b", 1.0),
];

/// A size: bytes as a number, or with a unit.
pub(crate) fn bytes(text: &str) -> Result<u64, String> {
    let lower = text.trim().to_ascii_lowercase();
    let split = UNITS
        .iter()
        .find_map(|(unit, factor)| Some((lower.strip_suffix(unit)?, *factor)));
    let (number, factor) = split.unwrap_or((&lower, 1.0));
    let value = number.trim_end().parse::<f64>().ok();
    value
        .map(|number| number * factor)
        .filter(|bytes| bytes.is_finite() && *bytes >= 1.0)
        .map(crate::text::numbers::floor_u64)
        .ok_or_else(|| "not a size; write for example 4.7GB, 1.2GiB or 4.7e9".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_comes_in_percent_or_as_a_fraction() {
        for (text, expected) in [
            ("90%", 0.9),
            ("90 %", 0.9),
            ("90", 0.9),
            ("0.9", 0.9),
            ("99.5", 0.995),
            ("1", 1.0),
            ("100", 1.0),
            ("1%", 0.01),
        ] {
            assert_eq!(share(text), Ok(expected), "{text}");
        }
        for text in ["", "0", "0%", "-5", "101", "101%", "nan", "most"] {
            let why = share(text).unwrap_err();
            assert!(why.contains("write 90%, 90 or 0.9"), "{text}: {why}");
        }
    }

    #[test]
    fn sizes_come_with_and_without_units() {
        for (text, expected) in [
            ("4.7GB", 4_700_000_000),
            ("4.7e9", 4_700_000_000),
            ("1.5 GiB", 1_610_612_736),
            ("512mib", 536_870_912),
            ("3g", 3_000_000_000),
            ("1024", 1024),
            ("7B", 7),
        ] {
            assert_eq!(bytes(text), Ok(expected), "{text}");
        }
        for text in ["", "GB", "0", "-1GB", "nan", "inf", "4.7 apples", "0.5"] {
            assert!(bytes(text).is_err(), "{text}");
        }
    }
}
