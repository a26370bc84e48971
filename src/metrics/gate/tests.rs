use super::*;
use crate::event::{CycleEnd, FailureKind, RunInfo};
use crate::metrics::level::tests::{answered, failed};
use crate::plan::SettlePlan;

fn info(levels: &[u32]) -> RunInfo {
    let info = include_str!("../../../tests/fixtures/run-info.json");
    let mut info: RunInfo = serde_json::from_str(info).unwrap();
    info.plan.levels = levels.to_vec();
    info
}

/// A request of 101 tokens at this speed after this wait, the nth of its level, of which each round has one of each user.
fn request(n: u64, users: u32, wait_s: f64, speed: f64) -> RequestRecord {
    let (round, user) = (n / u64::from(users), n % u64::from(users));
    let sent = 10.0 * round as f64;
    RequestRecord {
        user: u32::try_from(user).unwrap(),
        round: u32::try_from(round).unwrap(),
        ..answered(
            n,
            0,
            sent,
            sent + wait_s,
            sent + wait_s + 100.0 / speed,
            101,
        )
    }
}

fn cycle(number: u32, users: u32, requests: Vec<RequestRecord>) -> CycleState {
    CycleState {
        cycle: number,
        users,
        ended: requests.iter().map(|request| request.ended).max(),
        end: Some(CycleEnd::Done),
        requests,
        ..CycleState::default()
    }
}

/// A run with a cycle for each `(users, speeds)`, with waits of 1 s.
fn run(cycles: &[(u32, &[f64])]) -> RunState {
    let levels: Vec<u32> = cycles.iter().map(|(users, _)| *users).collect();
    let cycles = (0..).zip(cycles).map(|(number, (users, speeds))| {
        let one = |(n, speed): (u64, &f64)| request(n, *users, 1.0, *speed);
        cycle(number, *users, (0..).zip(*speeds).map(one).collect())
    });
    RunState {
        info: Some(info(&levels)),
        cycles: cycles.collect(),
        ..RunState::default()
    }
}

/// A run of one level with these waits, of which the last so many requests fail.
fn waits(users: u32, waits: &[f64], failures: u64) -> RunState {
    let n = waits.len() as u64;
    let mut requests: Vec<RequestRecord> = (0..)
        .zip(waits)
        .map(|(i, w)| request(i, users, *w, 40.0))
        .collect();
    for i in n..n + failures {
        let at = 10.0 * (i / u64::from(users)) as f64;
        requests.push(failed(i, FailureKind::Http(503), at, at + 1.0));
    }
    let mut run = run(&[(users, &[])]);
    run.cycles = vec![cycle(0, users, requests)];
    run
}

fn change(text: &str, a: &RunState, b: &RunState) -> Vec<Ruling> {
    changes(&[Condition::for_change(text).unwrap()], &[a, b])
}

/// The only ruling, as it is said.
fn one(text: &str, a: &RunState, b: &RunState) -> (Decision, String) {
    let rulings = change(text, a, b);
    assert_eq!(rulings.len(), 1, "{rulings:?}");
    (rulings[0].decision, rulings[0].text())
}

fn check(text: &str, run: &RunState) -> (Decision, String) {
    let rulings = judge_run(&[Condition::for_run(text).unwrap()], run);
    (rulings[0].decision, rulings[0].text())
}

const A: (&[f64], &[f64]) = (&[40.0, 40.4, 39.6], &[20.0, 20.2, 19.8, 20.0, 20.1, 19.9]);

#[test]
fn a_change_is_one_interval_over_all_levels() {
    let a = run(&[(1, A.0), (2, A.1)]);
    // 10 % less in each request: the rounds cancel, so there is no doubt left.
    let tenth = |speeds: &[f64]| speeds.iter().map(|s| s * 0.9).collect::<Vec<_>>();
    let b = run(&[(1, &tenth(A.0)), (2, &tenth(A.1))]);
    let (decision, text) = one("speed < -5%", &a, &b);
    assert_eq!(decision, Decision::Failed);
    assert_eq!(
        text,
        "-10.0 % (-10.0 to -10.0) at 1 and 2 users, 9 requests of run B"
    );
    assert_eq!(one("speed < -5%", &b, &a).0, Decision::Passed);
    assert_eq!(one("speed < -5%", &a, &a).0, Decision::Passed);
    assert_eq!(one("speed > 5%", &b, &a).0, Decision::Failed);
    assert_eq!(one("wait > 0%", &a, &b).0, Decision::Passed);
    assert_eq!(one("wait >= 0%", &a, &b).0, Decision::Failed);
    // In its own unit: 4 at one user and 2 at two, weighted 3 to 6.
    let (decision, text) = one("speed < -1 tok/s", &a, &b);
    assert_eq!(decision, Decision::Failed);
    assert!(text.starts_with("-2.67 tok/s (-2.69 to -2.64)"), "{text}");
}

#[test]
fn a_level_can_be_named() {
    let a = run(&[(1, A.0), (2, A.1)]);
    let b = run(&[(1, A.0), (2, &[10.0, 10.0, 10.0, 10.0, 10.0, 10.0])]);
    assert_eq!(one("speed@1 < -5%", &a, &b).0, Decision::Passed);
    let (decision, text) = one("speed@2 < -5%", &a, &b);
    assert_eq!(decision, Decision::Failed);
    assert!(text.contains("at 2 users, 6 requests"), "{text}");
    let (decision, text) = one("speed@3 < -5%", &a, &b);
    assert_eq!(decision, Decision::Unknown);
    assert_eq!(text, "this metric is not known at 3 users in both runs");
}

#[test]
fn an_interval_that_holds_the_threshold_says_what_would_decide_it() {
    let a = run(&[(1, &[20.0, 21.0, 19.0])]);
    let b = run(&[(1, &[18.0, 18.6, 19.2])]);
    let (decision, text) = one("speed < -5%", &a, &b);
    assert_eq!(decision, Decision::Inconclusive);
    // By -7 %. Each round leans by (-0.6, 0, 0.6)/3 - 0.93 (0, 1, -1)/3, of 20: t(2) = 4.302653.
    let leanings: [f64; 3] = [-0.2, -0.31, 0.51];
    let squares: f64 = leanings.iter().map(|x| (x / 20.0).powi(2)).sum();
    let half = 4.302_653 * (squares * 1.5).sqrt();
    let times = (half / 0.02).powi(2);
    let more = (3.0 * (times - 1.0)).ceil();
    assert!(
        text.starts_with("-7.0 % (-23.6 to +9.6) at 1 user, 3 requests of run B; about "),
        "{text}"
    );
    let reported: f64 = text
        .split("about ")
        .nth(1)
        .unwrap()
        .split(' ')
        .next()
        .unwrap()
        .parse()
        .unwrap();
    assert!((reported - more).abs() <= 1.0, "{text}, not {more}");
    assert!(text.contains(" more requests would decide it ("), "{text}");
    // One request on each side has no interval at all.
    let (decision, text) = one("speed < -5%", &run(&[(1, &[20.0])]), &run(&[(1, &[10.0])]));
    assert_eq!(decision, Decision::Inconclusive);
    assert!(text.ends_with("too few requests for an interval"), "{text}");
    // Exactly at the threshold no number of requests would.
    let b = run(&[(1, &[19.0, 18.0, 20.0])]);
    let (decision, text) = one("speed < -5%", &a, &b);
    assert_eq!(decision, Decision::Inconclusive);
    assert!(
        text.ends_with("too close to the threshold to decide"),
        "{text}"
    );
}

#[test]
fn a_planned_level_that_one_side_lacks_or_where_it_failed_fails_by_name() {
    let a = run(&[(1, A.0), (2, A.1)]);
    let mut b = a.clone();
    b.cycles.pop();
    let rulings = change("speed < -5%", &a, &b);
    let seen: Vec<&str> = rulings.iter().map(|ruling| ruling.seen.as_str()).collect();
    assert_eq!(seen.len(), 2);
    assert_eq!(
        (rulings[0].decision, seen[0]),
        (Decision::Failed, "2 users: it did not run in run B")
    );
    assert_eq!(rulings[0].condition, "2 users in both runs");
    assert_eq!(rulings[1].decision, Decision::Passed);
    let rulings = change("speed < -5%", &b, &a);
    assert_eq!(rulings[0].seen, "2 users: it did not run in run A");

    let mut cut = a.clone();
    cut.cycles[1].end = Some(CycleEnd::Stopped);
    assert_eq!(
        change("speed < -5%", &a, &cut)[0].seen,
        "2 users: its cycle is incomplete in run B"
    );
    let mut broken = a.clone();
    broken.cycles[1].requests = vec![failed(0, FailureKind::Http(503), 0.0, 1.0)];
    assert_eq!(
        change("speed < -5%", &a, &broken)[0].seen,
        "2 users: every request failed in run B"
    );

    // A named level fails in the condition itself, and the other levels are not asked for.
    let (decision, text) = one("speed@2 < -5%", &a, &b);
    assert_eq!(
        (decision, text.as_str()),
        (Decision::Failed, "2 users: it did not run in run B")
    );
    assert_eq!(one("speed@1 < -5%", &a, &b).0, Decision::Passed);
    // What neither ran is not a change.
    let mut both = a.clone();
    both.info.as_mut().unwrap().plan.levels.push(64);
    assert_eq!(change("speed < -5%", &both, &both).len(), 1);
}

#[test]
fn levels_that_a_run_found_by_itself_compare_where_both_have_them() {
    let mut a = run(&[(1, A.0), (2, A.1)]);
    let mut b = run(&[(1, A.0), (3, A.1)]);
    for run in [&mut a, &mut b] {
        let info = run.info.as_mut().unwrap();
        info.plan.settle = Some(SettlePlan::default());
    }
    let (decision, text) = one("speed < -5%", &a, &b);
    assert_eq!(decision, Decision::Passed);
    assert!(text.contains("at 1 user, 3 requests"), "{text}");
    b.cycles.remove(0);
    let (decision, text) = one("speed < -5%", &a, &b);
    assert_eq!(
        (decision, text.as_str()),
        (Decision::Unknown, "no level has this metric in both runs")
    );
}

#[test]
fn shares_differ_in_points_by_newcombes_interval() {
    // 30 requests 10 s apart, one user: each is worth one. 0 of 30 against 10 of 30.
    let a = waits(1, &[1.0; 30], 0);
    let b = waits(1, &[1.0; 20], 10);
    let (decision, text) = one("errors > 5%", &a, &b);
    assert_eq!(decision, Decision::Failed);
    assert!(text.starts_with("+33.3 points ("), "{text}");
    assert_eq!(one("errors > 30%", &a, &b).0, Decision::Inconclusive);
    assert_eq!(one("errors < 0%", &a, &b).0, Decision::Passed);
    let (decision, text) = one("errors > 1%", &a, &a);
    assert_eq!(decision, Decision::Inconclusive);
    // Wilson: 0 of n reaches 3.84 / (n + 3.84), below 1 % from 381 on.
    assert!(
        text.starts_with("+0.0 points (-11.4 to +11.4) at 1 user, 30 requests"),
        "{text}"
    );
    assert!(text.contains("about 351 more requests"), "{text}");
    assert_eq!(one("errors > 20%", &a, &a).0, Decision::Passed);
}

#[test]
fn three_repeats_are_compared_as_repeats_and_a_single_figure_wants_them() {
    // Within a repeat all are alike; between them they differ as much as the runs do.
    let a = run(&[(4, &[20.0; 20]), (4, &[22.0; 20]), (4, &[24.0; 20])]);
    let b = run(&[(4, &[21.0; 20]), (4, &[19.0; 20]), (4, &[22.0; 20])]);
    assert_eq!(one("speed < -5%", &a, &b).0, Decision::Inconclusive);
    let (decision, text) = one("throughput < -50%", &a, &b);
    assert_eq!(decision, Decision::Passed, "{text}");
    let single = run(&[(4, &[20.0; 20])]);
    let (decision, text) = one("throughput < -5%", &single, &single);
    assert_eq!(decision, Decision::Inconclusive);
    assert!(
        text.ends_with("a single figure has no interval: run with --repeat 3"),
        "{text}"
    );
    // Over levels, what each has once spreads as the levels do.
    let levels = run(&[(1, A.0), (2, A.1), (4, &[20.0; 20])]);
    assert_eq!(
        one("throughput < -5%", &levels, &levels).0,
        Decision::Passed
    );
}

#[test]
fn users_are_judged_by_the_verdicts_states() {
    // One user, 60 good requests; at two users all are too slow.
    let good = run(&[(1, &[40.0; 60]), (2, &[10.0; 60])]);
    let (decision, text) = check("users < 1", &good);
    assert_eq!(
        (decision, text.as_str()),
        (
            Decision::Passed,
            "1 user: holds (60 of 60 requests met the limits)"
        )
    );
    let (decision, text) = check("users < 2", &good);
    assert_eq!(decision, Decision::Failed);
    assert!(text.starts_with("2 users: fails (0 of "), "{text}");
    // More users are never easier.
    assert_eq!(check("users < 7", &good).0, Decision::Failed);
    assert_eq!(check("users <= 1", &good).0, Decision::Failed);
    assert_eq!(check("users > 1", &good).0, Decision::Passed);
    assert_eq!(check("users >= 1", &good).0, Decision::Failed);
    assert_eq!(check("wait_users < 2", &good).0, Decision::Passed);
    assert_eq!(check("speed_users < 2", &good).0, Decision::Failed);
    assert_eq!(check("users < 0", &good).0, Decision::Passed);

    let few = run(&[(1, &[40.0; 3])]);
    let (decision, text) = check("users < 1", &few);
    assert_eq!(decision, Decision::Inconclusive);
    assert!(
        text.starts_with("1 user: ") && text.contains("; about "),
        "{text}"
    );
    assert!(text.ends_with(" at 1 user would decide it"), "{text}");
    let (decision, text) = check("users < 4", &few);
    assert_eq!(decision, Decision::Inconclusive);
    assert_eq!(
        text,
        "4 users were not tried; run with --users 4 --duration 2m"
    );
}

#[test]
fn a_mean_of_one_run_is_an_interval() {
    // Rounds of 20, 22, 24: 22 ± 4.302653 × 2 / √3 = 17.03 to 26.97.
    let one = run(&[(1, &[20.0, 22.0, 24.0])]);
    let (decision, text) = check("speed < 15", &one);
    assert_eq!(decision, Decision::Passed);
    assert_eq!(
        text,
        "22.00 tok/s (95 % CI 17.03 tok/s to 26.97 tok/s) at 1 user, 3 requests"
    );
    assert_eq!(check("speed < 30 tok/s", &one).0, Decision::Failed);
    let (decision, text) = check("speed < 20", &one);
    assert_eq!(decision, Decision::Inconclusive);
    // (4.968 / 2)² = 6.2 times as many.
    assert!(
        text.ends_with("about 16 more requests would decide it (6.2 times as many)"),
        "{text}"
    );
    assert_eq!(check("ttft > 500ms", &one).0, Decision::Failed);
    let (decision, text) = check("speed@3 < 20", &one);
    assert_eq!(
        (decision, text.as_str()),
        (Decision::Unknown, "no complete cycle of 3 users")
    );
    let (decision, text) = check("energy > 2", &one);
    assert_eq!(
        (decision, text.as_str()),
        (Decision::Unknown, "j_per_token is not known at 1 user")
    );
}

#[test]
fn a_percentile_is_beyond_a_value_if_more_than_its_share_is() {
    // 1 of 100 above 2 s: at most 5 % may be. Wilson: 0.2 to 5.5 %.
    let mut mixed = [1.0; 100];
    mixed[50] = 3.0;
    let (decision, text) = check("ttft_p95 > 2s", &waits(1, &mixed, 0));
    assert_eq!(decision, Decision::Inconclusive, "{text}");
    assert!(
        text.starts_with("1 of 100 requests are above 2.00 s (1 %, 95 % CI 0.2 % to 5.5 %) where 5 % may be, at 1 user; about "),
        "{text}"
    );
    assert_eq!(
        check("ttft_p95 > 2s", &waits(1, &[1.0; 100], 0)).0,
        Decision::Passed
    );
    assert_eq!(
        check("ttft_p95 > 2s", &waits(1, &[3.0; 100], 0)).0,
        Decision::Failed
    );
    // The low end is the bad one of a speed: 5 % may be below.
    assert_eq!(
        check("speed_p5 < 30", &waits(1, &[1.0; 100], 0)).0,
        Decision::Passed
    );
    assert_eq!(
        check("speed_p5 < 50", &waits(1, &[1.0; 100], 0)).0,
        Decision::Failed
    );
    assert_eq!(
        check("speed_p50 > 30", &waits(1, &[1.0; 100], 0)).0,
        Decision::Failed
    );
    // The largest is a fact.
    let (decision, text) = check("ttft_max > 2s", &waits(1, &mixed, 0));
    assert_eq!(
        (decision, text.as_str()),
        (Decision::Failed, "3.00 s at 1 user")
    );
}

#[test]
fn failures_are_a_share_or_a_count() {
    let clean = waits(1, &[1.0; 100], 0);
    let (decision, text) = check("failed > 1%", &clean);
    assert_eq!(decision, Decision::Inconclusive);
    // 0 of 381 reaches 1 %.
    assert_eq!(
        text,
        "0 of 100 requests failed (0 %, 95 % CI 0 % to 3.7 %) at 1 user; about 281 more requests would decide it (3.8 times as many)"
    );
    assert_eq!(check("failed > 5%", &clean).0, Decision::Passed);
    assert_eq!(check("share < 90%", &clean).0, Decision::Passed);
    let broken = waits(1, &[], 60);
    assert_eq!(check("failed > 5%", &broken).0, Decision::Failed);
    let (decision, text) = check("failed > 3", &broken);
    assert_eq!(
        (decision, text.as_str()),
        (Decision::Failed, "60 at 1 user")
    );
    assert_eq!(check("failed > 3", &clean).0, Decision::Passed);
    assert_eq!(check("requests < 100", &clean).0, Decision::Passed);
}

#[test]
fn without_a_level_it_is_all_of_the_plan_or_the_one_of_the_answer() {
    let mut both = run(&[(1, &[40.0; 60]), (2, &[10.0; 60])]);
    let (_, text) = check("speed < 20", &both);
    assert!(text.contains("at 1 and 2 users, 120 requests"), "{text}");
    assert_eq!(check("speed@1 < 20", &both).0, Decision::Passed);
    let info = both.info.as_mut().unwrap();
    info.plan.settle = Some(SettlePlan::default());
    let (decision, text) = check("speed < 20", &both);
    assert_eq!(decision, Decision::Passed);
    assert!(text.contains("at 1 user, 60 requests"), "{text}");
    assert_eq!(
        check("speed < 20", &RunState::default()).1,
        "no cycle is complete"
    );
}
