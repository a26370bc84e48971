//! A run whose machine is measured: gauges and processes, their order, and the idle machine before it.

use insta::assert_snapshot;
use rstest::rstest;
use tokometer::event::{
    Event, EventKind, GpuSample, PowerScope, ProcessSample, ServerSample, SourceName, SourceNote,
    SourceState,
};
use tokometer::load::Command;
use tokometer::session::{SessionCommand, SessionEvent};
use tokometer::tui::DashboardOptions;

use crate::fixture::{Dash, ready, running};
use crate::live;

/// A reading a second of a GPU that gets busier, and the server's processes.
fn readings() -> Vec<Event> {
    let mut events = Vec::new();
    for second in 0..=66_u32 {
        let millis = u64::from(second) * 1000;
        let busy = f64::from(second) / 66.0;
        let gpu = GpuSample {
            source: "macmon".to_owned(),
            name: Some("Apple M2 Pro".to_owned()),
            watts: Some(4.0 + 26.0 * busy),
            window_s: Some(1.0),
            mhz: Some(444.0 + 953.0 * busy),
            usage_percent: Some(100.0 * busy),
            celsius: Some(61.0),
            scope: Some(PowerScope::Gpu),
            ..GpuSample::default()
        };
        events.push(live::event(millis, EventKind::Gpu(gpu)));
    }
    let process = |pid, name: &str, role: &str, rss_bytes| ProcessSample {
        pid,
        name: name.to_owned(),
        role: Some(role.to_owned()),
        threads: Some(21),
        rss_bytes: Some(rss_bytes),
        cpu_percent: Some(3.5),
        ..ProcessSample::default()
    };
    let table = vec![
        process(40163, "ollama serve", "server", 82_000_000),
        process(40377, "llama-server", "runner", 4_700_000_000),
    ];
    events.push(live::event(66_000, EventKind::Processes(table)));
    let server = ServerSample {
        source: "command line".to_owned(),
        slots: Some(2),
        ..ServerSample::default()
    };
    events.push(live::event(66_000, EventKind::Server(server)));
    events
}

/// A dashboard in the middle of the fourth cycle of a measured run.
async fn measured(width: u16, height: u16) -> Dash {
    let dash = ready(width, height, DashboardOptions::default()).await;
    dash.keys("<enter>").await;
    let mut events = live::running(false);
    events.extend(readings());
    // Stable: what was told at the same instant stays in its order.
    events.sort_by_key(|event| event.at);
    dash.push(SessionEvent::Events(events)).await;
    dash
}

#[rstest]
#[case(80, 24)]
#[case(120, 40)]
#[case(200, 60)]
#[tokio::test(start_paused = true)]
async fn a_measured_run_at_every_size(#[case] width: u16, #[case] height: u16) {
    let dash = measured(width, height).await;
    if width > 80 {
        let first = dash.screen().lines().next().unwrap().to_owned();
        assert!(
            first.contains("slots 2"),
            "the runner knows better: {first}"
        );
    } else {
        // From the requests: answer, cycles, waits, machine.
        dash.keys("pppp").await;
    }
    assert_snapshot!(format!("measured_{width}x{height}"), dash.screen());
    dash.keys("2").await;
    if width == 80 {
        dash.keys("p").await;
    }
    assert_snapshot!(format!("measured_results_{width}x{height}"), dash.screen());
}

#[tokio::test(start_paused = true)]
async fn processes_are_ordered_and_fill_the_screen() {
    let dash = measured(120, 40).await;
    dash.keys("pppppz").await;
    assert!(dash.row_of("40163") < dash.row_of("40377"), "as a tree");
    dash.keys("ooooo").await;
    assert!(dash.screen().contains("by RSS ▼"));
    assert!(
        dash.row_of("40377") < dash.row_of("40163"),
        "the largest first"
    );
    dash.keys("O").await;
    assert!(dash.row_of("40163") < dash.row_of("40377"));
    dash.keys("3o").await;
    dash.keys("1").await;
    assert!(
        dash.screen().contains("by RSS ▲"),
        "requests have their own order"
    );
}

#[tokio::test(start_paused = true)]
async fn an_old_reading_and_its_reason_are_told() {
    let dash = measured(120, 40).await;
    let told = readings().into_iter().rev();
    let mut newest = told.map(|event| event.what);
    let newest = newest
        .find(|what| matches!(what, EventKind::Gpu(_)))
        .unwrap();
    let more = [67, 68].map(|second| live::event(second * 1000, newest.clone()));
    dash.push(SessionEvent::Events(more.to_vec())).await;
    assert!(dash.screen().contains("J/token"), "{}", dash.screen());
    let note = SourceNote {
        source: SourceName::Source("apple".to_owned()),
        state: SourceState::Late,
        why: Some("it does not answer".to_owned()),
        fix: None,
    };
    let late = [
        live::event(73_000, EventKind::Source(note)),
        live::event(73_000, EventKind::LevelsChanged { upcoming: vec![16] }),
    ];
    dash.push(SessionEvent::Events(late.to_vec())).await;
    let screen = dash.screen();
    assert!(
        screen.contains("5 s old") && screen.contains("apple: it does not answer"),
        "{screen}"
    );
    assert!(!screen.contains("J/token"), "tokens go on, joules do not");
}

#[rstest]
#[case(80, 24)]
#[case(120, 40)]
#[case(200, 60)]
#[tokio::test(start_paused = true)]
async fn the_machine_is_live_before_a_run(#[case] width: u16, #[case] height: u16) {
    let mut dash = Dash::start(width, height, DashboardOptions::default()).await;
    let server = live::server(false);
    let url = server.url.clone();
    dash.commands();
    dash.push(SessionEvent::Found(server)).await;
    assert_eq!(dash.commands(), [SessionCommand::Observe]);
    let told = |url: &str| SessionEvent::Machine {
        url: url.to_owned(),
        events: readings(),
    };
    dash.push(told("http://127.0.0.1:1")).await;
    assert!(!dash.screen().contains("power"), "that is another machine");
    dash.push(told(&url)).await;
    assert_snapshot!(format!("ready_measured_{width}x{height}"), dash.screen());
    // What stands still says so, also before a run.
    let late = live::event(71_000, EventKind::Processes(Vec::new()));
    dash.push(SessionEvent::Machine {
        url: url.clone(),
        events: vec![late],
    })
    .await;
    assert!(dash.screen().contains("5 s old"), "{}", dash.screen());
    dash.keys("<enter>").await;
    assert!(matches!(
        &dash.commands()[..],
        [SessionCommand::Start { .. }]
    ));
    dash.push(told(&url)).await;
    dash.push(SessionEvent::Events(vec![live::started(false)]))
        .await;
    assert!(!dash.screen().contains("Apple M2 Pro"), "a run has its own");
}

#[tokio::test(start_paused = true)]
async fn the_idle_machine_is_counted_down_and_skipped() {
    let mut dash = ready(120, 40, DashboardOptions::default()).await;
    dash.keys("<enter>").await;
    dash.commands();
    let idle = EventKind::IdleStarted { seconds: 10.0 };
    dash.push(SessionEvent::Events(vec![
        live::started(false),
        live::event(4000, idle),
    ]))
    .await;
    assert!(
        dash.screen().contains("IDLE POWER 10 s, n skips"),
        "{}",
        dash.screen()
    );
    tokio::time::sleep(std::time::Duration::from_secs(4)).await;
    assert!(
        dash.screen().contains("measuring idle power, 6 s"),
        "{}",
        dash.screen()
    );
    dash.keys("n").await;
    assert_eq!(dash.commands(), [SessionCommand::Run(Command::Skip)]);
}

#[tokio::test(start_paused = true)]
async fn a_run_without_monitors_says_so() {
    let dash = running(120, 40, DashboardOptions::default()).await;
    assert_eq!(dash.screen().matches("not measured").count(), 2);
}
