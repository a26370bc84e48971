//! Any commands, at any time: the run ends, and its timeline makes sense.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use tokometer::event::{Event, EventKind, RunEnd};
use tokometer::load::Command;
use tokometer::metrics::state::{RunState, Stage};
use tokometer::plan::{CycleShape, Plan};
use tokometer::session::SessionCommand;
use tokometer::sim::Simulator;

use crate::bench::{Bench, fast, plan};

fn command() -> impl Strategy<Value = SessionCommand> {
    let to_the_run = prop_oneof![
        4 => Just(Command::TogglePause),
        3 => Just(Command::Skip),
        2 => Just(Command::Repeat),
        2 => (0u32..6).prop_map(Command::AddLevel),
        2 => (0u32..6).prop_map(Command::RemoveLevel),
        1 => Just(Command::Stop),
        1 => Just(Command::Signal(15)),
    ];
    prop_oneof![
        15 => to_the_run.prop_map(SessionCommand::Run),
        1 => (0u64..9).prop_map(SessionCommand::Watch),
    ]
}

/// Commands, and how many events to wait for before each, if they come.
fn script() -> impl Strategy<Value = Vec<(usize, SessionCommand)>> {
    proptest::collection::vec((0usize..12, command()), 0..8)
}

fn a_plan() -> impl Strategy<Value = Plan> {
    let shape = prop_oneof![
        Just(CycleShape::Waves(1)),
        Just(CycleShape::Waves(3)),
        Just(CycleShape::DurationS(0.05)),
    ];
    let levels = proptest::collection::vec(1u32..5, 0..4);
    (shape, levels, 0u32..3, any::<bool>()).prop_map(|(shape, levels, warmup, rests)| Plan {
        shape,
        warmup,
        rest_s: if rests { 0.02 } else { 0.0 },
        max_tokens: Some(6),
        stop_when_hopeless: true,
        ..plan(&levels)
    })
}

/// Runs `plan` under the commands; everything the session told.
async fn reported(url: &str, plan: Plan, script: Vec<(usize, SessionCommand)>) -> Vec<Event> {
    let mut bench = Bench::at(url).await;
    bench.start(plan).await;
    let is_toggle = |(_, command): &&(usize, SessionCommand)| {
        *command == SessionCommand::Run(Command::TogglePause)
    };
    let stays_paused = script.iter().filter(is_toggle).count() % 2 == 1;
    for (events, command) in script {
        let enough = bench.events.len() + events;
        // A paused run may have nothing more to tell: a little later will do as well.
        while bench.events.len() < enough && bench.finished.is_none() {
            let soon = std::time::Duration::from_millis(60);
            if tokio::time::timeout(soon, bench.hear()).await.is_err() {
                break;
            }
        }
        // A session without a run ends at a signal, and hears no more.
        let _ = bench.session.commands.send(command).await;
    }
    if stays_paused {
        let toggle = SessionCommand::Run(Command::TogglePause);
        let _ = bench.session.commands.send(toggle).await;
    }
    bench.end().await;
    bench.events
}

/// What must hold of every timeline.
fn check(events: &[Event]) {
    let first = &events[0].what;
    assert!(matches!(first, EventKind::RunStarted(_)), "{first:?}");
    let last = &events[events.len() - 1].what;
    assert!(matches!(last, EventKind::RunEnded { .. }), "{last:?}");
    let mut state = RunState::default();
    let mut open: Option<u32> = None;
    let mut flying: BTreeMap<u64, u32> = BTreeMap::new();
    let mut seen = BTreeSet::new();
    for (number, event) in events.iter().enumerate() {
        match &event.what {
            EventKind::RunStarted(_) => assert_eq!(number, 0, "a run starts once"),
            EventKind::RunEnded { .. } => assert_eq!(number, events.len() - 1, "and ends once"),
            EventKind::CycleStarted { cycle, users } => {
                assert_eq!(open.replace(*cycle), None, "one cycle at a time");
                assert_eq!(usize::try_from(*cycle).unwrap(), state.cycles.len());
                assert_eq!(
                    state.upcoming.first(),
                    Some(users),
                    "the next level is next"
                );
            }
            EventKind::RequestStarted { id, cycle, .. } => {
                assert_eq!(
                    open,
                    Some(*cycle),
                    "a request belongs to the cycle that runs"
                );
                assert!(seen.insert(*id), "ids are unique");
                flying.insert(*id, *cycle);
            }
            EventKind::RequestEnded(record) => {
                assert_eq!(flying.remove(&record.id), Some(record.cycle), "ends once");
                assert_eq!(open, Some(record.cycle));
                assert!(record.failure().is_none(), "{:?}", record.outcome);
            }
            EventKind::CycleEnded { cycle, .. } => {
                assert_eq!(open.take(), Some(*cycle));
                assert!(flying.is_empty(), "nothing is left in flight");
            }
            EventKind::RestStarted { next_users, .. } => {
                assert_eq!(open, None);
                assert_eq!(state.upcoming.first(), Some(next_users));
            }
            EventKind::Paused => assert!(!state.paused),
            EventKind::Resumed => assert!(state.paused),
            _ => {}
        }
        state.apply(event);
    }
    assert_eq!(open, None, "the last cycle is over");
    assert!(matches!(state.stage, Stage::Ended(_)));
    assert!(state.cycles.iter().all(|cycle| cycle.in_flight.is_empty()));
    if state.stage == Stage::Ended(RunEnd::Done) {
        assert!(state.upcoming.is_empty(), "{:?}", state.upcoming);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, max_shrink_iters: 60, ..ProptestConfig::default() })]

    #[test]
    fn any_commands_leave_a_timeline_that_makes_sense(plan in a_plan(), script in script()) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let simulator = Simulator::start(fast(&[]), 0).unwrap();
        let events = runtime.block_on(reported(&simulator.url(), plan, script));
        check(&events);
    }
}
