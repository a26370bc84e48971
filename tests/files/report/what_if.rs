//! Limits after the fact: the answer of a run with these limits, from the same requests.

use std::path::Path;
use std::time::Instant;

use pretty_assertions::assert_eq;
use proptest::prelude::*;
use tokometer::event::{CycleEnd, Event, EventKind, WarningKind};
use tokometer::metrics::state::RunState;
use tokometer::metrics::summary::Summary;
use tokometer::metrics::verdict::Verdict;
use tokometer::metrics::what_if::WhatIf;
use tokometer::plan::{Limits, Price};
use tokometer::report::Report;

use super::files::run_directory;
use super::{big, large};

/// The run, if it had been started with these limits and this price.
fn run_with(limits: Limits, price: Option<&Price>) -> Vec<Event> {
    let mut events = big::run(false);
    for event in &mut events {
        if let EventKind::RunStarted(info) = &mut event.what {
            info.plan.limits = limits;
            info.plan.energy.price = price.cloned();
        }
    }
    events
}

fn asked(limits: &Limits) -> WhatIf {
    WhatIf {
        wait_s: Some(limits.wait_s),
        speed_tok_s: Some(limits.speed_tok_s),
        share: Some(limits.share),
        ..WhatIf::default()
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(10))]
    #[test]
    fn to_judge_again_is_to_run_again(
        wait_s in 0.1_f64..40.0,
        speed_tok_s in 3.0_f64..60.0,
        share in 0.05_f64..1.0,
    ) {
        let limits = Limits { wait_s, speed_tok_s, share };
        let own = RunState::from_events(&big::run(false));
        let run = RunState::from_events(&run_with(limits, None));
        // The figures of the cycles are at hand by the run's own limits.
        for cycle in &own.cycles {
            cycle.metrics(&Limits::default());
        }
        prop_assert_eq!(Some(Verdict::from_cycles(&own, &limits)), Verdict::from_run(&run));
        for (cycle, other) in own.cycles.iter().zip(&run.cycles) {
            prop_assert_eq!(cycle.metrics(&limits), other.metrics(&limits));
        }
    }
}

#[test]
fn a_report_by_other_limits_is_that_of_a_run_with_them() {
    let directory = Path::new(env!("CARGO_TARGET_TMPDIR")).join("what-if");
    run_directory(&directory, &big::run(false));
    let price = Price {
        per_kwh: 0.3,
        currency: "€".to_owned(),
    };
    for (wait_s, speed_tok_s, share) in [(3.0, 30.0, 0.95), (0.5, 6.0, 0.5), (60.0, 1.0, 1.0)] {
        let limits = Limits {
            wait_s,
            speed_tok_s,
            share,
        };
        let what_if = WhatIf {
            price: Some(price.per_kwh),
            currency: Some(price.currency.clone()),
            ..asked(&limits)
        };
        let mut report = Report::what_if(&directory, &what_if).unwrap();
        let first = report.summary.warnings.remove(0);
        assert_eq!(first.kind, WarningKind::WhatIf);
        assert!(
            first
                .text
                .contains(&format!("wait ≤ {wait_s} s (the run: 10 s)")),
            "{}",
            first.text
        );
        let run = RunState::from_events(&run_with(limits, Some(&price)));
        let expected = Summary::from_run(&run);
        assert!(expected.energy.as_ref().unwrap().cost.is_some());
        assert_eq!(
            report.summary.to_json().unwrap(),
            expected.to_json().unwrap()
        );
    }
}

#[test]
fn a_report_says_which_limits_are_not_those_of_the_run() {
    let directory = Path::new(env!("CARGO_TARGET_TMPDIR")).join("what-if-words");
    run_directory(&directory, &big::run(false));
    let what_if = WhatIf {
        share: Some(0.95),
        // That of the run: nothing is different.
        wait_s: Some(10.0),
        ..WhatIf::default()
    };
    let report = Report::what_if(&directory, &what_if).unwrap();
    let message = "What if: judged after the run by share ≥ 95 % (the run: 90 %). The requests are unchanged.";
    for text in [report.markdown(), report.html(), report.json().unwrap()] {
        assert!(text.contains(message));
    }
    let own = Report::open(&directory).unwrap();
    assert!(own.changed.is_empty());
    assert!(!own.markdown().contains("What if"));
}

/// 256 users who ask again and again.
fn many(requests: u64) -> RunState {
    let mut events = large::events(requests);
    for event in &mut events {
        if let EventKind::RequestEnded(record) = &mut event.what {
            record.user = u32::try_from(record.id % 256).unwrap();
            record.round = u32::try_from(record.id / 256).unwrap();
        }
    }
    let end = EventKind::CycleEnded {
        cycle: 0,
        why: CycleEnd::Done,
    };
    let at = events.last().unwrap().at;
    events.insert(events.len() - 1, Event { at, what: end });
    RunState::from_events(&events)
}

#[test]
fn a_hundred_thousand_requests_are_judged_again_at_once() {
    let run = many(100_000);
    let limits = Limits {
        wait_s: 0.9,
        speed_tok_s: 15.0,
        share: 0.95,
    };
    let begin = Instant::now();
    let verdict = Verdict::from_cycles(&run, &limits);
    let took = begin.elapsed().as_secs_f64();
    assert_eq!(verdict.levels.first().map(|level| level.users), Some(256));
    assert!(verdict.levels.iter().any(|level| level.both.of > 90_000));
    // What is promised holds for a release build; this one may be not optimized.
    let most = if cfg!(debug_assertions) { 4.0 } else { 0.2 };
    assert!(took < most, "{took} s");
}
