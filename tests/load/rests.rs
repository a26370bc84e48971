//! Before the first cycle and between two: loading, warming, resting, and commands meanwhile.

use rstest::rstest;
use tokio_util::sync::CancellationToken;
use tokometer::event::{CycleEnd, EventKind, RunEnd, WarningKind};
use tokometer::load::Command;
use tokometer::plan::{CycleShape, Plan};

use crate::bench::{Bench, is_end, is_start, outcome, plan, warmed};
use crate::says::{answer, answer_after, holding};
use crate::server::{Manners, Server, Step, json};

fn is_rest(what: &EventKind) -> bool {
    matches!(what, EventKind::RestStarted { .. })
}

fn is_warm(what: &EventKind) -> bool {
    matches!(what, EventKind::WarmedUp { .. })
}

fn resting(levels: &[u32], rest_s: f64) -> Plan {
    Plan {
        rest_s,
        ..plan(levels)
    }
}

#[tokio::test]
async fn the_model_is_loaded_by_an_empty_prompt_then_warmed() {
    let server = Server::scripted(|_| vec![answer()]).await;
    let mut bench = Bench::at(&server.url()).await;
    let warmup = 2;
    let records = bench
        .run(Plan {
            warmup,
            ..plan(&[1])
        })
        .await;
    assert_eq!(records.len(), 1, "warm-up requests are no results");
    assert_eq!(server.loads(), [r#"{"model":"m","stream":false}"#]);
    assert_eq!(server.asked().len(), 3);
    assert_eq!(server.connections(), 2, "one to warm up, one for the user");
    let (took, server_s) = bench.state().load_s.unwrap();
    assert!(took > 0.0 && server_s == Some(2.0));
    let warmed: Vec<(u32, u32, bool)> = bench
        .events
        .iter()
        .filter_map(|event| match &event.what {
            EventKind::WarmedUp {
                number,
                of,
                ttft_s,
                error: None,
            } => Some((*number, *of, ttft_s.is_some())),
            _ => None,
        })
        .collect();
    assert_eq!(warmed, [(1, 2, true), (2, 2, true)]);
}

#[tokio::test]
async fn a_failed_warm_up_warns_and_the_run_goes_on() {
    let server = Server::scripted(|asked| match asked.number {
        0 => vec![Step::Say(json(500, r#"{"error":"cold"}"#))],
        _ => vec![answer()],
    })
    .await;
    let mut bench = Bench::at(&server.url()).await;
    let warmup = 2;
    let records = bench
        .run(Plan {
            warmup,
            ..plan(&[1])
        })
        .await;
    assert_eq!(outcome(&records[0]), "done");
    let warnings = bench.warnings(WarningKind::WarmupFailed);
    assert_eq!(warnings, ["warm-up request 1 failed: HTTP 500: cold"]);
    assert_eq!(bench.count(is_warm), 2);
    assert!(bench.state().cycles[0].failures().is_empty());
}

#[rstest]
#[case::not_there(404, r#"{"error":"model 'm' not found"}"#, "model 'm' not found")]
#[case::too_large(
    500,
    r#"{"error":"model requires more system memory"}"#,
    "more system memory"
)]
#[tokio::test]
async fn a_model_that_cannot_be_loaded_ends_the_run(
    #[case] status: u16,
    #[case] body: &str,
    #[case] message: &str,
) {
    let server = Server::start(Manners {
        load: Some(vec![Step::Say(json(status, body))]),
        ..Manners::new(|_| vec![answer()])
    })
    .await;
    let mut bench = Bench::at(&server.url()).await;
    bench.start(plan(&[1])).await;
    let RunEnd::Failed(why) = bench.end().await else {
        panic!("it went on");
    };
    assert!(why.starts_with("could not load the model"), "{why}");
    assert!(why.contains(message), "{why}");
    assert_eq!(bench.finished.as_ref().unwrap().1.as_ref(), Some(&why));
    assert!(bench.state().cycles.is_empty() && server.asked().is_empty());
}

#[rstest]
#[case::stop(Command::Stop, RunEnd::Stopped, 0)]
#[case::signal(Command::Signal(15), RunEnd::Signal(15), 0)]
#[case::skip(Command::Skip, RunEnd::Done, 1)]
#[tokio::test]
async fn a_load_that_takes_for_ever_can_be_given_up(
    #[case] command: Command,
    #[case] why: RunEnd,
    #[case] cycles: usize,
) {
    let server = Server::start(Manners {
        load: Some(vec![Step::Hang]),
        ..Manners::new(|_| vec![answer()])
    })
    .await;
    let mut bench = Bench::at(&server.url()).await;
    bench.start(plan(&[1])).await;
    bench
        .until(1, |what| matches!(what, EventKind::RunStarted(_)))
        .await;
    bench.command(command).await;
    assert_eq!(bench.end().await, why);
    assert_eq!(bench.state().cycles.len(), cycles);
    assert_eq!(bench.state().load_s, None);
}

#[tokio::test]
async fn paused_in_the_warm_up_nothing_new_starts() {
    let (server, gate) = holding(1).await;
    let mut bench = Bench::at(&server.url()).await;
    bench.start(warmed(2, &[1, 2])).await;
    server.was_asked(1).await;
    bench.command(Command::TogglePause).await;
    bench.command(Command::RemoveLevel(2)).await;
    bench.command(Command::Repeat).await;
    bench.levels_changed(1).await;
    gate.cancel();
    bench.until(1, is_warm).await;
    // What is asked now is obeyed, and still nothing starts.
    bench.command(Command::AddLevel(3)).await;
    bench.levels_changed(2).await;
    assert_eq!(server.asked().len(), 1);
    bench.command(Command::TogglePause).await;
    assert_eq!(bench.end().await, RunEnd::Done);
    let state = bench.state();
    let users: Vec<u32> = state.cycles.iter().map(|cycle| cycle.users).collect();
    assert_eq!(users, [1, 3], "there was no level to repeat yet");
    assert_eq!(bench.count(is_warm), 2);
}

#[tokio::test]
async fn paused_at_the_end_of_the_warm_up_no_cycle_begins() {
    let (server, gate) = holding(1).await;
    let mut bench = Bench::at(&server.url()).await;
    bench.start(warmed(1, &[1])).await;
    server.was_asked(1).await;
    bench.pause().await;
    gate.cancel();
    bench.until(1, is_warm).await;
    bench.command(Command::AddLevel(2)).await;
    bench.levels_changed(1).await;
    assert!(bench.state().cycles.is_empty());
    bench.command(Command::Stop).await;
    assert_eq!(bench.end().await, RunEnd::Stopped);
    assert!(bench.state().cycles.is_empty());
}

#[tokio::test]
async fn a_warm_up_can_be_skipped() {
    let server = Server::scripted(|asked| match asked.number {
        0 => vec![Step::Hang],
        _ => vec![answer()],
    })
    .await;
    let mut bench = Bench::at(&server.url()).await;
    bench.start(warmed(5, &[1])).await;
    server.was_asked(1).await;
    bench.command(Command::Skip).await;
    assert_eq!(bench.end().await, RunEnd::Done);
    assert_eq!((bench.count(is_warm), bench.records().len()), (0, 1));
    assert!(bench.state().warnings.is_empty());
}

#[tokio::test]
async fn a_rest_is_told_and_can_be_skipped_or_end_the_run() {
    let server = Server::scripted(|_| vec![answer()]).await;
    let mut bench = Bench::at(&server.url()).await;
    bench.start(resting(&[1, 2, 4], 3000.0)).await;
    bench.until(1, is_rest).await;
    let seconds = 3000.0;
    let reported = |next_users| EventKind::RestStarted {
        seconds,
        next_users,
    };
    assert_eq!(bench.count(|what| *what == reported(2)), 1);
    bench.command(Command::Skip).await;
    bench.until(2, is_rest).await;
    assert_eq!(bench.count(|what| *what == reported(4)), 1);
    assert_eq!(bench.records().len(), 3);
    bench.command(Command::Stop).await;
    assert_eq!(bench.end().await, RunEnd::Stopped);
    let state = bench.state();
    assert!(state.cycles.iter().all(|c| c.end == Some(CycleEnd::Done)));
    assert_eq!((state.cycles.len(), state.upcoming), (2, vec![4]));
}

#[tokio::test]
async fn in_a_rest_the_last_level_can_be_repeated_and_all_be_removed() {
    let server = Server::scripted(|_| vec![answer()]).await;
    let mut bench = Bench::at(&server.url()).await;
    bench.start(resting(&[2, 1], 3000.0)).await;
    bench.until(1, is_rest).await;
    bench.command(Command::Repeat).await;
    bench.command(Command::Skip).await;
    bench.until(2, is_rest).await;
    bench.command(Command::RemoveLevel(1)).await;
    bench.command(Command::Skip).await;
    assert_eq!(bench.end().await, RunEnd::Done);
    let state = bench.state();
    let users: Vec<u32> = state.cycles.iter().map(|cycle| cycle.users).collect();
    assert_eq!(users, [2, 2]);
}

#[tokio::test]
async fn a_paused_run_stays_in_its_rest() {
    let gate = CancellationToken::new();
    let opens = gate.clone();
    let server = Server::scripted(move |_| answer_after(&opens)).await;
    let mut bench = Bench::at(&server.url()).await;
    bench.start(resting(&[1, 2], 0.01)).await;
    server.was_asked(1).await;
    bench.pause().await;
    gate.cancel();
    bench.until(1, is_rest).await;
    // Until the run's own clock says that the rest is long over; the commands are obeyed one by one.
    let began = bench.events.last().unwrap().at;
    while bench.events.last().unwrap().at.since(began) < 0.05 {
        let so_far = bench.count(|what| matches!(what, EventKind::LevelsChanged { .. }));
        bench.command(Command::AddLevel(5)).await;
        bench.command(Command::RemoveLevel(5)).await;
        bench.levels_changed(so_far + 2).await;
    }
    assert_eq!(bench.state().cycles.len(), 1);
    bench.command(Command::TogglePause).await;
    assert_eq!(bench.end().await, RunEnd::Done);
    assert_eq!(bench.records().len(), 3);
}

/// The clock of a cycle stands still while the run is paused.
#[tokio::test]
async fn a_cycle_that_begins_paused_has_all_its_time_left() {
    let server = Server::scripted(|_| vec![answer()]).await;
    let mut bench = Bench::at(&server.url()).await;
    let plan = Plan {
        shape: CycleShape::DurationS(0.5),
        ..resting(&[1, 1], 3000.0)
    };
    bench.start(plan).await;
    bench.until(1, is_rest).await;
    bench.command(Command::TogglePause).await;
    bench.command(Command::Skip).await;
    bench
        .until(2, |what| {
            matches!(what, EventKind::ConnectionsOpened { .. })
        })
        .await;
    let so_far = bench.started();
    bench.some_progress(8).await;
    assert_eq!(bench.started(), so_far, "nothing starts while paused");
    bench.command(Command::TogglePause).await;
    bench.until(so_far + 1, is_start).await;
    assert_eq!(bench.end().await, RunEnd::Done);
    assert_eq!(bench.count(is_start), bench.count(is_end));
}
