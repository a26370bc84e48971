//! The monitors of a run, without threads: the clock of each test stands still unless it waits.

use super::*;
use crate::dialect::Ollama;
use crate::event::Model;
use crate::event::{Event, GpuSample, PowerScope, RunClock, ServerSample};
use crate::load::timeline::{Timeline, timeline};

fn target(simulated: bool) -> Target {
    Target {
        dialect: Ollama.id(),
        url: "http://127.0.0.1:11434".to_owned(),
        model: Model {
            name: "m".to_owned(),
            ..Model::default()
        },
        server: None,
        slots: None,
        simulated,
        route: crate::event::Route::default(),
    }
}

fn watching(simulated: bool) -> (MonitorHandle, Timeline, RunClock) {
    let clock = RunClock::start();
    let (reporter, timeline) = timeline(clock);
    let shared = Shared {
        state: Mutex::new(State::new(&Ollama, &target(simulated), reporter)),
        bell: Condvar::new(),
    };
    (MonitorHandle(Some(Arc::new(shared))), timeline, clock)
}

impl MonitorHandle {
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.as_ref().unwrap().lock()
    }
}

fn watts(watts: f64) -> Observation {
    Observation::Gpu(GpuSample {
        source: "a".to_owned(),
        watts: Some(watts),
        scope: Some(PowerScope::Gpu),
        ..GpuSample::default()
    })
}

fn slots(slots: u32) -> Observation {
    Observation::Server(ServerSample {
        source: "/slots".to_owned(),
        slots: Some(slots),
        ..ServerSample::default()
    })
}

/// All events, once the monitors have ended.
async fn events_of(watching: MonitorHandle, mut timeline: Timeline) -> Vec<EventKind> {
    watching.state().finish();
    let mut events: Vec<Event> = Vec::new();
    while timeline.next(&mut events).await {}
    events.into_iter().map(|event| event.what).collect()
}

/// A reading a second for so many seconds.
async fn readings(watching: &MonitorHandle, clock: RunClock, seconds: u32) {
    for _ in 0..seconds {
        watching.state().take(clock.now(), watts(60.0));
        sleep(Duration::from_secs(1)).await;
    }
}

#[tokio::test(start_paused = true)]
async fn the_idle_machine_is_measured_for_as_long_as_asked() {
    let (watching, timeline, clock) = watching(false);
    watching.state().take(clock.now(), watts(60.0));
    let idle = watching.clone().idle(10.0, CancellationToken::new());
    tokio::join!(idle, readings(&watching, clock, 12));
    let events = events_of(watching, timeline).await;
    assert!(events.contains(&EventKind::IdleStarted { seconds: 10.0 }));
    let baseline = events.iter().find_map(|what| match what {
        EventKind::Baseline(baseline) => Some(*baseline),
        _ => None,
    });
    let baseline = baseline.unwrap();
    assert!((baseline.watts - 60.0).abs() < 1e-9);
    assert!((9.0..=10.0).contains(&baseline.seconds), "{baseline:?}");
    assert_eq!(baseline.scope, Some(PowerScope::Gpu));
}

#[tokio::test(start_paused = true)]
async fn a_short_idle_waits_for_the_reading_that_tells_of_its_end() {
    let (watching, timeline, clock) = watching(false);
    watching.state().take(clock.now(), watts(60.0));
    sleep(Duration::from_millis(500)).await;
    let idle = watching.clone().idle(2.2, CancellationToken::new());
    let later = async {
        sleep(Duration::from_millis(500)).await;
        readings(&watching, clock, 4).await;
    };
    tokio::join!(idle, later);
    let events = events_of(watching, timeline).await;
    let seconds = events.iter().find_map(|what| match what {
        EventKind::Baseline(baseline) => Some(baseline.seconds),
        _ => None,
    });
    assert!((seconds.unwrap() - 2.2).abs() < 0.01, "{seconds:?}");
}

#[tokio::test(start_paused = true)]
async fn a_skipped_idle_machine_has_no_power_and_does_not_wait() {
    let (watching, timeline, clock) = watching(false);
    watching.state().take(clock.now(), watts(60.0));
    let skipped = CancellationToken::new();
    let begun = Instant::now();
    let skip = async {
        readings(&watching, clock, 3).await;
        skipped.cancel();
    };
    tokio::join!(watching.clone().idle(10.0, skipped.clone()), skip);
    assert!(begun.elapsed() < Duration::from_secs(4));
    let events = events_of(watching, timeline).await;
    assert!(
        !events
            .iter()
            .any(|what| matches!(what, EventKind::Baseline(_)))
    );
}

#[tokio::test(start_paused = true)]
async fn where_nothing_tells_power_there_is_no_wait() {
    let (watching, timeline, _) = watching(false);
    assert!(watching.may_report_power(10.0), "a source may yet tell it");
    assert!(!watching.may_report_power(0.0));
    let begun = Instant::now();
    watching.clone().idle(10.0, CancellationToken::new()).await;
    assert!(begun.elapsed() <= POWER_WAIT + LOOK, "it never did");
    let status = |name: &str, state| SourceStatus {
        name: name.to_owned(),
        state,
        age_s: None,
        fault: None,
    };
    let nothing = [
        status("nvidia", SourceState::Absent),
        status("processes", SourceState::Live),
        status("server", SourceState::Live),
    ];
    watching.state().update_sources(&nothing);
    assert!(!watching.may_report_power(10.0));
    assert!(!MonitorHandle::default().may_report_power(10.0));
    let events = events_of(watching, timeline).await;
    let is_idle = |what: &EventKind| matches!(what, EventKind::IdleStarted { .. });
    assert!(!events.iter().any(is_idle), "no countdown to nothing");
}

#[tokio::test(start_paused = true)]
async fn a_simulated_server_has_no_idle() {
    let (watching, _timeline, clock) = watching(true);
    watching.state().take(clock.now(), watts(4.0));
    assert!(!watching.may_report_power(10.0));
}

#[tokio::test(start_paused = true)]
async fn who_waits_in_line_is_told_once_whatever_is_known_first() {
    for slots_first in [true, false] {
        let (watching, timeline, clock) = watching(false);
        if slots_first {
            watching.state().take(clock.now(), slots(1));
            watching.cycle(1);
            watching.cycle(16);
        } else {
            watching.cycle(16);
            watching.state().take(clock.now(), slots(1));
            watching.state().update_sources(&[]);
        }
        watching.cycle(32);
        let events = events_of(watching, timeline).await;
        let texts: Vec<&String> = events
            .iter()
            .filter_map(|what| match what {
                EventKind::Warning(warning) if warning.kind == WarningKind::Slots => {
                    Some(&warning.text)
                }
                _ => None,
            })
            .collect();
        assert_eq!(texts.len(), 1, "{texts:?}");
        assert!(
            texts[0].contains("15 wait in the queue")
                && texts[0].contains("OLLAMA_NUM_PARALLEL=16")
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_change_of_a_source_is_told_and_its_fault_warned_of_once() {
    let (watching, timeline, _) = watching(false);
    let note = |state, why: Option<&str>| SourceNote {
        source: SourceName::Source("rapl".to_owned()),
        state,
        why: why.map(str::to_owned),
        fix: Some("run as root".to_owned()),
    };
    for (state, why) in [
        (SourceState::Starting, None),
        (SourceState::Failing, Some("needs root")),
        (SourceState::Failing, Some("needs root")),
        (SourceState::Live, None),
        (SourceState::Failing, Some("needs root")),
    ] {
        watching.state().note(note(state, why));
    }
    let events = events_of(watching, timeline).await;
    let notes = events
        .iter()
        .filter(|what| matches!(what, EventKind::Source(_)));
    assert_eq!(notes.count(), 3);
    let warnings: Vec<_> = events
        .iter()
        .filter(|what| matches!(what, EventKind::Warning(_)))
        .collect();
    let text = "rapl: needs root: run as root".to_owned();
    let kind = WarningKind::Monitor;
    assert_eq!(warnings, [&EventKind::Warning(Warning { kind, text })]);
}

#[tokio::test(start_paused = true)]
async fn the_last_second_is_waited_for_only_where_a_reading_will_tell_of_it() {
    let (watching, _timeline, clock) = watching(false);
    let waited = async |watching: &MonitorHandle| {
        let begun = Instant::now();
        watching.last_reading().await;
        begun.elapsed()
    };
    assert!(waited(&watching).await.is_zero(), "no power");
    watching.state().take(clock.now(), watts(60.0));
    sleep(Duration::from_millis(300)).await;
    let (waited_s, ()) = tokio::join!(waited(&watching), async {
        sleep(Duration::from_millis(700)).await;
        watching.state().take(clock.now(), watts(60.0));
    });
    assert!(waited_s >= Duration::from_millis(700) && waited_s < Duration::from_millis(800));
    sleep(Duration::from_secs(10)).await;
    assert!(waited(&watching).await.is_zero(), "the source is silent");
}

#[tokio::test(start_paused = true)]
async fn nothing_is_told_after_the_end() {
    let (watching, timeline, clock) = watching(false);
    watching.stop().await;
    watching.state().take(clock.now(), watts(1.0));
    assert_eq!(events_of(watching, timeline).await, []);
}
