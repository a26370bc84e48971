//! Throughput while the load is steady: tokens over the time in which nearly all users are in flight.

use crate::event::{RequestRecord, Stamp};
use crate::text::numbers::floor_u64;

/// The share of the users that must be in flight.
const FULL: f64 = 0.95;
/// The most parts of one cycle.
const MOST_PARTS: f64 = 100.0;

/// Tokens and seconds of the time in which at least 95 % of `users` were in flight; None where that
/// never was. All requests make the load, the failed ones too; the tokens are those of the requests that succeeded,
/// each taken as evenly spread between its first and its last.
pub(crate) fn steady(requests: &[&RequestRecord], users: u32) -> Option<(f64, f64)> {
    let window = Window::new(requests, users);
    let seconds = window.length_us() as f64 / 1e6;
    let tokens: f64 = requests
        .iter()
        .filter(|request| request.is_done())
        .filter_map(|request| tokens_within(request, &window))
        .sum();
    (seconds > 0.0).then_some((tokens, seconds))
}

/// Throughput in parts of that time, tokens a second, each part about as long as `part_s`: how much it varies.
pub(crate) fn parts(requests: &[&RequestRecord], users: u32, part_s: f64) -> Vec<f64> {
    let window = Window::new(requests, users);
    let length = window.length_us() as f64;
    if length <= 0.0 || part_s <= 0.0 {
        return Vec::new();
    }
    let count = (length / 1e6 / part_s).round().clamp(1.0, MOST_PARTS);
    let part = length / count;
    let index = |at: f64| usize::try_from(floor_u64(at / part)).unwrap_or(usize::MAX);
    let mut tokens = vec![0.0; usize::try_from(floor_u64(count)).unwrap_or(1)];
    let latest = tokens.len().saturating_sub(1);
    for request in requests.iter().filter(|request| request.is_done()) {
        let Some(first) = request.first_token else {
            continue;
        };
        let last = request.last_token.unwrap_or(request.ended);
        let (from, to) = (window.before_us(first), window.before_us(last));
        let (from, to) = (from as f64, to as f64);
        let all = request.output_tokens() as f64;
        let at_first = if last <= first { all } else { 1.0 };
        let begin = index(from).min(latest);
        if window.contains(first)
            && let Some(part) = tokens.get_mut(begin)
        {
            *part += at_first;
        }
        if last <= first {
            continue;
        }
        let rate = (all - 1.0).max(0.0) / (last.0 - first.0) as f64;
        let touched = begin..=index(to).min(latest);
        for (number, sum) in tokens.iter_mut().enumerate() {
            if touched.contains(&number) {
                let start = number as f64 * part;
                let inside = to.min(start + part) - from.max(start);
                *sum += inside.max(0.0) * rate;
            }
        }
    }
    let rate = |tokens: f64| tokens / (part / 1e6);
    tokens.into_iter().map(rate).collect()
}

fn tokens_within(request: &RequestRecord, window: &Window) -> Option<f64> {
    let first = request.first_token?;
    let last = request.last_token.unwrap_or(request.ended);
    let tokens = request.output_tokens() as f64;
    let at_first = if window.contains(first) { 1.0 } else { 0.0 };
    if last <= first {
        return Some(at_first * tokens);
    }
    let inside = window.before_us(last) - window.before_us(first);
    let share = inside as f64 / (last.0 - first.0) as f64;
    Some(at_first + (tokens - 1.0).max(0.0) * share)
}

/// The times of full load: spans in order, without overlap.
struct Window {
    /// Begin and end of each span, and the summed length of those before it, microseconds.
    spans: Vec<(u64, u64, u64)>,
}

impl Window {
    fn new(requests: &[&RequestRecord], users: u32) -> Self {
        let wanted = i64::try_from(floor_u64((f64::from(users) * FULL).ceil()));
        let wanted = wanted.unwrap_or(i64::MAX).max(1);
        let mut steps: Vec<(u64, i64)> = requests
            .iter()
            .filter(|request| request.ended > request.sent)
            .flat_map(|request| [(request.sent.0, 1), (request.ended.0, -1)])
            .collect();
        // At one instant those that come are counted before those that go, so that a user who asks
        // again at once leaves no gap.
        steps.sort_unstable_by_key(|&(at, step)| (at, -step));
        let (mut in_flight, mut since, mut before) = (0_i64, None, 0_u64);
        let mut spans = Vec::new();
        for (at, step) in steps {
            in_flight += step;
            match (since, in_flight >= wanted) {
                (None, true) => since = Some(at),
                (Some(begin), false) => {
                    since = None;
                    if at > begin {
                        spans.push((begin, at, before));
                        before += at - begin;
                    }
                }
                _ => {}
            }
        }
        Self { spans }
    }

    fn length_us(&self) -> u64 {
        let last = self.spans.last();
        last.map_or(0, |(begin, end, before)| before + (end - begin))
    }

    /// How much of the window lies before `at`, microseconds.
    fn before_us(&self, at: Stamp) -> u64 {
        let begun = self.spans.partition_point(|(begin, _, _)| *begin <= at.0);
        let span = begun.checked_sub(1).and_then(|index| self.spans.get(index));
        span.map_or(0, |(begin, end, before)| before + (at.0.min(*end) - begin))
    }

    fn contains(&self, at: Stamp) -> bool {
        let begun = self.spans.partition_point(|(begin, _, _)| *begin <= at.0);
        let span = begun.checked_sub(1).and_then(|index| self.spans.get(index));
        span.is_some_and(|(_, end, _)| at.0 <= *end)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::level::tests::answered;

    #[test]
    fn counts_only_the_time_in_which_all_users_are_in_flight() {
        // Two users from 1 s to 11 s; one of them alone until 21 s. 10 tokens/s each.
        let a = answered(1, 0, 0.0, 1.0, 11.0, 101);
        let b = answered(2, 1, 1.0, 1.0, 21.0, 201);
        let (tokens, seconds) = steady(&[&a, &b], 2).unwrap();
        assert!((seconds - 10.0).abs() < 1e-9, "{seconds}");
        // a: 1 at its first + 100; b: 1 + half of its other 200.
        assert!((tokens - 202.0).abs() < 1e-6, "{tokens}");
    }

    #[test]
    fn a_user_who_asks_again_at_once_leaves_no_gap() {
        let a = answered(1, 0, 0.0, 0.0, 10.0, 100);
        let b = answered(2, 0, 10.0, 10.0, 20.0, 100);
        let (tokens, seconds) = steady(&[&a, &b], 1).unwrap();
        assert!((seconds - 20.0).abs() < 1e-9 && (tokens - 200.0).abs() < 1e-6);
    }

    #[test]
    fn the_parts_show_how_much_it_varies() {
        // One user: 10 tokens a second for 10 s, then 30 a second for 10 s.
        let slow = answered(1, 0, 0.0, 0.0, 10.0, 101);
        let quick = answered(2, 0, 10.0, 10.0, 20.0, 301);
        let halves = parts(&[&slow, &quick], 1, 10.0);
        // The first token of each answer comes on top of those that are spread.
        assert_eq!(halves.len(), 2);
        assert!((halves[0] - 10.1).abs() < 1e-9 && (halves[1] - 30.1).abs() < 1e-9);
        let quarters = parts(&[&slow, &quick], 1, 5.0);
        let sum: f64 = quarters.iter().map(|rate| rate * 5.0).sum();
        assert!((sum - 402.0).abs() < 1e-9, "no token is lost: {sum}");
        assert!(parts(&[&slow], 2, 1.0).is_empty(), "two never asked");
        assert!(parts(&[], 1, 1.0).is_empty());
    }

    proptest::proptest! {
        /// Against a count of who is in flight in each tenth of a second.
        #[test]
        fn agrees_with_a_count_by_hand(
            times in proptest::collection::vec((0..300_u32, 0..40_u32, 1..300_u32), 1..12),
            users in 1..8_u32,
        ) {
            let tenths = |n: u32| f64::from(n) / 10.0;
            let all: Vec<_> = (0..)
                .zip(&times)
                .map(|(id, &(sent, wait, long))| {
                    let first = sent + wait;
                    answered(id, 0, tenths(sent), tenths(first), tenths(first + long), long * 7 + 1)
                })
                .collect();
            let refs: Vec<_> = all.iter().collect();
            let (mut seconds, mut tokens) = (0.0, 0.0);
            for tenth in 0..700 {
                let flying = |&&(sent, wait, long): &&(u32, u32, u32)| {
                    sent <= tenth && tenth < sent + wait + long
                };
                if times.iter().filter(flying).count() * 20 < users as usize * 19 {
                    continue;
                }
                seconds += 0.1;
                let streaming = times.iter().filter(flying).filter(|(s, w, _)| s + w <= tenth);
                tokens += streaming.count() as f64 * 7.0;
            }
            let (steady_tokens, steady_seconds) = steady(&refs, users).unwrap_or((0.0, 0.0));
            proptest::prop_assert!((steady_seconds - seconds).abs() < 1e-6);
            // Each answer's first token comes on top of those that are spread.
            let firsts = steady_tokens - tokens;
            proptest::prop_assert!(firsts > -1e-6 && firsts < times.len() as f64 + 1e-6);
        }
    }

    #[test]
    fn twenty_users_are_full_with_nineteen() {
        let all: Vec<_> = (0..19).map(|u| answered(u, 0, 0.0, 1.0, 5.0, 40)).collect();
        let refs: Vec<_> = all.iter().collect();
        assert!(steady(&refs, 20).is_some());
        assert!(steady(&refs, 21).is_none());
        assert!(steady(&[], 1).is_none());
    }
}
