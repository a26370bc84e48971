use super::*;
use crate::metrics::devices::DeviceStats;
use crate::metrics::level::LevelMetrics;
use crate::metrics::verdict::{Level, Sample};

/// A level of equal requests: users, wait, speed, total, failed.
struct Case(u32, f64, f64, f64, u64);

fn reasons_of(cases: &[Case], change: impl Fn(&mut LevelSummary)) -> Vec<Reason> {
    let mut levels = Vec::new();
    let mut judged = Vec::new();
    for Case(users, wait, speed, total, failed) in cases {
        let mut figures = LevelMetrics {
            requests: 40,
            failed: *failed,
            errors: BTreeMap::from([("http_503".to_owned(), *failed)]),
            system_tok_s: Some(*total),
            ..LevelMetrics::default()
        };
        figures.ttft_s.mean = Some(*wait);
        figures.speed_tok_s.mean = Some(*speed);
        let sample = |n: u64| Sample {
            failed: n * failed / 40 != (n + 1) * failed / 40,
            wait_s: Some(*wait),
            speed_tok_s: Some(*speed),
        };
        judged.push(Level::from_samples(*users, (0..40).map(sample)));
        let mut level = LevelSummary {
            users: *users,
            figures,
            repeats: Vec::new(),
        };
        change(&mut level);
        levels.push(level);
    }
    let verdict = Verdict::new(&judged, &crate::plan::Limits::default());
    why(&RunState::default(), &levels, &verdict)
}

fn kinds(reasons: &[Reason]) -> Vec<(ReasonKind, Limit, u32)> {
    reasons
        .iter()
        .map(|r| (r.kind, r.limit, r.at.users))
        .collect()
}

#[test]
fn a_queue_is_seen_by_the_speed_that_holds() {
    let reasons = reasons_of(
        &[Case(4, 0.5, 30.0, 120.0, 0), Case(8, 40.0, 29.0, 118.0, 0)],
        |_| {},
    );
    assert_eq!(kinds(&reasons), [(ReasonKind::Queue, Limit::Wait, 8)]);
    assert_eq!(
        reasons[0].text,
        "wait grows (500 ms at 4 → 40.0 s at 8 users) while speed holds (30.0 tok/s at 4 → 29.0 tok/s at \
         8 users): more users than slots, so the rest wait in the queue"
    );
    assert_eq!(reasons[0].before.unwrap().users, 4);
}

#[test]
fn bandwidth_is_shared_and_thrash_takes_from_all() {
    let shared = [Case(4, 0.5, 22.0, 88.0, 0), Case(8, 0.5, 11.5, 92.0, 0)];
    let reasons = reasons_of(&shared, |_| {});
    assert_eq!(kinds(&reasons), [(ReasonKind::Bandwidth, Limit::Speed, 8)]);
    assert!(
        reasons[0]
            .text
            .contains("while the total stays (88.0 tok/s at 4 → 92.0 tok/s at 8 users)")
    );
    let thrash = [Case(4, 0.5, 22.0, 88.0, 0), Case(8, 0.5, 6.0, 48.0, 0)];
    assert_eq!(
        kinds(&reasons_of(&thrash, |_| {})),
        [(ReasonKind::Thrash, Limit::Speed, 8)]
    );
}

#[test]
fn errors_and_an_idle_gpu_go_before() {
    let failing = [Case(4, 0.5, 30.0, 120.0, 0), Case(8, 0.5, 29.0, 120.0, 20)];
    let reasons = reasons_of(&failing, |_| {});
    assert_eq!(
        kinds(&reasons),
        [
            (ReasonKind::Errors, Limit::Wait, 8),
            (ReasonKind::Errors, Limit::Speed, 8)
        ]
    );
    assert_eq!(
        reasons[0].text,
        "20 of 40 requests failed at 8 users (HTTP 503)"
    );
    assert_eq!(
        sentences(&reasons),
        ["Limited by errors: 20 of 40 requests failed at 8 users (HTTP 503)"]
    );
    let slow = [Case(1, 0.5, 5.0, 5.0, 0)];
    let idle = reasons_of(&slow, |level| {
        let mut gpu = DeviceStats::default();
        for percent in [0.0, 6.0, 30.0] {
            gpu.usage_percent.push(Some(percent));
        }
        level.figures.gpu = Some(gpu);
    });
    assert_eq!(kinds(&idle), [(ReasonKind::GpuIdle, Limit::Speed, 1)]);
    assert_eq!(
        kinds(&reasons_of(&slow, |_| {})),
        [(ReasonKind::Alone, Limit::Speed, 1)]
    );
}

#[test]
fn a_server_that_meets_the_limits_stops_nowhere() {
    assert_eq!(
        reasons_of(
            &[Case(1, 0.5, 50.0, 50.0, 0), Case(2, 0.5, 45.0, 90.0, 0)],
            |_| {}
        ),
        []
    );
    assert_eq!(reasons_of(&[], |_| {}), []);
}
