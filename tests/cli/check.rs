//! `tokometer check`: the gate of a run that was just made.

use crate::process::{Ended, Place};

fn check(place: &Place, arguments: &[&str]) -> Ended {
    let words = [&["check", "latest"], arguments].concat();
    place.run_in(&words, &[("GITHUB_STEP_SUMMARY", "")])
}

#[test]
fn a_run_passes_fails_or_cannot_tell() {
    let place = Place::new();
    let run = place.run(&[
        "--sim",
        // Slow enough that tokens come one after another, and speeds are known.
        "--time-scale=20",
        "--max-tokens=40",
        "--rest=0s",
        "--users=1",
        "--waves=40",
        "--json",
    ]);
    assert_eq!(run.code, 0, "{run:?}");
    let passed = check(
        &place,
        &["--fail-if", "failed > 20%", "--fail-if", "requests < 40"],
    );
    assert_eq!(passed.code, 0, "{passed:?}");
    assert!(
        passed
            .err
            .starts_with("passed: failed > 20%: 0 of 40 requests failed (0 %, 95 % CI 0 % to "),
        "{}",
        passed.err
    );
    assert!(
        passed.err.contains("passed: requests < 40: 40 at 1 user\n"),
        "{}",
        passed.err
    );
    let failed = check(
        &place,
        &["--fail-if", "failed > 20%", "--fail-if", "requests > 39"],
    );
    assert_eq!(failed.code, 3, "{failed:?}");
    assert!(
        failed.err.contains("failed: requests > 39: 40 at 1 user\n"),
        "{}",
        failed.err
    );
    let open = check(&place, &["--fail-if", "users < 9"]);
    assert_eq!(open.code, 4, "{open:?}");
    assert_eq!(
        open.err,
        "inconclusive: users < 9: 9 users were not tried; run with --users 9 --duration 2m\n"
    );
    let json = check(&place, &["--fail-if", "users < 9", "--json"]);
    let json: serde_json::Value = serde_json::from_str(&json.out).unwrap();
    assert_eq!(json["schema"], "tokometer/check/1");
    assert_eq!(json["conditions"][0]["condition"], "users < 9");
    assert_eq!(json["conditions"][0]["decision"], "inconclusive");
    assert_eq!(json["conditions"][0]["seen"], "9 users were not tried");
    let stricter = check(
        &place,
        &["--fail-if", "share < 50%", "--limit-speed", "1000000"],
    );
    assert_eq!(stricter.code, 3, "{stricter:?}");
    let worth = |worth| check(&place, &["--fail-if", "users < 9", "--inconclusive", worth]).code;
    assert_eq!((worth("pass"), worth("fail")), (0, 3));
    let unknown = check(&place, &["--fail-if", "speed@5 < 9"]);
    assert_eq!(unknown.code, 1, "{unknown:?}");
    assert_eq!(
        unknown.err,
        "error: cannot check: speed@5 < 9: no complete cycle of 5 users\n"
    );
}

#[test]
fn what_is_wrong_with_a_condition_is_wrong_usage() {
    let place = Place::new();
    for (condition, why) in [
        ("speed < -5%", "a change in percent needs two runs"),
        ("ttft_p95 > 2 tok/s", "ttft_s is in s"),
        ("pace < 3", "pace: not one of users, "),
    ] {
        let ended = check(&place, &["--fail-if", condition]);
        assert_eq!(ended.code, 2, "{ended:?}");
        assert!(ended.err.contains(why), "{}", ended.err);
    }
    let nothing = check(&place, &[]);
    assert!(
        nothing.code == 2 && nothing.err.contains("--fail-if"),
        "{nothing:?}"
    );
}

#[test]
fn an_undecided_run_is_no_failure_of_the_run() {
    let place = Place::new();
    let run = place.run(&[
        "--sim",
        // Slow enough that its tokens come one after another, and a speed is known.
        "--time-scale=20",
        "--max-tokens=200",
        "--rest=0s",
        "--users=1",
        "--waves=1",
        "--json",
    ]);
    assert_eq!(run.code, 0, "{run:?}");
    let summary: serde_json::Value = serde_json::from_str(&run.out).unwrap();
    let state = summary["verdict"]["by_share"]["state"].as_str().unwrap();
    assert!(["unsure", "unlikely"].contains(&state), "{state}");
}
