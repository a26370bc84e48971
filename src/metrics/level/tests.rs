use super::*;
use crate::event::{FailureKind, Outcome, ServerFigures, Stamp};

pub(in crate::metrics) fn at(seconds: f64) -> Stamp {
    Stamp(crate::text::numbers::floor_u64((seconds * 1e6).round()))
}

/// A request of cycle 0 that ended well: sent, first and last token at these seconds.
pub(in crate::metrics) fn answered(
    id: u64,
    user: u32,
    sent: f64,
    first: f64,
    last: f64,
    tokens: u32,
) -> RequestRecord {
    RequestRecord {
        id,
        cycle: 0,
        user,
        round: 0,
        prompt: 0,
        sent: at(sent),
        head: Some(at(first)),
        first_byte: Some(at(first)),
        first_token: Some(at(first)),
        first_answer: Some(at(first)),
        last_token: Some(at(last)),
        ended: at(last),
        chunks: tokens,
        thinking_chunks: Some(0),
        itl_us: vec![],
        connect_us: None,
        tls_us: None,
        retries: Some(0),
        unread_parts: None,
        server: ServerFigures {
            output_tokens: Some(u64::from(tokens)),
            ..ServerFigures::default()
        },
        outcome: Outcome::Done { reason: None },
        answer: None,
    }
}

pub(in crate::metrics) fn failed(
    id: u64,
    kind: FailureKind,
    sent: f64,
    ended: f64,
) -> RequestRecord {
    RequestRecord {
        first_token: None,
        last_token: None,
        first_answer: None,
        first_byte: None,
        head: None,
        chunks: 0,
        unread_parts: None,
        server: ServerFigures::default(),
        outcome: Outcome::Failed {
            kind,
            message: "no".to_owned(),
        },
        ..answered(id, 0, sent, sent, ended, 0)
    }
}

fn cycle(users: u32, requests: Vec<RequestRecord>) -> CycleState {
    CycleState {
        users,
        requests,
        ..CycleState::default()
    }
}

fn near(value: Option<f64>, expected: f64) {
    let value = value.unwrap();
    assert!((value - expected).abs() < 1e-9, "{value} is not {expected}");
}

#[test]
fn counts_and_rates_of_a_level() {
    let one = cycle(
        2,
        vec![
            answered(1, 0, 1.0, 2.0, 7.0, 101),   // 20 tok/s, wait 1 s: good
            answered(2, 1, 1.0, 13.0, 18.0, 201), // 40 tok/s, wait 12 s: too late
            failed(3, FailureKind::Http(503), 8.0, 21.0),
        ],
    );
    let f = LevelMetrics::from_cycles(&[&one], &Limits::default());
    assert_eq!((f.requests, f.failed, f.cancelled), (3, 1, 0));
    assert_eq!(f.errors, BTreeMap::from([("http_503".to_owned(), 1)]));
    near(f.error_rate, 1.0 / 3.0);
    near(f.duration_s, 20.0); // 1 s → 21 s, where the failure came
    near(f.system_tok_s, 302.0 / 17.0); // 1 s → 18 s, the last final chunk
    near(f.attainment, 1.0 / 3.0);
    near(f.goodput_req_s, 1.0 / 20.0);
    near(f.speed_tok_s.mean, 30.0);
    near(f.ttft_s.mean, 6.5);
    assert_eq!(f.tokens_counted_by, Some(CountedBy::Server));
    assert_eq!(f.energy_j, None);
}

#[test]
fn a_level_of_failures_has_no_figures_but_its_errors() {
    let one = cycle(1, vec![failed(1, FailureKind::Refused, 0.0, 0.0)]);
    let f = LevelMetrics::from_cycles(&[&one], &Limits::default());
    assert_eq!((f.requests, f.failed), (1, 1));
    assert_eq!(
        (f.system_tok_s, f.steady_tok_s, f.goodput_req_s),
        (None, None, None)
    );
    assert_eq!(f.tokens_counted_by, None);
    assert_eq!(f.ttft_s, Dist::default());
    near(f.attainment, 0.0);
}

#[test]
fn chunks_stand_for_tokens_where_the_server_does_not_count() {
    let mut uncounted = answered(1, 0, 0.0, 1.0, 2.0, 11);
    uncounted.server.output_tokens = None;
    let level = cycle(1, vec![uncounted.clone()]);
    let f = LevelMetrics::from_cycles(&[&level], &Limits::default());
    assert_eq!(f.tokens_counted_by, Some(CountedBy::Chunks));
    assert_eq!(f.output_tokens, 11);
    let level = cycle(1, vec![uncounted, answered(2, 0, 2.0, 3.0, 4.0, 11)]);
    let f = LevelMetrics::from_cycles(&[&level], &Limits::default());
    assert_eq!(f.tokens_counted_by, Some(CountedBy::Mixed));
}

#[test]
fn repeats_fold_over_the_sum_of_their_times() {
    let one = cycle(1, vec![answered(1, 0, 0.0, 1.0, 10.0, 100)]);
    let two = cycle(1, vec![answered(2, 0, 100.0, 101.0, 130.0, 100)]);
    let f = LevelMetrics::from_cycles(&[&one, &two], &Limits::default());
    near(f.duration_s, 40.0);
    near(f.system_tok_s, 5.0);
    assert_eq!(f.requests, 2);
}

#[test]
fn a_cancelled_request_counts_nowhere_else() {
    let mut broken_off = answered(2, 1, 0.0, 1.0, 50.0, 400);
    broken_off.outcome = Outcome::Cancelled;
    let level = cycle(1, vec![answered(1, 0, 0.0, 1.0, 10.0, 100), broken_off]);
    let f = LevelMetrics::from_cycles(&[&level], &Limits::default());
    assert_eq!((f.requests, f.failed, f.cancelled), (1, 0, 1));
    near(f.duration_s, 10.0);
    assert_eq!(f.output_tokens, 100);
}
