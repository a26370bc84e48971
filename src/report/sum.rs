//! The sum of a run, as text for a terminal: the answer, the figures there, why not more, what it cost.

use crate::metrics::bottleneck::sentences;
use crate::metrics::summary::Summary;
use crate::metrics::verdict::{State, Verdict};
use crate::text::numbers::{number, seconds, tok_s, users};
use crate::text::sanitize::one_line;

/// Room for the longest label.
const LABEL: usize = 9;
/// The longest text of a line.
const LONGEST: usize = 300;

/// The lines, the answer first; none for a run that was never judged.
pub fn sum(summary: &Summary) -> Vec<String> {
    let Some(verdict) = &summary.verdict else {
        return Vec::new();
    };
    let mut lines = vec![labeled("answer", &answer(verdict))];
    if summary.simulated {
        lines.insert(0, "SIMULATED".to_owned());
    }
    let judged = verdict.headline().map(|level| level.users);
    let level = judged.and_then(|at| summary.cycles.iter().find(|level| level.users == at));
    if let Some(level) = level {
        let figures = &level.figures;
        let total = figures.steady_tok_s.or(figures.system_tok_s);
        let shown = format!(
            "{} tok/s each, wait {}, {} tok/s in total",
            tok_s(figures.speed_tok_s.mean),
            seconds(figures.ttft_s.mean),
            tok_s(total),
        );
        lines.push(labeled(&format!("at {}", level.users), &shown));
    }
    let reasons = sentences(&summary.why);
    if let Some(reason) = reasons.first() {
        lines.push(labeled("why", &one_line(reason, LONGEST)));
    }
    if let Some(energy) = &summary.energy {
        let per_token = number(energy.gross_j_per_token, 3, " J/token");
        let scope = energy.scope.as_deref().unwrap_or("measured");
        let wh = number(energy.wh, 3, " Wh");
        lines.push(labeled("cost", &format!("{wh}, {per_token} ({scope})")));
    }
    lines
}

fn labeled(label: &str, text: &str) -> String {
    format!("{label:<LABEL$}{text}")
}

/// `3 users hold, 4 fail`, or the number with how sure it is.
fn answer(verdict: &Verdict) -> String {
    if let (Some(held), Some(failed)) = verdict.bracket() {
        let verb = if held == 1 { "holds" } else { "hold" };
        return format!("{} {verb}, {failed} do not", users(held));
    }
    let Some(state) = verdict.by_share.state else {
        return "not known: no request could be judged".to_owned();
    };
    match (verdict.by_share.both_users, state) {
        (None, State::Fails) => {
            let smallest = verdict.levels.first().map_or(1, |level| level.users);
            format!("not even {}", users(smallest))
        }
        (None, state) => format!("perhaps none ({state})"),
        (Some(carried), state) => {
            let at = verdict.levels.iter().find(|level| level.users == carried);
            let more = at.and_then(|level| level.both.more_to_decide);
            let more = more.filter(|more| *more > 0);
            let open = more.map_or_else(String::new, |more| format!(", {more} more to decide"));
            format!("{} ({state}{open})", users(carried))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::sample::Sample;
    use crate::metrics::verdict::Level;
    use crate::plan::Limits;

    fn headline(levels: &[(u32, usize, usize)]) -> String {
        let level = |&(users, good, bad): &(u32, usize, usize)| {
            let sample = |speed| Sample {
                failed: false,
                wait_s: Some(1.0),
                speed_tok_s: Some(speed),
            };
            // In turn, so that nothing drifts.
            let all = (0..good + bad).map(|n| {
                let is_bad = n * bad / (good + bad) != (n + 1) * bad / (good + bad);
                sample(if is_bad { 5.0 } else { 30.0 })
            });
            Level::from_samples(users, all.collect::<Vec<_>>())
        };
        let levels: Vec<Level> = levels.iter().map(level).collect();
        answer(&Verdict::new(&levels, &Limits::default()))
    }

    #[test]
    fn the_answer_is_a_bracket_where_both_ends_are_decided() {
        assert_eq!(
            headline(&[(3, 60, 0), (4, 20, 20)]),
            "3 users hold, 4 do not"
        );
        assert_eq!(
            headline(&[(1, 60, 0), (2, 0, 40)]),
            "1 user holds, 2 do not"
        );
    }

    #[test]
    fn an_answer_that_is_not_decided_says_so() {
        assert_eq!(
            headline(&[(2, 3, 0)]),
            "2 users (unsure, 31 more to decide)"
        );
        assert_eq!(headline(&[(1, 60, 0)]), "1 user (holds)");
        assert_eq!(headline(&[(1, 0, 40)]), "not even 1 user");
        assert_eq!(headline(&[(1, 0, 2)]), "perhaps none (unlikely)");
        assert_eq!(headline(&[]), "not known: no request could be judged");
    }
}
