//! Limits and a price that are asked for after the fact: the same requests, as a run with these flags would judge them.
//!
//! They take the place of the plan's in the event that a run begins with, so whatever is folded from the events
//! follows.

use serde::{Deserialize, Serialize};

use crate::event::{Event, EventKind};
use crate::plan::{Limits, Plan, Price};
use crate::text::numbers::plain;

/// What is asked for; what is not stays that of the run.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct WhatIf {
    /// The longest wait for the first token, seconds.
    pub wait_s: Option<f64>,
    /// The lowest speed, tokens a second.
    pub speed_tok_s: Option<f64>,
    /// The share of requests that must meet them, 0–1.
    pub share: Option<f64>,
    /// Price of a kilowatt-hour.
    pub price: Option<f64>,
    /// Its currency; that of the run where it is not given.
    pub currency: Option<String>,
}

impl WhatIf {
    /// All of these limits.
    pub fn from_limits(limits: Limits) -> Self {
        Self {
            wait_s: Some(limits.wait_s),
            speed_tok_s: Some(limits.speed_tok_s),
            share: Some(limits.share),
            ..Self::default()
        }
    }

    /// These limits in place of `own`.
    pub fn limits(&self, own: &Limits) -> Limits {
        Limits {
            wait_s: self.wait_s.unwrap_or(own.wait_s),
            speed_tok_s: self.speed_tok_s.unwrap_or(own.speed_tok_s),
            share: self.share.unwrap_or(own.share),
        }
    }

    /// Lets a run begin with what is asked for. Returns what that changes, each in words; nothing for any event but a
    /// run's first.
    pub fn begin(&self, event: &mut Event) -> Vec<String> {
        match &mut event.what {
            EventKind::RunStarted(info) => self.change(&mut info.plan),
            _ => Vec::new(),
        }
    }

    fn change(&self, plan: &mut Plan) -> Vec<String> {
        let own = plan.limits;
        plan.limits = self.limits(&own);
        let mut changed = differences(&plan.limits, &own);
        if let Some(per_kwh) = self.price {
            let own = plan.energy.price.take();
            let currency = self.currency.clone();
            let currency = currency.or_else(|| own.as_ref().map(|own| own.currency.clone()));
            let asked = Price {
                per_kwh,
                currency: currency.unwrap_or_default(),
            };
            if own.as_ref() != Some(&asked) {
                let own = own.map_or_else(|| "none".to_owned(), |own| priced(&own));
                changed.push(format!("price {} per kWh (the run: {own})", priced(&asked)));
            }
            plan.energy.price = Some(asked);
        }
        changed
    }
}

/// Which limits are not those of the run, each in words.
pub fn differences(limits: &Limits, own: &Limits) -> Vec<String> {
    let mut changed = Vec::new();
    let mut tell = |name: &str, values: [f64; 2], unit: &str| {
        let [value, was] = values.map(|value| format!("{}{unit}", plain(value)));
        if value != was {
            changed.push(format!("{name} {value} (the run: {was})"));
        }
    };
    tell("wait ≤", [limits.wait_s, own.wait_s], " s");
    tell("speed ≥", [limits.speed_tok_s, own.speed_tok_s], " tok/s");
    let shares = [limits.share, own.share].map(in_percent);
    tell("share ≥", shares, " %");
    changed
}

/// What is changed, in a sentence; None where nothing is.
pub fn sentence(changed: &[String]) -> Option<String> {
    let words = changed.join(", ");
    (!changed.is_empty())
        .then(|| format!("What if: judged after the run by {words}. The requests are unchanged."))
}

/// A share in percent, without the digits that binary fractions add.
pub fn in_percent(share: f64) -> f64 {
    (share * 1e6).round() / 1e4
}

fn priced(price: &Price) -> String {
    let price = format!("{} {}", price.currency, plain(price.per_kwh));
    price.trim_start().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_asked_for_stays() {
        let mut plan = Plan::default();
        assert_eq!(
            WhatIf::default().change(&mut plan),
            Vec::<String>::new(),
            "nothing is asked"
        );
        assert_eq!(plan, Plan::default());
        let asked = WhatIf {
            speed_tok_s: Some(30.0),
            ..WhatIf::default()
        };
        let changed = asked.change(&mut plan);
        assert_eq!(changed, ["speed ≥ 30 tok/s (the run: 19.9 tok/s)"]);
        assert!((plan.limits.wait_s - Limits::default().wait_s).abs() < 1e-9);
        // Once more it is the run's own.
        assert!(asked.change(&mut plan).is_empty());
    }

    #[test]
    fn a_price_keeps_the_currency_of_the_run() {
        let mut plan = Plan::default();
        let asked = |price, currency: Option<&str>| WhatIf {
            price: Some(price),
            currency: currency.map(str::to_owned),
            ..WhatIf::default()
        };
        let changed = asked(0.3, Some("€")).change(&mut plan);
        assert_eq!(changed, ["price € 0.3 per kWh (the run: none)"]);
        let changed = asked(0.5, None).change(&mut plan);
        assert_eq!(changed, ["price € 0.5 per kWh (the run: € 0.3)"]);
        assert_eq!(
            sentence(&changed).unwrap(),
            "What if: judged after the run by price € 0.5 per kWh (the run: € 0.3). The requests are unchanged."
        );
        assert_eq!(sentence(&[]), None);
    }

    #[test]
    fn shares_are_told_in_percent() {
        let own = Limits::default();
        let limits = Limits { share: 0.57, ..own };
        assert_eq!(differences(&limits, &own), ["share ≥ 57 % (the run: 90 %)"]);
    }
}
