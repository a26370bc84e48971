//! The view of lanes beside a run, and pictures of the screen.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use crossterm::event::{Event as Input, KeyModifiers, MouseButton, MouseEvent, MouseEventKind};
use insta::assert_snapshot;
use rstest::rstest;
use tokio::time::sleep;
use tokometer::event::{Answer, CycleEnd, Event, EventKind, Piece, Stamp};
use tokometer::load::Command;
use tokometer::session::{SessionCommand, SessionEvent};
use tokometer::store::recordings::{KeptAnswer, Recordings};
use tokometer::tui::DashboardOptions;
use tokometer::tui::lanes::lane_set::Lanes;

use crate::fixture::{Dash, ready, running};
use crate::live;

/// 40 tokens, the first after 500 ms, then one every 50 ms; thinking first.
fn answer() -> Arc<Answer> {
    let mut answer = Answer::default();
    for number in 0..40_u64 {
        answer
            .text
            .push_str(if number == 0 { "So" } else { " time" });
        answer.pieces.push(Piece::new(
            u32::try_from(answer.text.len()).unwrap(),
            500_000 + number * 50_000,
            number < 10,
        ));
    }
    Arc::new(answer)
}

/// The story of a run whose answers were kept.
fn answered(simulated: bool) -> Vec<Event> {
    let mut events = live::running(simulated);
    for event in &mut events {
        if let EventKind::RequestEnded(record) = &mut event.what {
            record.answer = Some(answer());
        }
    }
    events
}

/// The answers of a timeline that are kept.
fn kept_of(events: &[Event]) -> Vec<Arc<KeptAnswer>> {
    let mut recordings = Recordings::in_memory();
    let kept = events.iter().map(|event| recordings.apply(event).unwrap());
    kept.flatten().collect()
}

async fn answered_run(width: u16, height: u16, simulated: bool) -> Dash {
    let options = DashboardOptions {
        simulated,
        ..DashboardOptions::default()
    };
    let mut dash = ready(width, height, options).await;
    dash.keys("<enter>").await;
    let events = answered(simulated);
    let kept = kept_of(&events);
    dash.push(SessionEvent::Events(events)).await;
    dash.push(SessionEvent::Kept(kept)).await;
    dash.commands();
    dash
}

/// A run that is over: nothing on the screen changes by itself.
async fn over(width: u16, height: u16) -> Dash {
    let dash = running(width, height, DashboardOptions::default()).await;
    dash.push(SessionEvent::Events(live::over())).await;
    dash.finish().await;
    dash
}

/// Leaves a run that is over, and looks at its lanes.
async fn lanes_of(dash: Dash, look: impl FnOnce(&Lanes)) {
    dash.keys("q").await;
    let app = dash.end().await.unwrap();
    look(app.lanes().unwrap());
}

fn tokens(lanes: &Lanes) -> Vec<usize> {
    let now = lanes.now_us();
    let all = lanes.lanes().iter();
    all.map(|lane| lane.tokens(now)).collect()
}

#[rstest]
#[case(120, 40)]
#[case(80, 24)]
#[case(60, 16)]
#[tokio::test(start_paused = true)]
async fn the_lanes_beside_a_run(#[case] width: u16, #[case] height: u16) {
    let dash = answered_run(width, height, true).await;
    dash.keys("4").await;
    sleep(Duration::from_millis(1_950)).await;
    assert_snapshot!(format!("preview_{width}x{height}"), dash.screen());
    dash.keys("<enter>").await;
    assert_snapshot!(format!("preview_focused_{width}x{height}"), dash.screen());
}

#[tokio::test(start_paused = true)]
async fn tokens_come_when_they_are_due_and_no_frame_is_drawn_without_one() {
    let dash = over(120, 40).await;
    dash.keys("4").await;
    let before = dash.frames();
    sleep(Duration::from_millis(9_990)).await;
    let frames = dash.frames() - before;
    assert!((270..=300).contains(&frames), "{frames} frames in 10 s");
    let screen = dash.screen();
    for due in [90..=90, 200..=200, 550..=552] {
        let mut shown = due.clone().map(|count| format!("│ {count}/1,023 tokens"));
        assert!(
            shown.any(|text| screen.contains(&text)),
            "no {due:?}\n{screen}"
        );
    }
    // All lanes but the slowest are through at last, and at last that one is, too.
    sleep(Duration::from_mins(1)).await;
    let before = dash.frames();
    sleep(Duration::from_secs(10)).await;
    let slow = dash.frames() - before;
    assert!((85..=95).contains(&slow), "{slow} frames for 90 tokens");
    sleep(Duration::from_mins(1)).await;
    let before = dash.frames();
    sleep(Duration::from_mins(1)).await;
    assert_eq!(dash.frames(), before, "nothing is left to be drawn");
}

#[tokio::test(start_paused = true)]
async fn the_lanes_stand_still_while_nobody_looks() {
    let dash = over(120, 40).await;
    dash.keys("4").await;
    sleep(Duration::from_millis(1_950)).await;
    dash.keys("1").await;
    let before = dash.frames();
    sleep(Duration::from_mins(1)).await;
    assert_eq!(dash.frames(), before, "a frame for lanes out of sight");
    lanes_of(dash, |lanes| {
        assert_eq!(lanes.now_us(), 2_000_000);
        assert_eq!(tokens(lanes), [18, 40, 110, 200]);
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn paused_lanes_and_a_frozen_view_draw_nothing() {
    let dash = over(120, 40).await;
    for keys in ["4<enter><space>", "<space><esc>f"] {
        dash.keys(keys).await;
        let before = dash.frames();
        sleep(Duration::from_mins(1)).await;
        assert_eq!(dash.frames(), before, "after {keys}");
    }
}

#[tokio::test(start_paused = true)]
async fn keys_go_to_the_run_until_the_lanes_have_them() {
    let mut dash = running(120, 40, DashboardOptions::default()).await;
    dash.keys("4<space>").await;
    assert_eq!(dash.commands(), [SessionCommand::Run(Command::TogglePause)]);
    assert!(dash.screen().contains("Enter use lanes"));
    dash.keys("<enter>").await;
    assert!(dash.screen().contains("Esc back"));
    dash.keys("<space>r+-xn").await;
    assert_eq!(dash.commands(), [], "keys of the lanes reached the run");
    assert!(dash.screen().contains("PAUSED"), "{}", dash.screen());
    dash.keys("<space>p").await;
    assert!(dash.screen().contains("▸20 tok/s"), "{}", dash.screen());
    dash.keys("<enter>").await;
    assert!(dash.screen().contains("all lanes"), "{}", dash.screen());
    dash.keys("<esc><esc>r").await;
    assert_eq!(dash.commands(), [SessionCommand::Run(Command::Repeat)]);
    assert!(dash.screen().contains("Enter use lanes"));
}

#[tokio::test(start_paused = true)]
async fn global_keys_keep_their_meaning_and_a_view_takes_the_keys_back() {
    let dash = over(120, 40).await;
    dash.keys("4<enter>t").await;
    assert!(dash.screen().contains("Theme: light"));
    dash.keys("?").await;
    assert!(dash.screen().contains("Keys"));
    dash.keys("<esc>2").await;
    assert!(dash.screen().contains("Results"));
    dash.keys("4").await;
    assert!(dash.screen().contains("Enter use lanes"));
    dash.keys("<enter><tab>").await;
    assert!(!dash.screen().contains("Esc back"));
    // After a run Enter gives the keys to the lanes here; s still asks to run again.
    dash.keys("4<enter>").await;
    assert!(dash.screen().contains("Esc back"), "{}", dash.screen());
    dash.keys("<esc>s").await;
    assert!(
        dash.screen().contains("Run the same plan again"),
        "{}",
        dash.screen()
    );
}

#[tokio::test(start_paused = true)]
async fn a_click_on_a_lane_selects_it() {
    let dash = over(120, 40).await;
    dash.keys("4").await;
    let click = MouseEvent {
        kind: MouseEventKind::Down(MouseButton::Left),
        column: 70,
        row: 12,
        modifiers: KeyModifiers::NONE,
    };
    dash.input(Input::Mouse(click)).await;
    assert!(dash.screen().contains("▸55 tok/s"), "{}", dash.screen());
    lanes_of(dash, |lanes| assert_eq!(lanes.selected(), 2)).await;
}

#[tokio::test(start_paused = true)]
async fn what_was_measured_gets_lanes_with_its_own_times() {
    let dash = answered_run(200, 60, true).await;
    dash.keys("4").await;
    let screen = dash.screen();
    for name in ["1 user ", "2 users ", "4 users ", "SIMULATED"] {
        assert!(screen.contains(name), "no {name}\n{screen}");
    }
    assert!(screen.contains("wait 500 ms"), "{screen}");
    // The wait, then one token every 50 ms.
    sleep(Duration::from_millis(1_490)).await;
    assert!(dash.screen().contains("21/40 tokens"), "{}", dash.screen());
}

#[tokio::test(start_paused = true)]
async fn a_level_that_ends_gets_a_lane_and_does_not_disturb_the_others() {
    let dash = answered_run(200, 60, false).await;
    dash.keys("4").await;
    sleep(Duration::from_millis(4_950)).await;
    let mut events = answered(false);
    let before = events.len();
    let asked = |event: &Event| match &event.what {
        EventKind::RequestEnded(record) => Some(record.clone()),
        _ => None,
    };
    let mut record = events.iter().find_map(asked).unwrap();
    record.cycle = 3;
    events.push(EventKind::RequestEnded(record).at(Stamp(66_000_000)));
    let why = CycleEnd::Done;
    events.push(EventKind::CycleEnded { cycle: 3, why }.at(Stamp(67_500_000)));
    let kept = kept_of(&events);
    dash.push(SessionEvent::Events(events.split_off(before)))
        .await;
    assert!(
        !dash.screen().contains("8 users "),
        "no answer is there yet"
    );
    dash.push(SessionEvent::Kept(kept)).await;
    let screen = dash.screen();
    assert!(screen.contains("8 users "), "{screen}");
    assert!(screen.contains("median wait"), "{screen}");
    assert!(screen.contains("45/"), "the others went on\n{screen}");
    dash.push(SessionEvent::Events(vec![live::started(false)]))
        .await;
    let screen = dash.screen();
    assert!(!screen.contains("8 users "), "another run\n{screen}");
}

#[tokio::test(start_paused = true)]
async fn the_preview_asks_nothing_of_the_run() {
    let mut dash = answered_run(120, 40, false).await;
    dash.keys("4<enter>alTwl+<right>-dr<enter><esc>").await;
    sleep(Duration::from_secs(30)).await;
    assert_eq!(dash.commands(), []);
}

#[tokio::test(start_paused = true)]
async fn capital_s_writes_a_picture_into_the_directory_of_the_run() {
    let runs = tempfile::tempdir().unwrap();
    let here = runs.path().join("2026-11-21T16-02-11_deepseek-r1-7b");
    std::fs::create_dir(&here).unwrap();
    let options = DashboardOptions {
        runs: Some(runs.path().to_owned()),
        ..DashboardOptions::default()
    };
    let dash = running(120, 40, options).await;
    dash.keys("SS").await;
    assert!(dash.screen().contains("Picture: "), "{}", dash.screen());
    let picture = std::fs::read_to_string(here.join("tokometer-2.svg")).unwrap();
    assert!(picture.starts_with("<svg") && picture.contains("Requests"));
    assert!(here.join("tokometer-1.svg").is_file());
    dash.keys("4").await;
    assert!(!dash.screen().contains("Picture: "), "the next key ends it");
    let elsewhere = tempfile::tempdir().unwrap();
    dash.push(SessionEvent::Events(live::over())).await;
    let directory = Some(PathBuf::from(elsewhere.path()));
    dash.push(SessionEvent::Finished {
        directory,
        error: None,
        report: None,
    })
    .await;
    dash.keys("S").await;
    assert!(elsewhere.path().join("tokometer-1.svg").is_file());
}
