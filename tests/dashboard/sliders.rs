//! Limits after the fact, in the dashboard: live, of a run that is over, in a replay.

use std::time::Duration;

use insta::assert_snapshot;
use rstest::rstest;
use tokio::time::sleep;
use tokometer::metrics::verdict::Verdict;
use tokometer::plan::Limits;
use tokometer::session::SessionEvent;
use tokometer::tui::DashboardOptions;

use crate::fixture::{Dash, ready, running};
use crate::library::{library, options};
use crate::live;

async fn over(width: u16, height: u16) -> Dash {
    let dash = running(width, height, DashboardOptions::default()).await;
    dash.push(SessionEvent::Events(live::over())).await;
    dash.finish().await;
    // The cycle of 4 users: the last one has no request that ended.
    dash.keys("h").await;
    dash
}

#[rstest]
#[case(60, 16)]
#[case(80, 24)]
#[case(120, 40)]
#[tokio::test(start_paused = true)]
async fn the_sliders_lie_over_the_run(#[case] width: u16, #[case] height: u16) {
    let dash = running(width, height, DashboardOptions::default()).await;
    dash.keys("Lj<right><right>").await;
    assert_snapshot!(format!("sliders_{width}x{height}"), dash.screen());
}

#[tokio::test(start_paused = true)]
async fn the_verdict_and_the_colors_follow_at_once() {
    let dash = over(120, 40).await;
    dash.shows("verdict: ");
    dash.shows("≥ 19.9");
    dash.keys("Lj<right><right>").await;
    dash.shows("≥ 22 tok/s");
    dash.shows("what if: ");
    // The answers come at 20 tokens a second: none is quick enough now.
    dash.keys("<enter>").await;
    dash.shows("what if: nobody");
    dash.shows("✘ 0 of 4 ≥ 22");
    // The keys are those of the run again, and the limits stay.
    dash.keys("2").await;
    dash.shows("≥ 22 tok/s: nobody");
    dash.keys("q").await;
    let app = dash.end().await.unwrap();
    let limits = Limits {
        speed_tok_s: 22.0,
        ..Limits::default()
    };
    assert_eq!(app.limits(), limits);
    assert_eq!(app.plan().limits, Limits::default());
    let cx = app.cx(tokometer::tui::layout::Pane::Headline);
    assert_eq!(cx.verdict, &Verdict::from_cycles(app.run(), &limits));
}

#[tokio::test(start_paused = true)]
async fn escape_restores_what_was_before_and_r_the_limits_of_the_run() {
    let dash = over(120, 40).await;
    dash.keys("Lj<right><right><enter>").await;
    dash.shows("what if: ");
    dash.keys("L<left><left>j<left><esc>").await;
    dash.shows("✘ 0 of 4 ≥ 22");
    dash.keys("Lr").await;
    dash.shows("≥ 19.9 tok/s");
    dash.keys("<enter>").await;
    dash.shows("verdict: ");
    dash.keys("LLL<right><esc>").await;
    dash.shows("verdict: ");
}

#[tokio::test(start_paused = true)]
async fn a_replay_has_limits_of_its_own() {
    let root = library();
    let dash = ready(120, 40, options(root.path())).await;
    dash.keys("5<enter>").await;
    sleep(Duration::from_secs(3)).await;
    dash.keys("<space><end>hLj<right><right><enter>").await;
    dash.shows("what if: ");
    dash.shows("✘ 0 of 4 ≥ 22");
    // The limits stay while the replay is wound.
    dash.keys("<home>]").await;
    dash.shows("what if: ");
}
