//! A recorded run on the screen: it plays, stands still, is wound, and hides no run that goes on.

use std::time::Duration;

use insta::assert_snapshot;
use rstest::rstest;
use tempfile::TempDir;
use tokio::time::sleep;
use tokometer::metrics::verdict::Verdict;
use tokometer::session::SessionEvent;
use tokometer::store::opened::open;
use tokometer::tui::DashboardOptions;
use tokometer::tui::layout::Pane;

use crate::fixture::{Dash, ready, running};
use crate::library::{ID, library, options};
use crate::live;

/// A replay of the latest run, opened from the list.
async fn replaying(width: u16, height: u16) -> (TempDir, Dash) {
    let root = library();
    let dash = ready(width, height, options(root.path())).await;
    dash.keys("5<enter>").await;
    (root, dash)
}

async fn seconds(count: u64) {
    sleep(Duration::from_secs(count)).await;
}

#[rstest]
#[case(60, 16)]
#[case(80, 24)]
#[case(120, 40)]
#[case(200, 60)]
#[tokio::test(start_paused = true)]
async fn it_plays(#[case] width: u16, #[case] height: u16) {
    let (_root, dash) = replaying(width, height).await;
    seconds(3).await;
    dash.keys("+++").await;
    seconds(2).await;
    let screen = dash.screen();
    assert!(screen.contains("▶ 10× 00:00:2"), "{screen}");
    dash.keys("<space>").await;
    assert_snapshot!(format!("replay_{width}x{height}"), dash.screen());
}

#[tokio::test(start_paused = true)]
async fn it_is_paused_wound_and_played_again() {
    let (_root, mut dash) = replaying(120, 40).await;
    seconds(3).await;
    dash.shows("▶ 1× 00:00:03/00:01:08");
    dash.keys("<space>").await;
    let frames = dash.frames();
    seconds(60).await;
    assert_eq!(dash.frames(), frames, "a pause draws nothing");
    dash.shows("PAUSED 00:00:03/00:01:08");
    dash.keys("<right><right>]]").await;
    dash.shows("PAUSED 00:00:44/");
    // Back within the cycle, then to its start, then to the one before.
    dash.keys("<right><left>").await;
    assert_snapshot!("replay_scrubbed_back", dash.screen());
    dash.keys("<right>[").await;
    dash.shows("PAUSED 00:00:44/");
    dash.keys("[").await;
    dash.shows("PAUSED 00:00:24/");
    dash.keys("<end>").await;
    dash.shows("END 00:01:08/00:01:08");
    dash.shows("space again");
    dash.keys("<home>").await;
    dash.shows("PAUSED 00:00:00/");
    dash.keys("<end><space>").await;
    dash.shows("▶ 1× 00:00:00/");
    dash.keys("+++++++++").await;
    dash.shows("▶ 100× ");
    seconds(2).await;
    dash.shows("END 00:01:08/");
    dash.keys("---------").await;
    assert_eq!(dash.commands(), [], "a replay asks the session for nothing");
}

#[tokio::test(start_paused = true)]
async fn the_verdict_follows_to_wherever_it_is_wound() {
    let mut judged = Vec::new();
    for script in ["<space>", "<end>", "<end><home>", "<end>[[", "<end>f[["] {
        let (_root, dash) = replaying(120, 40).await;
        dash.keys(script).await;
        dash.keys("q").await;
        let app = dash.end().await.unwrap();
        let reported = app.cx(Pane::Headline).verdict.clone();
        assert_eq!(reported, Verdict::from_cycles(app.shown(), &app.limits()));
        judged.push(reported.levels.len());
    }
    assert!(
        judged.contains(&0) && judged.iter().any(|levels| *levels > 1),
        "{judged:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn every_view_shows_the_replay() {
    let (_root, dash) = replaying(120, 40).await;
    dash.keys("<end>2").await;
    assert_snapshot!("replay_results", dash.screen());
    dash.keys("3").await;
    dash.shows("┌ Requests · 8 users");
    // The list of runs is a view like any other: the replay is still there after it.
    dash.keys("5").await;
    assert!(dash.screen().contains("┌ Runs") && dash.screen().contains(" REPLAY "));
    dash.keys("4").await;
    let screen = dash.screen();
    // Of the first cycle an answer was kept: it has a lane of its own.
    assert!(
        screen.contains("1 user") && screen.contains(" REPLAY "),
        "{screen}"
    );
    dash.keys("<home>").await;
    assert!(!dash.screen().contains("1 user "), "{}", dash.screen());
    // With the lanes in hand, space is theirs.
    dash.keys("<enter><space>").await;
    dash.shows("▶ 1×");
}

#[tokio::test(start_paused = true)]
async fn the_answer_that_was_kept_comes_as_it_came() {
    let (_root, dash) = replaying(120, 40).await;
    seconds(7).await;
    let screen = dash.screen();
    assert!(
        screen.contains("Time is what") && !screen.contains("reads."),
        "{screen}"
    );
    dash.keys("<end><left>]").await;
    let screen = dash.screen();
    assert!(
        screen.contains("the text of this request was not kept"),
        "{screen}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_run_goes_on_behind_a_replay() {
    let root = library();
    let mut dash = running(80, 24, options(root.path())).await;
    dash.keys("5j<enter>").await;
    let screen = dash.screen();
    for mark in ["SIMULATED", " REPLAY ", "● REC"] {
        assert!(screen.contains(mark), "{mark}: {screen}");
    }
    // What steers a run steers nothing here.
    dash.keys("nxrs m").await;
    assert_eq!(dash.commands(), []);
    dash.shows("no cycle yet");
    // It ends while nobody looks.
    dash.push(SessionEvent::Events(live::over())).await;
    let directory = Some(root.path().join(ID));
    dash.push(SessionEvent::Finished {
        directory,
        error: None,
        report: None,
    })
    .await;
    let screen = dash.screen();
    assert!(
        screen.contains("The run is over") && screen.contains(" REPLAY "),
        "{screen}"
    );
    assert!(!screen.contains("● REC"), "{screen}");
    dash.keys("<bs>1").await;
    let screen = dash.screen();
    assert!(
        screen.contains("ENDED 00:01:08") && screen.contains("users 8 ·"),
        "{screen}"
    );
    assert!(
        !screen.contains("REPLAY") && !screen.contains("SIMULATED"),
        "{screen}"
    );
}

#[tokio::test(start_paused = true)]
async fn leaving_asks_while_a_run_goes_on_behind() {
    let root = library();
    let mut dash = running(80, 24, options(root.path())).await;
    dash.keys("5j<enter>q").await;
    dash.shows("Stop the run and quit?");
    dash.keys("y").await;
    assert_eq!(dash.commands().len(), 1, "the run is stopped");
    assert!(dash.is_over());
}

#[tokio::test(start_paused = true)]
async fn a_run_that_starts_behind_a_replay_is_not_shown_before_it_is_left() {
    let (_root, dash) = replaying(80, 24).await;
    dash.push(SessionEvent::Events(live::running(true))).await;
    assert!(!dash.screen().contains("SIMULATED"), "{}", dash.screen());
    dash.keys("<esc>1").await;
    dash.shows("SIMULATED");
    dash.shows("users 8 ·");
}

#[tokio::test(start_paused = true)]
async fn a_run_that_was_broken_off_says_so_and_one_that_was_imported_too() {
    let root = library();
    let dash = ready(120, 40, options(root.path())).await;
    dash.keys("5jj<enter>").await;
    dash.shows("Incomplete: ");
    dash.keys("<esc>G<enter>").await;
    dash.shows("IMPORTED  REPLAY ");
}

#[tokio::test(start_paused = true)]
async fn the_replay_of_the_command_needs_no_server() {
    let root = library();
    let options = DashboardOptions {
        replay: Some(Box::new(open(&root.path().join(ID)).unwrap())),
        pace: 20.0,
        runs: None,
        ..options(root.path())
    };
    let mut dash = Dash::start(80, 24, options).await;
    assert_eq!(dash.commands(), []);
    seconds(1).await;
    let screen = dash.screen();
    assert!(screen.contains("▶ 20× 00:00:"), "{screen}");
    assert!(
        screen.contains("●     1"),
        "the first cycle is over: {screen}"
    );
    // Behind it there is nothing but the other runs.
    dash.keys("<esc>").await;
    dash.shows("Runs · 5");
    dash.keys("1").await;
    dash.shows("no run on the screen");
    dash.keys("<esc>j<enter>").await;
    dash.shows(" REPLAY ");
    dash.keys("q").await;
    assert!(dash.is_over(), "nothing is measured: it asks nothing");
}

#[tokio::test(start_paused = true)]
async fn deleting_the_replayed_run_ends_its_replay() {
    let (root, dash) = replaying(80, 24).await;
    dash.keys("5dy").await;
    assert!(!root.path().join(ID).exists());
    assert!(!dash.screen().contains("REPLAY"), "{}", dash.screen());
}

#[tokio::test(start_paused = true)]
async fn a_tiny_terminal_says_that_it_is_a_replay() {
    let (_root, dash) = replaying(80, 24).await;
    dash.resize(20, 5).await;
    dash.shows("REPLAY");
}
