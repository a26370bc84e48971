//! The list of the runs that were recorded: what it shows, marks, compares and deletes.

use std::fs;

use crossterm::event::{Event, KeyModifiers, MouseButton, MouseEvent, MouseEventKind};
use insta::assert_snapshot;
use rstest::rstest;
use tokometer::event::EventKind;
use tokometer::session::{SessionCommand, SessionEvent};
use tokometer::tui::DashboardOptions;
use tokometer::tui::layout::{Pane, View};

use crate::fixture::{Dash, ready, running};
use crate::library::{BROKEN, ID, library, nowhere, options};
use crate::live;

#[rstest]
#[case(60, 16)]
#[case(80, 24)]
#[case(120, 40)]
#[case(200, 60)]
#[tokio::test(start_paused = true)]
async fn runs_of_every_kind_at_every_size(#[case] width: u16, #[case] height: u16) {
    let root = library();
    let dash = ready(width, height, options(root.path())).await;
    dash.keys("5").await;
    assert_snapshot!(format!("runs_{width}x{height}"), dash.screen());
}

#[tokio::test(start_paused = true)]
async fn without_color_and_in_ascii() {
    let root = library();
    let options = DashboardOptions {
        no_color: true,
        ascii: true,
        ..options(root.path())
    };
    let dash = ready(80, 24, options).await;
    for keys in ["5", "<space><space>/e", "<enter>c", "<esc><esc><enter>"] {
        dash.keys(keys).await;
        let screen = dash.screen();
        assert_eq!(screen.chars().find(|c| !c.is_ascii()), None, "{screen}");
        for color in ["Cyan", "Red", "Green", "Yellow", "Magenta", "Blue", "Gray"] {
            assert!(!dash.styles().contains(color), "{color} after {keys}");
        }
    }
    dash.shows(" REPLAY ");
}

#[tokio::test(start_paused = true)]
async fn no_run_and_no_place_for_runs_say_what_to_do() {
    let empty = tempfile::tempdir().unwrap();
    let dash = ready(80, 24, options(empty.path())).await;
    dash.keys("5").await;
    assert_snapshot!("runs_none", dash.screen());
    // Keys for a run that is not there do nothing.
    dash.keys("<enter><space>cde<up><down>G/x<enter><esc>")
        .await;
    dash.shows("No run has been recorded yet");
    let dash = ready(80, 24, DashboardOptions::default()).await;
    dash.keys("5").await;
    dash.shows("There is no folder for runs");
}

#[tokio::test(start_paused = true)]
async fn the_view_is_reached_from_every_screen_and_back() {
    let root = library();
    let mut dash = Dash::start(80, 24, options(root.path())).await;
    dash.keys("5").await;
    dash.shows("Runs · 5");
    // What the session finds meanwhile waits behind the list.
    dash.push(SessionEvent::Found(live::server(false))).await;
    dash.shows("Runs · 5");
    dash.keys("1").await;
    dash.shows("┌ Plan");
    dash.keys("2").await;
    dash.shows("no run on the screen");
    // Without a run there are three views.
    for text in ["tokens", "Runs · 5", "┌ Plan"] {
        dash.keys("<tab>").await;
        assert!(dash.screen().contains(text), "{text}: {}", dash.screen());
    }
    dash.commands();
    dash.keys("5<esc><enter>").await;
    assert!(matches!(
        &dash.commands()[..],
        [SessionCommand::Start { .. }]
    ));
}

#[tokio::test(start_paused = true)]
async fn what_is_typed_filters() {
    let root = library();
    let dash = ready(80, 24, options(root.path())).await;
    dash.keys("5/LLAMA3").await;
    assert_snapshot!("runs_filter", dash.screen());
    dash.keys("<enter>").await;
    dash.shows("Runs · 1 of 5 · filter: LLAMA3");
    dash.keys("/<bs><bs><bs><bs><bs><bs>lost").await;
    dash.shows("UNREADABLE");
    dash.keys("zzz").await;
    dash.shows("No run has this text");
    // q is a letter like any other.
    dash.keys("q<esc>").await;
    assert!(!dash.is_over() && dash.screen().contains("Runs · 5 "));
}

#[tokio::test(start_paused = true)]
async fn the_selection_moves_and_the_mouse_chooses() {
    let root = library();
    let dash = ready(80, 24, options(root.path())).await;
    dash.keys("5jj").await;
    dash.shows(" 2026-11-19T23-59-59_llama3.2-latest ·");
    dash.keys("G").await;
    dash.shows(" 2025-01-30T20-42-28_deepseek-r1-7b ·");
    dash.keys("g").await;
    assert!(dash.screen().contains(&format!(" {ID} ·")));
    let mouse = |kind, row| {
        Event::Mouse(MouseEvent {
            kind,
            column: 20,
            row,
            modifiers: KeyModifiers::NONE,
        })
    };
    let press = MouseEventKind::Down(MouseButton::Left);
    dash.input(mouse(press, 4)).await;
    dash.shows(" 2026-11-20T08-15-00_deepseek-r1-7b ·");
    dash.input(mouse(MouseEventKind::ScrollDown, 4)).await;
    dash.shows(" 2025-01-30T20-42-28_deepseek-r1-7b ·");
    dash.input(mouse(press, 20)).await;
    dash.shows(" 2025-01-30T20-42-28_deepseek-r1-7b ·");
}

#[rstest]
#[case(80, 24)]
#[case(120, 40)]
#[tokio::test(start_paused = true)]
async fn marked_runs_are_compared(#[case] width: u16, #[case] height: u16) {
    let root = library();
    let dash = ready(width, height, options(root.path())).await;
    dash.keys("5c").await;
    dash.shows("Mark two or more runs");
    dash.keys("m<space>").await;
    assert_snapshot!(format!("runs_marked_{width}x{height}"), dash.screen());
    dash.keys("c").await;
    assert_snapshot!(format!("comparison_{width}x{height}"), dash.screen());
    dash.keys("G").await;
    let end = dash.screen();
    dash.keys("<down>").await;
    assert_eq!(dash.screen(), end, "it scrolls to its end and no further");
    dash.keys("<esc>").await;
    dash.shows("2 marked");
    // Three of them; then none is marked any more, then the list is left.
    dash.keys("mc").await;
    dash.shows("Comparison · 3 runs");
    dash.keys("<esc><esc>").await;
    assert!(!dash.screen().contains("marked"));
    dash.keys("<esc>").await;
    dash.shows("┌ Plan");
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_read_says_why_and_can_only_be_deleted() {
    let root = library();
    let dash = ready(80, 24, options(root.path())).await;
    dash.keys("5jjj<enter>").await;
    let why = "neither run.json nor events.jsonl says what was run";
    for keys in ["<enter>", "<space>"] {
        dash.keys(keys).await;
        let reported = format!("Unreadable: {why}");
        assert!(dash.screen().contains(&reported), "{}", dash.screen());
    }
    dash.keys("e").await;
    dash.shows("A run that cannot be read has no report");
    dash.keys("d<enter>").await;
    assert!(!root.path().join(BROKEN).exists());
}

#[tokio::test(start_paused = true)]
async fn a_run_is_deleted_after_a_question() {
    let root = library();
    let dash = ready(80, 24, options(root.path())).await;
    dash.keys("5jjd").await;
    assert_snapshot!("runs_question", dash.screen());
    dash.keys("n").await;
    assert_eq!(
        fs::read_dir(root.path()).unwrap().count(),
        6,
        "5 and the index"
    );
    dash.keys("m<up><del>y").await;
    assert!(
        !root
            .path()
            .join("2026-11-19T23-59-59_llama3.2-latest")
            .exists()
    );
    let screen = dash.screen();
    assert!(screen.contains("Deleted 2026-11-19T23-59-59"), "{screen}");
    assert!(
        screen.contains("Runs · 4 ") && !screen.contains("marked"),
        "{screen}"
    );
    // The one below took its place.
    assert!(
        screen.contains(&format!(" {BROKEN} cannot be read")),
        "{screen}"
    );
    // Somebody else deleted the next one meanwhile.
    fs::remove_dir_all(root.path().join(BROKEN)).unwrap();
    dash.keys("dy").await;
    dash.shows("Could not delete the run");
    dash.shows("Runs · 3 ");
}

#[tokio::test(start_paused = true)]
async fn the_run_that_is_being_recorded_is_neither_deleted_nor_reported() {
    let root = library();
    let mut dash = running(80, 24, options(root.path())).await;
    dash.keys("5").await;
    dash.shows("recording");
    dash.keys("d").await;
    dash.shows("being recorded and cannot be deleted");
    dash.keys("e").await;
    dash.shows("its report can be written when it is over");
    // Nor through a replay of it; and it is not steered from the list.
    dash.keys("nxr+-<enter>e").await;
    dash.shows("its report can be written when it is over");
    assert!(root.path().join(ID).join("events.jsonl").exists());
    assert_eq!(dash.commands(), []);
    dash.keys("<esc>").await;
    dash.push(SessionEvent::Events(live::over())).await;
    let directory = Some(root.path().join(ID));
    dash.push(SessionEvent::Finished {
        directory,
        error: None,
        report: None,
    })
    .await;
    // Over: now it may go.
    dash.keys("gdy").await;
    assert!(!root.path().join(ID).exists());
}

#[tokio::test(start_paused = true)]
async fn a_report_is_written_where_the_run_is() {
    let root = library();
    let dash = ready(120, 40, options(root.path())).await;
    dash.keys("5e").await;
    let page = root.path().join(ID).join("report.html");
    assert!(fs::read_to_string(&page).unwrap().contains("<html"));
    dash.shows("Report: ");
    fs::remove_file(&page).unwrap();
    dash.keys("<enter>e").await;
    assert!(page.exists());
    // Other limits on the screen: the files of the run stay its own.
    fs::remove_file(&page).unwrap();
    dash.keys("Lj<right><right><enter>e").await;
    assert!(!page.exists());
    let asked = root.path().join(ID).join("what-if/report.md");
    let asked = fs::read_to_string(&asked).unwrap();
    assert!(
        asked.contains("speed ≥ 22 tok/s (the run: 19.9 tok/s)"),
        "{asked}"
    );
    assert!(
        asked.contains("at least 22 tokens/s, for 90 % of the requests"),
        "{asked}"
    );
    // The list shows runs by their own.
    dash.keys("5e").await;
    assert!(page.exists());
    // What cannot be written says so.
    fs::remove_dir_all(root.path().join(ID)).unwrap();
    dash.keys("e").await;
    dash.shows("Could not write the report: ");
}

#[tokio::test(start_paused = true)]
async fn without_a_record_there_is_no_report_and_it_says_why() {
    let dash = ready(80, 24, DashboardOptions::default()).await;
    dash.keys("<enter>").await;
    dash.push(SessionEvent::Events(live::running(false))).await;
    dash.keys("e").await;
    dash.shows("when it is over");
    dash.push(SessionEvent::Events(live::over())).await;
    dash.finish().await;
    dash.keys("e").await;
    dash.shows("--no-record");
}

#[tokio::test(start_paused = true)]
async fn whoever_goes_on_is_not_called_back_by_a_run_that_opens() {
    let root = library();
    let dash = ready(80, 24, options(root.path())).await;
    dash.keys("5").await;
    // Both keys before anything can be read.
    let both = crate::fixture::keys("<enter>1");
    for key in both {
        dash.type_at_once(key);
    }
    dash.settle().await;
    dash.shows("┌ Plan");
    dash.keys("5q").await;
    assert!(dash.is_over());
    let app = dash.end().await.unwrap();
    assert_eq!((app.view(), app.focus()), (View::Runs, Pane::Runs));
    assert!(app.replay().is_none());
}

#[tokio::test(start_paused = true)]
async fn a_place_that_cannot_be_read_is_told() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let dash = ready(80, 24, options(file.path())).await;
    dash.keys("5").await;
    dash.shows("Could not list the runs: ");
    let dash = ready(80, 24, options(&nowhere())).await;
    dash.keys("5").await;
    dash.shows("No run has been recorded yet");
}

/// The story says what a recorded run holds; the tests above rely on it.
#[test]
fn the_library_holds_what_it_says() {
    let root = library();
    let runs = tokometer::store::index::list_all(root.path()).unwrap();
    let ids: Vec<&str> = runs
        .iter()
        .map(tokometer::store::index::Found::id)
        .collect();
    assert_eq!(ids.len(), 5);
    assert_eq!((ids[0], ids[3]), (ID, BROKEN));
    let broken_off = runs[2].run().unwrap();
    assert!(!broken_off.ended && runs[0].run().unwrap().ended);
    let opened = tokometer::store::opened::open(&root.path().join(ID)).unwrap();
    assert_eq!(opened.kept.len(), 1);
    let answered = opened.events.iter().filter(
        |event| matches!(&event.what, EventKind::RequestEnded(record) if record.answer.is_some()),
    );
    assert_eq!(answered.count(), 1);
}
