//! A run that finds its levels by itself, while it does: the bracket around the answer.

use insta::assert_snapshot;
use rstest::rstest;
use tokometer::event::{CycleEnd, Event, EventKind};
use tokometer::plan::{Plan, SettlePlan};
use tokometer::session::SessionEvent;
use tokometer::tui::DashboardOptions;

use crate::fixture::{Dash, ready};
use crate::story::{Story, info};
use crate::uneven::keep_asking;

/// Sketched up to 8 users, then 6; 5 users are being asked.
fn settling() -> Story {
    let mut info = info(false);
    info.plan.settle = Some(SettlePlan::default());
    let mut story = Story::new(info);
    for (users, good, requests) in [(1, 10, 40), (2, 10, 8), (4, 10, 80), (8, 2, 40), (6, 4, 60)] {
        keep_asking(&mut story, users, good, requests);
        story.close(CycleEnd::Done);
        story.rest(1.0, 5);
    }
    keep_asking(&mut story, 5, 8, 40);
    story
}

async fn shown(width: u16, height: u16, events: Vec<Event>) -> Dash {
    let options = DashboardOptions {
        plan: Plan {
            settle: Some(SettlePlan::default()),
            ..Plan::default()
        },
        ..DashboardOptions::default()
    };
    let dash = ready(width, height, options).await;
    dash.keys("<enter>").await;
    dash.push(SessionEvent::Events(events)).await;
    dash
}

#[rstest]
#[case(120, 40)]
#[case(80, 24)]
#[case(60, 16)]
#[tokio::test(start_paused = true)]
async fn the_levels_around_the_answer(#[case] width: u16, #[case] height: u16) {
    let dash = shown(width, height, settling().events).await;
    assert_snapshot!(format!("bracket_{width}x{height}"), dash.screen());
}

#[tokio::test(start_paused = true)]
async fn while_the_server_is_away_the_level_that_comes_next_is_shown() {
    let mut story = settling();
    story.close(CycleEnd::ServerGone);
    story.push(EventKind::ServerGone { patience_s: 120.0 });
    let dash = shown(80, 24, story.events).await;
    assert_snapshot!("bracket_server_gone_80x24", dash.screen());
    dash.resize(60, 16).await;
    dash.shows("then 5 users");
}

#[tokio::test(start_paused = true)]
async fn once_both_limits_are_settled_the_other_one_is_the_question() {
    let mut story = settling();
    story.close(CycleEnd::Done);
    keep_asking(&mut story, 16, 0, 40);
    let dash = shown(120, 40, story.events).await;
    // All waits are short.
    dash.shows(" wait ✔ 1 2 4 5  ? 6 likely  ? 8 16 unsure · asking 16");
}

#[tokio::test(start_paused = true)]
async fn a_planned_run_and_one_that_is_over_have_no_such_line() {
    let mut story = settling();
    story.close(CycleEnd::Done);
    let why = tokometer::event::RunEnd::Done;
    story.push(EventKind::RunEnded { why });
    let over = shown(80, 24, story.events).await;
    assert!(!over.screen().contains("asking"), "{}", over.screen());
    let planned = crate::fixture::running(80, 24, DashboardOptions::default()).await;
    assert!(!planned.screen().contains("asking"), "{}", planned.screen());
}
