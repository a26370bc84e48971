//! Conditions under which a comparison fails: `speed < -5%`, `wait > +0.5`, `errors > 1%`.

use std::str::FromStr;

use crate::metrics::compare::{Comparison, Metric};
use crate::text::numbers::{signed, users};

/// A condition on the change of one figure.
#[derive(Debug, Clone, PartialEq)]
pub struct Condition {
    metric: Metric,
    below: bool,
    or_equal: bool,
    /// As a share of the first run's value (or in points, for shares); else in the unit of the figure.
    threshold: Threshold,
    text: String,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Threshold {
    Share(f64),
    Unit(f64),
}

/// A level at which a condition is met.
#[derive(Debug, Clone, PartialEq)]
pub struct Met {
    /// Users.
    pub users: u32,
    /// Which run, from 0; never the first.
    pub run: usize,
    /// That in a sentence.
    pub text: String,
}

impl FromStr for Condition {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let wrong = |why: &str| format!("{why} (write for example 'speed < -5%')");
        let place = text
            .find(['<', '>'])
            .ok_or_else(|| wrong("contains neither < nor >"))?;
        let (name, rest) = text.split_at(place);
        let name = name.trim();
        let metric = name.parse::<Metric>().map_err(|_| {
            use strum::IntoEnumIterator as _;
            let names: Vec<String> = Metric::iter().map(|metric| metric.to_string()).collect();
            wrong(&format!("{name}: not one of {}", names.join(", ")))
        })?;
        let below = rest.starts_with('<');
        let rest = rest.get(1..).unwrap_or_default();
        let (or_equal, rest) = match rest.strip_prefix('=') {
            Some(rest) => (true, rest),
            None => (false, rest),
        };
        let rest = rest.trim().replace('−', "-");
        let (number, is_share) = match rest.strip_suffix('%') {
            Some(number) => (number.trim(), true),
            None => (rest.as_str(), false),
        };
        let number = number
            .parse::<f64>()
            .ok()
            .filter(|number| number.is_finite());
        let number = number.ok_or_else(|| wrong(&format!("{rest}: not a number")))?;
        Ok(Self {
            metric,
            below,
            or_equal,
            threshold: if is_share {
                Threshold::Share(number / 100.0)
            } else {
                Threshold::Unit(number)
            },
            text: text.trim().to_owned(),
        })
    }
}

impl Condition {
    /// Where the comparison meets it. None where it can be checked nowhere: no level has the figure in
    /// two runs.
    pub fn check(&self, comparison: &Comparison) -> Option<Vec<Met>> {
        let mut checked = false;
        let mut met = Vec::new();
        for level in &comparison.levels {
            let rows = level.rows.iter().filter(|row| row.metric == self.metric);
            for (index, change) in rows.flat_map(|row| row.changes.iter().enumerate()) {
                let Some(change) = change else { continue };
                checked = true;
                let (is, threshold) = match self.threshold {
                    Threshold::Share(share) => (change.by, share),
                    Threshold::Unit(value) => (change.absolute, value),
                };
                let beyond = if self.below {
                    is < threshold
                } else {
                    is > threshold
                };
                // Equal but for the rounding of the arithmetic.
                let equal = (is - threshold).abs() < 1e-12;
                if (beyond && !equal) || (self.or_equal && equal) {
                    let sure = if change.shown {
                        ""
                    } else {
                        ", which may be chance alone in these samples"
                    };
                    let run = index + 1;
                    let text = format!(
                        "{}: {} at {}{sure}",
                        self.text,
                        self.describe(change.by, change.absolute),
                        users(level.users)
                    );
                    met.push(Met {
                        users: level.users,
                        run,
                        text,
                    });
                }
            }
        }
        checked.then_some(met)
    }

    fn describe(&self, by: f64, absolute: f64) -> String {
        let name = self.metric;
        if self.metric.is_share() {
            format!("{name} changed by {} points", signed(by * 100.0, 1))
        } else {
            format!(
                "{name} changed by {} % ({} {})",
                signed(by * 100.0, 1),
                signed(absolute, 2),
                name.unit()
            )
        }
    }
}
