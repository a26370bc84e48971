//! The Prometheus text format, as much of it as samples need. Names may hold colons (`vllm:…`).

use crate::probe::lines::Lines;

/// One sample of a page.
#[derive(Debug, Clone, PartialEq)]
pub struct Metric {
    pub name: String,
    /// Its labels, in their order.
    pub labels: Vec<(String, String)>,
    /// Its value; may be NaN or infinite.
    pub value: f64,
    /// When it was taken, seconds since 1970, where the page says so.
    pub at_s: Option<f64>,
}

impl Metric {
    /// The value of a label.
    pub fn label(&self, name: &str) -> Option<&str> {
        let found = self.labels.iter().find(|(label, _)| label == name);
        found.map(|(_, value)| value.as_str())
    }
}

/// A page that is being read, whatever the pieces it comes in.
#[derive(Debug)]
pub struct Page {
    lines: Lines,
    keep: fn(&str) -> bool,
    metrics: Vec<Metric>,
}

impl Page {
    /// A page of which only the metrics are kept whose names `keep` accepts.
    pub fn new(keep: fn(&str) -> bool) -> Self {
        Self {
            lines: Lines::default(),
            keep,
            metrics: Vec::new(),
        }
    }

    /// Takes more bytes.
    pub fn feed(&mut self, bytes: &[u8]) {
        let (keep, metrics) = (self.keep, &mut self.metrics);
        self.lines.feed(bytes, |line| {
            metrics.extend(metric(line).filter(|metric| keep(&metric.name)));
        });
    }

    /// The metrics of the whole page.
    pub fn finish(mut self) -> Vec<Metric> {
        let (keep, metrics) = (self.keep, &mut self.metrics);
        self.lines.finish(|line| {
            metrics.extend(metric(line).filter(|metric| keep(&metric.name)));
        });
        self.metrics
    }
}

/// One line as a metric: `name{label="value",…} 1.5 1700000000000`. None for comments and rubbish.
fn metric(line: &str) -> Option<Metric> {
    let line = line.trim();
    let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == ':';
    let end = line.find(|c| !is_name(c))?;
    let (name, rest) = line.split_at(end);
    if name.is_empty() || name.starts_with(|c: char| c.is_ascii_digit()) {
        return None;
    }
    let rest = rest.trim_start();
    let (labels, rest) = match rest.strip_prefix('{') {
        Some(rest) => labels(rest)?,
        None => (Vec::new(), rest),
    };
    let mut words = rest.split_ascii_whitespace();
    let value = words.next()?.parse().ok()?;
    // The older format counts milliseconds, OpenMetrics seconds.
    let at_s = words.next().and_then(|word| match word.parse::<i64>() {
        Ok(milliseconds) if milliseconds.abs() > 100_000_000_000 => Some(milliseconds as f64 / 1e3),
        _ => word
            .parse()
            .ok()
            .filter(|seconds: &f64| seconds.is_finite()),
    });
    Some(Metric {
        name: name.to_owned(),
        labels,
        value,
        at_s,
    })
}

/// The labels up to the closing brace, and what follows it.
fn labels(mut rest: &str) -> Option<(Vec<(String, String)>, &str)> {
    let mut labels = Vec::new();
    loop {
        rest = rest.trim_start().trim_start_matches(',').trim_start();
        if let Some(after) = rest.strip_prefix('}') {
            return Some((labels, after));
        }
        let (name, after) = rest.split_once('=')?;
        let (value, after) = quoted(after.trim_start().strip_prefix('"')?)?;
        labels.push((name.trim().to_owned(), value));
        rest = after;
    }
}

/// A value up to its closing quote, its escapes resolved, and what follows it.
fn quoted(text: &str) -> Option<(String, &str)> {
    let (mut value, mut escaped) = (String::new(), false);
    for (at, c) in text.char_indices() {
        match (escaped, c) {
            (true, 'n') => value.push('\n'),
            (false, '\\') => {}
            (false, '"') => return Some((value, text.get(at + 1..)?)),
            (_, c) => value.push(c),
        }
        escaped = !escaped && c == '\\';
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_keep_their_colons_and_labels_their_escapes() {
        let line = r#"vllm:num_requests_running{engine="0",model_name="a\\b\"c}\n, d",} 3.0 1700000000123"#;
        let metric = metric(line).unwrap();
        assert_eq!(metric.name, "vllm:num_requests_running");
        assert_eq!(metric.label("model_name"), Some("a\\b\"c}\n, d"));
        assert_eq!(metric.label("engine"), Some("0"));
        assert_eq!(metric.at_s, Some(1_700_000_000.123));
    }

    #[test]
    fn values_may_be_no_numbers() {
        assert!(metric("a NaN").unwrap().value.is_nan());
        assert!(metric("a -nan").unwrap().value.is_nan());
        assert_eq!(metric("a +Inf").map(|m| m.value), Some(f64::INFINITY));
        assert_eq!(metric("a{} -Inf").map(|m| m.value), Some(f64::NEG_INFINITY));
        assert_eq!(
            metric("a 1.5e3 # {trace=\"x\"} 1").map(|m| m.value),
            Some(1500.0)
        );
        assert_eq!(
            metric("a 1 1700000000.5").unwrap().at_s,
            Some(1_700_000_000.5)
        );
    }

    #[test]
    fn rubbish_is_no_metric() {
        for line in [
            "",
            "# HELP a b",
            "a",
            "a b",
            "9a 1",
            "a{b=\"c\" 1",
            "a{b} 1",
            "{} 1",
            "<html>",
            "a{b=\"c",
        ] {
            assert_eq!(metric(line), None, "{line}");
        }
    }
}
