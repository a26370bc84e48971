//! Values of flags, and what is wrong with a wrong one.

use std::time::Duration;

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
        Err("1 to 10000 users".to_owned())
    }
}

pub(super) fn seconds(text: &str) -> Result<f64, String> {
    let time = match text.trim().parse::<f64>() {
        Ok(seconds) => Duration::try_from_secs_f64(seconds).map_err(|error| error.to_string()),
        Err(_) => humantime::parse_duration(text).map_err(|error| error.to_string()),
    };
    time.map(|time| time.as_secs_f64())
        .map_err(|why| format!("{why} (write 10s, 1m30s, 250ms)"))
}

pub(super) fn positive_seconds(text: &str) -> Result<f64, String> {
    let time = seconds(text)?;
    if time > 0.0 {
        Ok(time)
    } else {
        Err("more than 0".to_owned())
    }
}

pub(super) fn time_out(text: &str) -> Result<TimeOut, String> {
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
        Err("more than 0".to_owned())
    }
}

pub(super) fn time_scale(text: &str) -> Result<f64, String> {
    let scale = factor(text)?;
    if (0.001..=1e6).contains(&scale) {
        Ok(scale)
    } else {
        Err("between 0.001 and 1000000".to_owned())
    }
}

pub(super) fn share(text: &str) -> Result<f64, String> {
    let (number, unit) = match text.strip_suffix('%') {
        Some(percent) => (percent.trim(), 100.0),
        None => (text, 1.0),
    };
    let share = number.parse::<f64>().map_err(|error| error.to_string())? / unit;
    if share > 0.0 && share <= 1.0 {
        Ok(share)
    } else {
        Err("between 0 % and 100 %".to_owned())
    }
}
