//! A server that goes away in the middle of a level, or is not ready: what breaks off is no failure of the level.

use rstest::rstest;
use tokio_util::sync::CancellationToken;
use tokometer::dialect::OpenAi;
use tokometer::event::{CycleEnd, EventKind, Outcome, RunEnd, WarningKind};
use tokometer::metrics::summary::Summary;
use tokometer::plan::{CycleShape, Plan, SettlePlan, Timeouts};

use crate::bench::{Bench, plan};
use crate::says::{HEAD, LAST, answer, begin, chunk, say};
use crate::server::{Manners, Server, Step, json};

/// How a server leaves the streams that it has begun.
#[derive(Debug, Clone, Copy)]
enum Leaves {
    Closed,
    Reset,
    Silent,
}

/// A server whose streams stop after their first token, and are then left so.
async fn leaving(leaves: Leaves) -> (Server, CancellationToken) {
    let gate = CancellationToken::new();
    let opens = gate.clone();
    let server = Server::scripted(move |_| {
        let end = match leaves {
            Leaves::Closed => Step::Close,
            Leaves::Reset => Step::Reset,
            Leaves::Silent => Step::Hang,
        };
        vec![begin(), Step::Await(opens.clone()), end]
    })
    .await;
    (server, gate)
}

fn waiting(patience_s: f64, levels: &[u32]) -> Plan {
    Plan {
        patience_s,
        timeouts: Timeouts {
            next_s: Some(0.4),
            ..plan(levels).timeouts
        },
        ..plan(levels)
    }
}

/// Starts a level of `users` and waits until each has its first token.
async fn under_way(server: &Server, plan: Plan, users: usize) -> Bench {
    let mut bench = Bench::at(&server.url()).await;
    bench.start(plan).await;
    let is_first = |what: &EventKind| matches!(what, EventKind::FirstToken { .. });
    bench.until(users, is_first).await;
    bench
}

fn settling(first: u32) -> SettlePlan {
    SettlePlan {
        within_s: 60.0,
        first,
        most: 8,
        budget_tokens: None,
    }
}

#[rstest]
#[case::closed(Leaves::Closed, "truncated", None)]
#[case::reset(Leaves::Reset, "reset", None)]
#[case::silent(Leaves::Silent, "timeout_next", None)]
#[case::in_a_run_that_settles(Leaves::Closed, "truncated", Some(settling(8)))]
#[tokio::test]
async fn what_breaks_off_with_the_server_belongs_to_its_absence(
    #[case] leaves: Leaves,
    #[case] kind: &str,
    #[case] settle: Option<SettlePlan>,
) {
    let (server, gate) = leaving(leaves).await;
    let plan = Plan {
        settle,
        ..waiting(0.2, &[8])
    };
    let mut bench = under_way(&server, plan, 8).await;
    server.stop_listening().await;
    gate.cancel();
    assert_eq!(bench.end().await, RunEnd::ServerGone);
    let state = bench.state();
    let cycle = &state.cycles[0];
    assert_eq!(state.cycles.len(), 1);
    assert_eq!(cycle.end, Some(CycleEnd::ServerGone));
    assert_eq!((cycle.requests.len(), cycle.finished()), (8, 0));
    for request in &cycle.requests {
        let Outcome::ServerGone { kind: found, .. } = &request.outcome else {
            panic!("{request:?}");
        };
        assert_eq!((found.to_string().as_str(), request.chunks), (kind, 1));
    }
    assert_eq!(bench.warnings(WarningKind::Failures), [""; 0]);
    let summary = Summary::from_run(&state);
    assert_eq!(summary.cycles[0].figures.failed, 0);
    let levels = summary.verdict.iter().flat_map(|verdict| &verdict.levels);
    assert_eq!(levels.map(|level| level.both.of).sum::<u64>(), 0);
}

#[rstest]
#[case::closed(Leaves::Closed, "truncated")]
#[case::reset(Leaves::Reset, "reset")]
#[case::silent(Leaves::Silent, "timeout_next")]
#[tokio::test]
async fn what_breaks_off_while_the_server_can_be_reached_is_its_failure(
    #[case] leaves: Leaves,
    #[case] kind: &str,
) {
    let (server, gate) = leaving(leaves).await;
    let mut bench = under_way(&server, waiting(0.2, &[8]), 8).await;
    gate.cancel();
    assert_eq!(bench.end().await, RunEnd::Done);
    let cycle = &bench.state().cycles[0];
    assert_eq!(cycle.end, Some(CycleEnd::Done));
    assert_eq!(cycle.failures(), [(kind.to_owned(), 8)].into());
}

#[tokio::test]
async fn the_users_who_still_ask_decide_whether_the_server_is_gone() {
    // One of two users has had its answers when the server dies under the other.
    let gate = CancellationToken::new();
    let opens = gate.clone();
    let server = Server::scripted(move |asked| match asked.number {
        0 => vec![answer()],
        _ => vec![begin(), Step::Await(opens.clone()), Step::Close],
    })
    .await;
    let mut bench = under_way(&server, waiting(0.2, &[2]), 2).await;
    server.stop_listening().await;
    gate.cancel();
    assert_eq!(bench.end().await, RunEnd::ServerGone);
    let cycle = &bench.state().cycles[0];
    assert_eq!((cycle.succeeded().count(), cycle.failed()), (1, 0));
}

/// The refusal of a llama-server that is still loading.
fn loading() -> Vec<Step> {
    let body = r#"{"error":{"code":503,"message":"Loading model","type":"unavailable_error"}}"#;
    vec![Step::Say(json(503, body))]
}

fn spoken() -> Step {
    let text = r#"data: {"choices":[{"delta":{"content":"hi"},"finish_reason":"stop"}]}"#;
    let text = format!("{text}\n\ndata: [DONE]\n\n");
    say([HEAD, &chunk(text), LAST].concat())
}

/// What happened to the server, in order.
fn course(bench: &Bench) -> Vec<&'static str> {
    let course = bench.events.iter().filter_map(|event| match &event.what {
        EventKind::ServerGone { .. } => Some("gone"),
        EventKind::ServerLoading { .. } => Some("loading"),
        EventKind::ServerBack => Some("back"),
        EventKind::WarmedUp { error: None, .. } => Some("warm"),
        EventKind::WarmedUp { error: Some(_), .. } => Some("not warm"),
        EventKind::CycleEnded {
            why: CycleEnd::Done,
            ..
        } => Some("done"),
        EventKind::CycleEnded { .. } => Some("cut short"),
        _ => None,
    });
    course.collect()
}

#[tokio::test]
async fn a_server_that_comes_back_is_waited_for_until_it_has_loaded() {
    let (server, gate) = leaving(Leaves::Closed).await;
    let plan = Plan {
        warmup: 1,
        ..waiting(30.0, &[2])
    };
    // The warm-up takes part of what the server begins; its answer must be whole.
    let first = server;
    let port = first.port();
    let mut bench = Bench::at(&first.url()).await;
    first.stop_listening().await;
    gate.cancel();
    bench.start(plan).await;
    let is_gone = |what: &EventKind| matches!(what, EventKind::ServerGone { .. });
    bench.until(1, is_gone).await;
    let _second = Server::start_at(
        port,
        Manners::new(|asked| match asked.number {
            0 => loading(),
            _ => vec![answer()],
        }),
    )
    .await;
    assert_eq!(bench.end().await, RunEnd::Done);
    assert_eq!(course(&bench), ["gone", "loading", "warm", "back", "done"]);
    let cycle = &bench.state().cycles[0];
    assert_eq!((cycle.succeeded().count(), cycle.failed()), (2, 0));
}

#[rstest]
#[case::warmed(1, &["loading", "warm", "back", "done"])]
#[case::cold(0, &["cut short", "loading", "back", "done"])]
#[tokio::test]
async fn a_server_that_still_loads_is_waited_for_and_called_so(
    #[case] warmup: u32,
    #[case] expected: &[&str],
) {
    let server = Server::scripted(|asked| match asked.number {
        0 => loading(),
        _ => vec![spoken()],
    })
    .await;
    let mut bench = Bench::speaking(&OpenAi, &server.url()).await;
    let plan = Plan {
        warmup,
        shape: CycleShape::Waves(2),
        ..waiting(30.0, &[1])
    };
    bench.start(plan).await;
    assert_eq!(bench.end().await, RunEnd::Done);
    assert_eq!(course(&bench), expected);
    let state = bench.state();
    let cycle = state.cycles.last().unwrap();
    assert_eq!((cycle.succeeded().count(), cycle.failed()), (2, 0));
    assert_eq!(bench.warnings(WarningKind::WarmupFailed), [""; 0]);
    assert_eq!(bench.warnings(WarningKind::ServerGone), [""; 0]);
}

#[tokio::test]
async fn a_server_that_never_loads_ends_the_run() {
    let server = Server::scripted(|_| loading()).await;
    let mut bench = Bench::speaking(&OpenAi, &server.url()).await;
    let plan = Plan {
        warmup: 1,
        ..waiting(0.3, &[1])
    };
    bench.start(plan).await;
    let RunEnd::Failed(why) = bench.end().await else {
        panic!("{:?}", bench.state().stage);
    };
    assert_eq!(course(&bench), ["loading"]);
    assert!(
        why.starts_with("the server was still loading its model after 300 ms"),
        "{why}"
    );
}
