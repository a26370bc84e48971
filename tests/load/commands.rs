//! Commands while a cycle runs, or is about to.

use tokometer::dialect::Ollama;
use tokometer::event::Model;
use tokometer::event::{CycleEnd, EventKind, RunEnd};
use tokometer::load::Command;
use tokometer::session::{SessionCommand, SessionEvent};

use crate::bench::{Bench, fast, is_end, is_start, outcome, plan, waves};
use crate::says::{answer, begin, end, holding};
use crate::server::{Light, Manners, Server, Step};

fn levels_changed(what: &EventKind) -> bool {
    matches!(what, EventKind::LevelsChanged { .. })
}

/// The last list of levels to come that was told.
fn upcoming(bench: &Bench) -> Vec<u32> {
    let reported = bench.events.iter().rev().find_map(|e| match &e.what {
        EventKind::LevelsChanged { upcoming } => Some(upcoming.clone()),
        _ => None,
    });
    reported.unwrap()
}

fn ends(bench: &Bench) -> Vec<(u32, Option<CycleEnd>)> {
    let state = bench.state();
    state.cycles.iter().map(|c| (c.users, c.end)).collect()
}

#[tokio::test]
async fn paused_nothing_new_starts_and_what_is_in_flight_finishes() {
    let (server, gate) = holding(2).await;
    let mut bench = Bench::at(&server.url()).await;
    bench.start(waves(3, &[2])).await;
    server.was_asked(2).await;
    bench.pause().await;
    gate.cancel();
    bench.until(2, is_end).await;
    bench.some_progress(3).await;
    assert_eq!((bench.started(), server.asked().len()), (2, 2));
    assert!(bench.state().paused);
    assert!(bench.records().iter().all(|r| outcome(r) == "done"));
    bench.command(Command::TogglePause).await;
    assert_eq!(bench.end().await, RunEnd::Done);
    assert_eq!(bench.count(|what| *what == EventKind::Resumed), 1);
    assert_eq!(bench.records().len(), 6);
    assert_eq!(server.connections(), 2, "connections are kept meanwhile");
}

#[tokio::test]
async fn a_paused_run_can_be_stopped_and_skipped() {
    for (command, why, end) in [
        (Command::Stop, RunEnd::Stopped, CycleEnd::Stopped),
        (Command::Signal(15), RunEnd::Signal(15), CycleEnd::Stopped),
        (Command::Skip, RunEnd::Done, CycleEnd::Skipped),
    ] {
        let (server, gate) = holding(1).await;
        let mut bench = Bench::at(&server.url()).await;
        bench.start(waves(2, &[1])).await;
        server.was_asked(1).await;
        bench.pause().await;
        gate.cancel();
        bench.until(1, is_end).await;
        bench.command(command).await;
        assert_eq!(bench.end().await, why);
        assert_eq!(ends(&bench), [(1, Some(end))]);
        assert_eq!(bench.started(), 1);
    }
}

#[tokio::test]
async fn skipped_requests_are_cancelled_and_no_failures() {
    let server = Server::scripted(|asked| match asked.number {
        0 => vec![Step::Hang],
        1 | 2 => vec![begin(), Step::Hang],
        _ => vec![answer()],
    })
    .await;
    let mut bench = Bench::at(&server.url()).await;
    bench.start(plan(&[3, 1])).await;
    server.was_asked(3).await;
    bench
        .until(2, |what| matches!(what, EventKind::FirstToken { .. }))
        .await;
    bench.command(Command::Skip).await;
    assert_eq!(bench.end().await, RunEnd::Done);
    let outcomes: Vec<String> = bench.records().iter().map(outcome).collect();
    assert_eq!(outcomes, ["cancelled", "cancelled", "cancelled", "done"]);
    let expected = [(3, Some(CycleEnd::Skipped)), (1, Some(CycleEnd::Done))];
    assert_eq!(ends(&bench), expected);
    let state = bench.state();
    assert_eq!(state.cycles[0].finished(), 0);
    assert!(state.cycles[0].failures().is_empty() && state.warnings.is_empty());
    // What was cancelled is hung up on, so that the server can stop, too.
    server.was_left(3).await;
}

#[tokio::test]
async fn stop_and_signal_end_the_run_and_say_so() {
    for (commands, why) in [
        (vec![Command::Stop], RunEnd::Stopped),
        (vec![Command::Signal(2)], RunEnd::Signal(2)),
        (vec![Command::Signal(2), Command::Stop], RunEnd::Signal(2)),
    ] {
        let (server, _gate) = holding(9).await;
        let mut bench = Bench::at(&server.url()).await;
        bench.start(plan(&[2, 4])).await;
        server.was_asked(2).await;
        for command in commands {
            bench.command(command).await;
        }
        assert_eq!(bench.end().await, why);
        assert_eq!(ends(&bench), [(2, Some(CycleEnd::Stopped))]);
        assert_eq!(bench.finished.as_ref().unwrap().1, None);
        let last = &bench.events.last().unwrap().what;
        assert!(matches!(last, EventKind::RunEnded { .. }), "{last:?}");
    }
}

#[tokio::test]
async fn a_repeated_level_is_a_new_cycle_that_comes_next() {
    let (server, gate) = holding(2).await;
    let mut bench = Bench::at(&server.url()).await;
    bench.start(plan(&[2, 3])).await;
    server.was_asked(2).await;
    bench.command(Command::Repeat).await;
    bench.until(1, levels_changed).await;
    assert_eq!(upcoming(&bench), [2, 3]);
    gate.cancel();
    bench.end().await;
    let state = bench.state();
    let cycles: Vec<(u32, u32)> = state.cycles.iter().map(|c| (c.cycle, c.users)).collect();
    assert_eq!(cycles, [(0, 2), (1, 2), (2, 3)]);
    assert!(state.upcoming.is_empty());
}

#[tokio::test]
async fn levels_are_added_in_order_and_taken_away() {
    let (server, gate) = holding(2).await;
    let mut bench = Bench::at(&server.url()).await;
    bench.start(plan(&[2, 4, 8])).await;
    server.was_asked(2).await;
    for (command, reported) in [
        (Command::AddLevel(3), Some(vec![3, 4, 8])),
        (Command::AddLevel(16), Some(vec![3, 4, 8, 16])),
        (Command::AddLevel(4), None),
        (Command::AddLevel(0), None),
        (Command::RemoveLevel(8), Some(vec![3, 4, 16])),
        (Command::RemoveLevel(16), Some(vec![3, 4])),
        (Command::AddLevel(1), Some(vec![1, 3, 4])),
    ] {
        let so_far = bench.count(levels_changed);
        bench.command(command).await;
        if let Some(levels) = reported {
            bench.until(so_far + 1, levels_changed).await;
            assert_eq!(upcoming(&bench), levels, "{command:?}");
        }
    }
    assert_eq!(bench.count(levels_changed), 5);
    gate.cancel();
    bench.end().await;
    let users: Vec<u32> = ends(&bench).iter().map(|(users, _)| *users).collect();
    assert_eq!(users, [2, 1, 3, 4]);
}

#[tokio::test]
async fn while_connecting_a_cycle_can_be_skipped_and_the_run_stopped() {
    for (command, why) in [
        (Command::Skip, RunEnd::Done),
        (Command::Stop, RunEnd::Stopped),
    ] {
        let server = Server::start(Manners {
            light: Light::Never,
            ..Manners::new(|_| vec![answer()])
        })
        .await;
        let mut bench = Bench::at(&server.url()).await;
        bench.start(plan(&[64])).await;
        bench
            .until(1, |what| matches!(what, EventKind::CycleStarted { .. }))
            .await;
        bench.command(command).await;
        assert_eq!(bench.end().await, why);
        assert_eq!((bench.started(), server.asked().len()), (0, 0));
        assert_eq!(bench.state().cycles.len(), 1);
    }
}

#[tokio::test]
async fn a_second_start_is_refused_aloud_and_the_run_goes_on() {
    let (server, gate) = holding(1).await;
    let mut bench = Bench::at(&server.url()).await;
    bench.start(plan(&[1])).await;
    server.was_asked(1).await;
    bench.start(plan(&[7])).await;
    bench
        .until(1, |what| matches!(what, EventKind::Warning(_)))
        .await;
    let warning = bench.state().warnings[0].1.text.clone();
    assert!(warning.contains("already in progress"), "{warning}");
    gate.cancel();
    assert_eq!(bench.end().await, RunEnd::Done);
    assert_eq!(bench.state().cycles.len(), 1);
    // And then another one can be started.
    bench.finished = None;
    bench.events.clear();
    assert_eq!(bench.run(plan(&[2])).await.len(), 2);
}

#[tokio::test]
async fn without_a_server_a_start_and_a_download_say_so() {
    let bench = Bench::new("http://127.0.0.1:9", &Ollama, None, fast(&[]));
    let mut bench = bench;
    bench.start_with(plan(&[1]), Model::default()).await;
    while bench.finished.is_none() {
        bench.hear().await;
    }
    let why = bench.finished.as_ref().unwrap().1.clone().unwrap();
    assert!(why.contains("no server"), "{why}");
    assert!(bench.events.is_empty());
    bench.ask(SessionCommand::Pull("m".to_owned())).await;
    match bench.session.events.recv().await {
        Some(SessionEvent::Pulled(Err(why))) => assert!(why.contains("no server"), "{why}"),
        other => panic!("{other:?}"),
    }
}

/// Dropping what asks is how a screen that is gone ends a run: what was measured is written first.
#[tokio::test]
async fn a_session_that_nobody_asks_any_more_stops_its_run() {
    let server = Server::scripted(|asked| match asked.number {
        0 => vec![begin(), end()],
        _ => vec![Step::Hang],
    })
    .await;
    let folder = tempfile::tempdir().unwrap();
    let mut bench = Bench::new(&server.url(), &Ollama, Some(folder.path()), fast(&[]));
    bench.ask(SessionCommand::Search).await;
    while bench.found.is_none() {
        bench.hear().await;
    }
    bench.start(waves(2, &[1])).await;
    bench.until(2, is_start).await;
    let tokometer::session::serve::Session {
        commands,
        events,
        work,
    } = bench.session;
    drop((commands, events));
    tokio::time::timeout(crate::bench::PATIENCE, work.finish())
        .await
        .unwrap();
    let run = std::fs::read_dir(folder.path()).unwrap().next().unwrap();
    let recovered = tokometer::store::read(&run.unwrap().path()).unwrap();
    let last = recovered.events.last().unwrap();
    let why = RunEnd::Stopped;
    assert_eq!(last.what, EventKind::RunEnded { why });
}
