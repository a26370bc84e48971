//! Repeats of a level: do they agree?

use serde::{Deserialize, Serialize};

use crate::metrics::interval::{MeanInterval, Moments, mean_interval, welch};
use crate::metrics::sample::Sample;
use crate::plan::Limits;

/// Repeats whose mean speeds or waits differ by more than this share, beyond chance, disagree.
const FAR: f64 = 0.1;

/// What the repeats of a level say together.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Repeats {
    /// How many there are.
    pub n: u64,
    /// Mean speed, tokens a second: mean, spread and t-interval between the means of the repeats.
    pub speed_tok_s: MeanInterval,
    /// Mean wait, seconds, in the same way.
    pub wait_s: MeanInterval,
    /// Whether they disagree: some meet a limit by their mean and others miss it, or two of them differ in
    /// speed or wait by more than 10 % and by more than chance.
    pub disagree: bool,
    /// That in a sentence.
    pub text: String,
}

impl Repeats {
    /// From the requests of each repeat; None for fewer than two repeats.
    pub(crate) fn new(repeats: &[Vec<Sample>], limits: &Limits) -> Option<Self> {
        let judged: Vec<&Vec<Sample>> = repeats.iter().filter(|r| !r.is_empty()).collect();
        if judged.len() < 2 {
            return None;
        }
        let moments = |figure: fn(&Sample) -> Option<f64>| -> Vec<Moments> {
            let of_one = |samples: &&Vec<Sample>| {
                let good = samples.iter().filter(|sample| !sample.failed);
                Moments::from_values(good.filter_map(figure))
            };
            judged.iter().filter_map(of_one).collect()
        };
        let (speeds, waits) = (moments(|s| s.speed_tok_s), moments(|s| s.wait_s));
        let split = |all: &[Moments], meets: &dyn Fn(f64) -> bool| {
            let met = all.iter().filter(|moments| meets(moments.mean)).count();
            met > 0 && met < all.len()
        };
        let by_limit = split(&speeds, &|speed| speed >= limits.speed_tok_s)
            || split(&waits, &|wait| wait <= limits.wait_s);
        let disagree = by_limit || any_far_apart(&speeds) || any_far_apart(&waits);
        let (by_speed, by_wait) = (between(&speeds), between(&waits));
        let n = judged.len() as u64;
        Some(Self {
            n,
            text: sentence(n, &by_speed, &by_wait, disagree),
            speed_tok_s: by_speed,
            wait_s: by_wait,
            disagree,
        })
    }
}

/// Between the means of repeats. Neither a wait nor a speed can be below 0.
fn between(repeats: &[Moments]) -> MeanInterval {
    let interval = mean_interval(repeats.iter().map(|moments| moments.mean));
    MeanInterval {
        low: interval.low.map(|low| low.max(0.0)),
        ..interval
    }
}

fn any_far_apart(repeats: &[Moments]) -> bool {
    let mut pairs = repeats
        .iter()
        .enumerate()
        .flat_map(|(i, a)| repeats.iter().skip(i + 1).map(move |b| (a, b)));
    pairs.any(|(a, b)| {
        let far = (a.mean - b.mean).abs() > FAR * a.mean.max(b.mean);
        far && welch(a, b).is_shown()
    })
}

fn sentence(n: u64, speed: &MeanInterval, wait: &MeanInterval, disagree: bool) -> String {
    let interval_text = |interval: &MeanInterval, unit: &str| -> Option<String> {
        let mean = interval.mean?;
        let range = interval.low.zip(interval.high);
        let range = range.map_or_else(String::new, |(low, high)| {
            format!(" (95 % CI {low:.2}–{high:.2})")
        });
        let spread = interval
            .sd
            .map_or_else(String::new, |sd| format!(", spread {sd:.2}"));
        Some(format!("{mean:.2} {unit}{spread}{range}"))
    };
    let parts: Vec<String> = [interval_text(speed, "tok/s"), interval_text(wait, "s wait")]
        .into_iter()
        .flatten()
        .collect();
    let verb = if disagree { "disagree" } else { "agree" };
    format!("{n} repeats {verb}: {}", parts.join("; "))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn repeat(speeds: &[f64], wait_s: f64) -> Vec<Sample> {
        let sample = |speed: &f64| Sample {
            failed: false,
            wait_s: Some(wait_s),
            speed_tok_s: Some(*speed),
        };
        speeds.iter().map(sample).collect()
    }

    fn of(repeats: &[Vec<Sample>]) -> Option<Repeats> {
        Repeats::new(repeats, &Limits::default())
    }

    #[test]
    fn one_repeat_is_none() {
        assert_eq!(of(&[repeat(&[30.0], 1.0)]), None);
        assert_eq!(of(&[repeat(&[30.0], 1.0), vec![]]), None);
    }

    #[test]
    fn mean_spread_and_interval_are_between_repeats() {
        let all = of(&[
            repeat(&[29.0, 31.0], 1.0),
            repeat(&[32.0], 1.5),
            repeat(&[31.0], 2.0),
        ]);
        let all = all.unwrap();
        assert_eq!(
            (all.n, all.speed_tok_s.mean, all.speed_tok_s.sd),
            (3, Some(31.0), Some(1.0))
        );
        // t(2) = 4.303: 31 ± 4.303 / √3.
        assert!((all.speed_tok_s.low.unwrap() - (31.0 - 4.3027 / 3.0_f64.sqrt())).abs() < 1e-3);
        assert_eq!(all.wait_s.mean, Some(1.5));
        assert!(!all.disagree);
        assert!(
            all.text
                .starts_with("3 repeats agree: 31.00 tok/s, spread 1.00 (95 % CI 28.52–33.48); 1.50 s wait, spread 0.50 (95 % CI 0.26–2.74)")
        );
    }

    #[test]
    fn they_disagree_in_waits_as_in_speeds() {
        let waits = |waits: &[f64]| -> Vec<Sample> {
            let sample = |wait: &f64| repeat(&[30.0], *wait);
            waits.iter().flat_map(sample).collect()
        };
        let (short, long) = (waits(&[0.60, 0.62, 0.64]), waits(&[0.81, 0.83, 0.85]));
        let apart = of(&[short.clone(), long]).unwrap();
        assert!(apart.disagree);
        assert!(
            apart.text.starts_with("2 repeats disagree: "),
            "{}",
            apart.text
        );
        // 8 % apart is near enough, and so is what chance alone can do.
        assert!(
            !of(&[short.clone(), waits(&[0.65, 0.67, 0.69])])
                .unwrap()
                .disagree
        );
        assert!(!of(&[short, waits(&[0.5, 0.83, 1.2])]).unwrap().disagree);
    }

    #[test]
    fn they_disagree_on_either_side_of_a_limit_or_far_apart() {
        assert!(
            of(&[repeat(&[20.0], 1.0), repeat(&[19.8], 1.0)])
                .unwrap()
                .disagree
        );
        assert!(
            of(&[repeat(&[30.0], 9.9), repeat(&[30.0], 10.1)])
                .unwrap()
                .disagree
        );
        let (slow, fast) = (
            repeat(&[30.0, 30.5, 29.5], 1.0),
            repeat(&[40.0, 40.5, 39.5], 1.0),
        );
        assert!(of(&[slow, fast]).unwrap().disagree);
        // As far apart, but each from one request: no more than chance.
        assert!(
            !of(&[repeat(&[30.0], 1.0), repeat(&[40.0], 1.0)])
                .unwrap()
                .disagree
        );
    }
}
