//! Conditions of a gate: `speed < -5%` on the change between two runs, `ttft_p95@4 > 2s` on one run.

use crate::metrics::metric::{METRICS, Metric, OfLevel, Stat, Unit, metric};

/// What a condition looks at.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Figure {
    /// How many users the server carries.
    Users(Carried),
    /// A number of a metric.
    Of(&'static Metric, Stat),
}

/// By which limits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Carried {
    Both,
    Wait,
    Speed,
}

/// The number that a figure is compared with.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Threshold {
    /// A part of the first run's value; of a share of requests: points, 0–1.
    Part(f64),
    /// In the unit of the figure.
    Unit(f64),
}

/// A condition under which a gate fails.
#[derive(Debug, Clone)]
pub struct Condition {
    pub(crate) figure: Figure,
    /// The only level that it is about.
    pub(crate) level: Option<u32>,
    pub(crate) below: bool,
    pub(crate) or_equal: bool,
    pub(crate) threshold: Threshold,
    /// As the user wrote it.
    pub text: String,
}

impl Condition {
    /// A condition on the change from one run to another.
    pub fn for_change(text: &str) -> Result<Self, String> {
        let condition = parse(text, "speed < -5%")?;
        match condition.figure {
            Figure::Users(_) => Err(format!(
                "{text}: the number of users is judged for one run, not as a change; use `tokometer check RUN`"
            )),
            Figure::Of(..) => Ok(condition),
        }
    }

    /// A condition on one run.
    pub fn for_run(text: &str) -> Result<Self, String> {
        let condition = parse(text, "users < 4")?;
        let of_part = matches!(condition.threshold, Threshold::Part(_));
        match condition.figure {
            Figure::Users(_) if of_part => Err(format!("{text}: write a whole number of users")),
            Figure::Users(_) if condition.level.is_some() => Err(format!(
                "{text}: the number of users is not a figure of one level; leave out the @"
            )),
            Figure::Of(metric, _) if of_part && metric.unit != Unit::Share => Err(format!(
                "{text}: a change in percent needs two runs; write {} or use `tokometer compare A B`",
                unit_of(metric)
            )),
            _ => Ok(condition),
        }
    }

    /// Whether a value meets it; equal but for the rounding of the arithmetic is equal.
    pub(crate) fn is_met_by(&self, value: f64, threshold: f64) -> bool {
        let equal = (value - threshold).abs() < 1e-12;
        let beyond = if self.below {
            value < threshold
        } else {
            value > threshold
        };
        if equal { self.or_equal } else { beyond }
    }

    /// Whether an interval lies wholly on one side of the threshold; None where it holds it.
    pub(crate) fn decide(&self, (low, high): (f64, f64), threshold: f64) -> Option<bool> {
        let (one, other) = (
            self.is_met_by(low, threshold),
            self.is_met_by(high, threshold),
        );
        (one == other).then_some(one)
    }
}

/// How its values are written.
fn unit_of(metric: &Metric) -> String {
    match metric.unit.symbol() {
        "" => "a number".to_owned(),
        symbol => format!("it in {symbol}"),
    }
}

fn parse(text: &str, example: &str) -> Result<Condition, String> {
    let wrong = |why: &str| format!("{why} (write for example '{example}')");
    let place = text
        .find(['<', '>'])
        .ok_or_else(|| wrong("contains neither < nor >"))?;
    let (name, rest) = text.split_at(place);
    let (name, level) = match name.split_once('@') {
        Some((name, level)) => (name.trim(), Some(level.trim())),
        None => (name.trim(), None),
    };
    let level = level.map(|level| {
        let users = level.parse::<u32>().ok().filter(|users| *users > 0);
        users.ok_or_else(|| wrong(&format!("@{level}: not a number of users")))
    });
    let level = level.transpose()?;
    let mut figure = named(name).map_err(|why| wrong(&why))?;
    let below = rest.starts_with('<');
    let rest = rest.get(1..).unwrap_or_default();
    let (or_equal, rest) = match rest.strip_prefix('=') {
        Some(rest) => (true, rest),
        None => (false, rest),
    };
    let threshold = threshold(&mut figure, rest.trim()).map_err(|why| wrong(&why))?;
    Ok(Condition {
        figure,
        level,
        below,
        or_equal,
        threshold,
        text: text.trim().to_owned(),
    })
}

fn threshold(figure: &mut Figure, text: &str) -> Result<Threshold, String> {
    let text = text.replace('−', "-");
    let end = text
        .rfind(|c: char| c.is_ascii_digit() || c == '.')
        .map_or(0, |last| last + 1);
    let (number, unit) = text.split_at(end);
    let number = number.parse::<f64>().ok().filter(|x| x.is_finite());
    let number = number.ok_or_else(|| format!("{text}: not a number"))?;
    let unit = unit.trim();
    if unit == "%" {
        if let Figure::Of(failed, Stat::Mean) = figure
            && failed.key == "failed"
            && let Some(rate) = metric("error_rate")
        {
            *figure = Figure::Of(rate, Stat::Mean);
        }
        return Ok(Threshold::Part(number / 100.0));
    }
    let scale = match (*figure, unit) {
        (_, "") | (Figure::Users(_), "user" | "users") => Some(1.0),
        (Figure::Of(metric, _), unit) => scale(metric.unit, unit),
        (Figure::Users(_), _) => None,
    };
    let scale = scale.ok_or_else(|| match figure {
        Figure::Of(metric, _) if !metric.unit.symbol().is_empty() => {
            format!("{text}: {} is in {}", metric.key, metric.unit.symbol())
        }
        _ => format!("{text}: write a plain number"),
    })?;
    Ok(Threshold::Unit(number * scale))
}

/// What `unit` is of the metric's own.
fn scale(of: Unit, unit: &str) -> Option<f64> {
    match (of, unit) {
        (Unit::Seconds, "ms") => Some(1e-3),
        (Unit::Seconds, "min") => Some(60.0),
        (Unit::Bytes, "MB") => Some(1e6),
        (Unit::Bytes, "GB") => Some(1e9),
        _ => (unit == of.symbol()).then_some(1.0),
    }
}

/// The figure of this name: a key of METRICS or a short name, with or without its unit, and which number of it:
/// `ttft_p95`, `ttft_p95_s`, `wait_p95`.
fn named(name: &str) -> Result<Figure, String> {
    match name {
        "users" => return Ok(Figure::Users(Carried::Both)),
        "wait_users" => return Ok(Figure::Users(Carried::Wait)),
        "speed_users" => return Ok(Figure::Users(Carried::Speed)),
        _ => {}
    }
    if let Some(metric) = metric_by_name(name) {
        return Ok(Figure::Of(metric, Stat::Mean));
    }
    let mut parts: Vec<&str> = name.split('_').collect();
    let at = parts.iter().position(|part| part.parse::<Stat>().is_ok());
    let stat = at.and_then(|at| parts.remove(at).parse::<Stat>().ok());
    let (Some(stat), Some(metric)) = (stat, metric_by_name(&parts.join("_"))) else {
        let short = METRICS.iter().filter_map(|metric| metric.short);
        let keys = METRICS.iter().map(|metric| metric.key);
        let names: Vec<&str> = short.chain(keys).collect();
        let names = names.join(", ");
        return Err(format!("{name}: not one of users, {names}"));
    };
    let has = match metric.level {
        OfLevel::Dist(_) => true,
        OfLevel::Samples(_) => matches!(stat, Stat::Mean | Stat::Max),
        OfLevel::Value(_) => stat == Stat::Mean,
    };
    if has {
        Ok(Figure::Of(metric, stat))
    } else {
        let stat = stat.to_string();
        Err(format!("{name}: {} has no {stat}", metric.key))
    }
}

fn metric_by_name(name: &str) -> Option<&'static Metric> {
    let without_unit = |metric: &&Metric| {
        let end = match metric.unit {
            Unit::Seconds => "_s",
            Unit::TokensPerSecond => "_tok_s",
            Unit::RequestsPerSecond => "_req_s",
            Unit::Joules => "_j",
            Unit::Bytes => "_bytes",
            _ => return false,
        };
        metric.key.strip_suffix(end) == Some(name)
    };
    let short = METRICS.iter().find(|metric| metric.short == Some(name));
    short
        .or_else(|| metric(name))
        .or_else(|| METRICS.iter().find(without_unit))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn change(text: &str) -> Condition {
        Condition::for_change(text).unwrap()
    }

    fn key(text: &str) -> (&'static str, Stat) {
        match Condition::for_run(text).unwrap().figure {
            Figure::Of(metric, stat) => (metric.key, stat),
            Figure::Users(_) => ("users", Stat::Mean),
        }
    }

    #[test]
    fn every_metric_and_every_short_name_can_be_named() {
        for metric in METRICS {
            for name in [metric.key, metric.name()] {
                assert_eq!(key(&format!("{name} > 1")), (metric.key, Stat::Mean));
            }
        }
        assert_eq!(key("speed > 1"), ("speed_tok_s", Stat::Mean));
        assert_eq!(key("ttft_p95 > 2s"), ("ttft_s", Stat::P95));
        assert_eq!(key("ttft_p95_s > 2s"), ("ttft_s", Stat::P95));
        assert_eq!(key("wait_max > 2s"), ("ttft_s", Stat::Max));
        assert_eq!(key("speed_p5 < 10 tok/s"), ("speed_tok_s", Stat::P5));
        assert_eq!(key("watts_max > 300 W"), ("watts", Stat::Max));
        assert_eq!(key("rss_max > 8GB"), ("rss_max_bytes", Stat::Mean));
        assert_eq!(key("failed > 3"), ("failed", Stat::Mean));
        assert_eq!(key("failed > 1%"), ("error_rate", Stat::Mean));
        assert_eq!(key("users < 4"), ("users", Stat::Mean));
    }

    #[test]
    fn thresholds_know_their_units() {
        let of = |text: &str| Condition::for_run(text).unwrap().threshold;
        assert_eq!(of("ttft > 500ms"), Threshold::Unit(0.5));
        assert_eq!(of("ttft > 2"), Threshold::Unit(2.0));
        assert_eq!(of("total > 2 min"), Threshold::Unit(120.0));
        assert_eq!(of("rss_max > 8GB"), Threshold::Unit(8e9));
        assert_eq!(of("share < 90%"), Threshold::Part(0.9));
        assert_eq!(change("speed<-5%").threshold, Threshold::Part(-0.05));
        assert_eq!(
            change("speed < \u{2212}5 %").threshold,
            Threshold::Part(-0.05)
        );
        let one = change("speed@8 <= -1.5");
        assert_eq!((one.level, one.or_equal, one.below), (Some(8), true, true));
    }

    #[test]
    fn what_is_wrong_is_named() {
        for (text, why) in [
            ("speed", "neither < nor >"),
            ("speed = 5%", "neither < nor >"),
            (
                "pace < 5%",
                "pace: not one of users, errors, speed, wait, total, throughput, share, energy, duration_s",
            ),
            ("speed < five", "five: not a number"),
            ("speed < ", ": not a number"),
            ("< 5%", ": not one of users"),
            ("speed < NaN", "NaN: not a number"),
            ("speed < 5 s", "5 s: speed_tok_s is in tok/s"),
            ("failed > 3 s", "3 s: write a plain number"),
            ("speed@none < 5%", "@none: not a number of users"),
            ("speed@0 < 5%", "@0: not a number of users"),
            (
                "throughput_p95 < 5%",
                "throughput_p95: steady_tok_s has no p95",
            ),
        ] {
            let error = Condition::for_change(text).unwrap_err();
            assert!(error.contains(why), "{text}: {error}");
            assert!(error.contains("write for example 'speed < -5%'"), "{error}");
        }
        let error = Condition::for_change("users < 4").unwrap_err();
        assert!(error.contains("tokometer check RUN"), "{error}");
        let error = Condition::for_run("speed < -5%").unwrap_err();
        assert!(
            error.contains("it in tok/s") && error.contains("compare A B"),
            "{error}"
        );
        let error = Condition::for_run("users < 50%").unwrap_err();
        assert!(error.contains("a whole number"), "{error}");
        let error = Condition::for_run("users@4 < 4").unwrap_err();
        assert!(error.contains("leave out the @"), "{error}");
    }

    #[test]
    fn an_interval_is_beyond_a_threshold_short_of_it_or_neither() {
        let below = change("speed < -5%");
        assert_eq!(below.decide((-0.09, -0.06), -0.05), Some(true));
        assert_eq!(below.decide((-0.04, 0.03), -0.05), Some(false));
        assert_eq!(below.decide((-0.05, 0.03), -0.05), Some(false), "not below");
        assert_eq!(below.decide((-0.06, 0.03), -0.05), None);
        let at_least = change("wait >= 10%");
        assert_eq!(at_least.decide((0.1, 0.3), 0.1), Some(true));
        assert_eq!(at_least.decide((0.0, 0.1), 0.1), None);
        assert_eq!(at_least.decide((0.0, 0.09), 0.1), Some(false));
    }
}
