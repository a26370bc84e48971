//! What keys, the mouse, signals and news do.

use std::time::Duration;

use crossterm::event::{Event, KeyModifiers, MouseButton, MouseEvent, MouseEventKind};
use insta::assert_snapshot;
use tokio::time::sleep;
use tokometer::dialect::Discovery;
use tokometer::event::{EventKind, Route};
use tokometer::load::Command;
use tokometer::plan::{Plan, SettlePlan};
use tokometer::session::{AnswerText, SessionCommand, SessionEvent};
use tokometer::tui::layout::{Pane, View};
use tokometer::tui::panes::requests_view::RequestSort;
use tokometer::tui::{DashboardOptions, Exit, UiError};

use crate::fixture::{Dash, ready, running};
use crate::live;

fn click(column: u16, row: u16, kind: MouseEventKind) -> Event {
    Event::Mouse(MouseEvent {
        kind,
        column,
        row,
        modifiers: KeyModifiers::NONE,
    })
}

const PRESS: MouseEventKind = MouseEventKind::Down(MouseButton::Left);

#[tokio::test(start_paused = true)]
async fn it_looks_for_a_server_and_offers_the_simulated_one() {
    let mut dash = Dash::start(80, 24, DashboardOptions::default()).await;
    assert_eq!(dash.commands(), [SessionCommand::Search]);
    let url = "http://127.0.0.1:11434".to_owned();
    let at = Some(url.clone());
    dash.push(SessionEvent::Searching { url: at }).await;
    assert_snapshot!("searching", dash.screen());
    let tried = vec![(url, "connection refused".to_owned())];
    dash.push(SessionEvent::NotFound { tried }).await;
    assert_snapshot!("not_found", dash.screen());
    for key in ["r", "<enter>"] {
        dash.keys(key).await;
        assert_eq!(dash.commands(), [SessionCommand::Search]);
        let tried = Vec::new();
        dash.push(SessionEvent::NotFound { tried }).await;
    }
    dash.keys("m").await;
    assert_eq!(dash.commands(), [SessionCommand::Simulate]);
    dash.push(SessionEvent::Found(live::server(true))).await;
    assert!(dash.screen().contains("SIMULATED"));
}

#[tokio::test(start_paused = true)]
async fn ready_says_what_a_server_is_asked_that_may_be_paid_for() {
    let options = DashboardOptions {
        plan: Plan {
            settle: Some(SettlePlan::default()),
            ..Plan::default()
        },
        ..DashboardOptions::default()
    };
    let dash = Dash::start(80, 24, options).await;
    let far = Discovery {
        url: "http://api.example.com".to_owned(),
        ..live::server(false)
    };
    dash.push(SessionEvent::Found(far)).await;
    assert_snapshot!("ready_far_away", dash.screen());
    dash.push(SessionEvent::Found(live::server(false))).await;
    assert!(!dash.screen().contains("spends"), "{}", dash.screen());
}

#[tokio::test(start_paused = true)]
async fn a_certificate_that_is_not_checked_and_a_proxy_are_marked() {
    let dash = ready(80, 24, DashboardOptions::default()).await;
    for mark in ["UNCHECKED", "PROXY"] {
        assert!(!dash.screen().contains(mark), "{}", dash.screen());
    }
    let marked = Discovery {
        url: "https://box".to_owned(),
        route: Route {
            is_unchecked: true,
            proxy: Some("http://proxy:3128".to_owned()),
            http2: false,
        },
        ..live::server(false)
    };
    dash.push(SessionEvent::Found(marked)).await;
    let first = dash.screen().lines().next().unwrap().to_owned();
    assert!(first.contains("UNCHECKED PROXY"), "{first}");
}

#[tokio::test(start_paused = true)]
async fn ready_shows_models_and_plan_and_enter_starts_the_chosen_one() {
    let mut dash = ready(80, 24, DashboardOptions::default()).await;
    assert_snapshot!("ready", dash.screen());
    dash.resize(120, 40).await;
    assert_snapshot!("ready_120x40", dash.screen());
    dash.keys("j<enter>").await;
    let commands = dash.commands();
    let [SessionCommand::Start { plan, model }] = commands.as_slice() else {
        panic!("{commands:?}");
    };
    assert_eq!(model.name, "llama3.2:latest");
    assert_eq!(**plan, DashboardOptions::default().plan);
}

#[tokio::test(start_paused = true)]
async fn the_simulated_server_is_asked_for_at_once_with_sim() {
    let options = DashboardOptions {
        simulated: true,
        ..DashboardOptions::default()
    };
    let mut dash = Dash::start(80, 24, options).await;
    assert_eq!(dash.commands(), [SessionCommand::Simulate]);
    assert!(dash.screen().contains("SIMULATED"));
}

#[tokio::test(start_paused = true)]
async fn a_model_that_is_not_there_is_offered_for_download() {
    let options = DashboardOptions {
        model: Some("qwen3:8b".to_owned()),
        ..DashboardOptions::default()
    };
    let mut dash = ready(80, 24, options).await;
    assert_snapshot!("missing_model", dash.screen());
    dash.keys("d").await;
    assert_eq!(
        dash.commands(),
        [SessionCommand::Pull("qwen3:8b".to_owned())]
    );
    dash.push(SessionEvent::Pulling {
        model: "qwen3:8b".to_owned(),
        status: "pulling a3de86cd1c13".to_owned(),
        bytes: Some((1_300_000_000, 5_200_000_000)),
    })
    .await;
    assert_snapshot!("pulling", dash.screen());
    dash.push(SessionEvent::Pulled(Err("disk full".to_owned())))
        .await;
    assert!(dash.screen().contains("disk full"));
    dash.push(SessionEvent::Pulled(Ok(()))).await;
    let mut server = live::server(false);
    server.models[1].name = "qwen3:8b".to_owned();
    dash.push(SessionEvent::Found(server)).await;
    dash.keys("<enter>").await;
    let commands = dash.commands();
    assert!(
        matches!(&commands[..], [SessionCommand::Start { model, .. }] if model.name == "qwen3:8b")
    );
}

#[tokio::test(start_paused = true)]
async fn a_server_without_models_says_how_to_get_one() {
    let mut dash = Dash::start(80, 24, DashboardOptions::default()).await;
    let mut server = live::server(false);
    server.models.clear();
    dash.push(SessionEvent::Found(server)).await;
    dash.commands();
    dash.keys("<enter>").await;
    assert_eq!(dash.commands(), []);
    assert_snapshot!("no_models", dash.screen());
}

#[tokio::test(start_paused = true)]
async fn keys_tell_the_run_what_to_do() {
    let mut dash = running(80, 24, DashboardOptions::default()).await;
    dash.keys("<space>nr").await;
    let reported = [Command::TogglePause, Command::Skip, Command::Repeat];
    assert_eq!(dash.commands(), reported.map(SessionCommand::Run));
    assert!(!dash.screen().contains("PAUSED"));
    dash.push(SessionEvent::Events(vec![live::event(
        68_000,
        EventKind::Paused,
    )]))
    .await;
    assert!(dash.screen().contains("PAUSED"));
    assert!(dash.screen().contains("space continue"));
    dash.keys("x").await;
    assert_snapshot!("stop_80x24", dash.screen());
    dash.keys("n").await;
    assert_eq!(dash.commands(), []);
    dash.keys("xy").await;
    assert_eq!(dash.commands(), [SessionCommand::Run(Command::Stop)]);
}

#[tokio::test(start_paused = true)]
async fn levels_are_added_and_removed_by_a_prompt() {
    let mut dash = running(80, 24, DashboardOptions::default()).await;
    dash.keys("+").await;
    assert_snapshot!("add_level_80x24", dash.screen());
    dash.keys("<enter>").await;
    assert_eq!(
        dash.commands(),
        [SessionCommand::Run(Command::AddLevel(64))]
    );
    dash.keys("+16<enter>").await;
    assert_eq!(dash.commands(), [], "it is to come already");
    assert!(dash.screen().contains("Level 16 is already queued"));
    dash.keys("+24<enter>").await;
    assert_eq!(
        dash.commands(),
        [SessionCommand::Run(Command::AddLevel(24))]
    );
    dash.keys("+<bs><bs><enter>").await;
    assert_eq!(dash.commands(), [], "a level of nobody is no level");
    dash.keys("<up><up><enter>").await;
    assert_eq!(dash.commands(), [SessionCommand::Run(Command::AddLevel(2))]);
    dash.keys("-<down><enter>").await;
    assert_eq!(
        dash.commands(),
        [SessionCommand::Run(Command::RemoveLevel(16))]
    );
    dash.keys("-<enter>").await;
    assert_eq!(
        dash.commands(),
        [SessionCommand::Run(Command::RemoveLevel(32))]
    );
    dash.keys("+<esc>").await;
    assert_eq!(dash.commands(), []);
}

#[tokio::test(start_paused = true)]
async fn quitting_asks_while_a_run_goes_on() {
    let mut dash = running(80, 24, DashboardOptions::default()).await;
    dash.keys("q").await;
    assert!(!dash.is_over());
    dash.keys("<esc>q<enter>").await;
    assert_eq!(dash.commands(), [SessionCommand::Run(Command::Stop)]);
    assert_eq!(dash.end().await.unwrap().exit(), Some(Exit::Quit));
    let dash = ready(80, 24, DashboardOptions::default()).await;
    dash.keys("q").await;
    assert_eq!(dash.end().await.unwrap().exit(), Some(Exit::Quit));
}

#[tokio::test(start_paused = true)]
async fn control_c_and_signals_leave_without_a_question() {
    let mut dash = running(80, 24, DashboardOptions::default()).await;
    dash.keys("q<c-c>").await;
    assert_eq!(dash.commands(), [SessionCommand::Run(Command::Signal(2))]);
    assert_eq!(dash.end().await.unwrap().exit(), Some(Exit::Signal(2)));
    let mut dash = running(80, 24, DashboardOptions::default()).await;
    dash.signal(15).await;
    assert_eq!(dash.commands(), [SessionCommand::Run(Command::Signal(15))]);
    assert_eq!(dash.end().await.unwrap().exit(), Some(Exit::Signal(15)));
}

#[tokio::test(start_paused = true)]
async fn a_terminal_that_is_gone_ends_it() {
    let mut dash = running(80, 24, DashboardOptions::default()).await;
    dash.close_input().await;
    sleep(Duration::from_secs(1)).await;
    assert!(matches!(dash.end().await, Err(UiError::Closed)));
    let mut dash = running(80, 24, DashboardOptions::default()).await;
    dash.fail_input(std::io::Error::other("gone")).await;
    sleep(Duration::from_secs(1)).await;
    assert!(matches!(dash.end().await, Err(UiError::Input(_))));
}

#[tokio::test(start_paused = true)]
async fn a_hang_up_is_a_signal_even_where_the_terminal_goes_first() {
    let mut dash = running(80, 24, DashboardOptions::default()).await;
    dash.commands();
    dash.fail_input(std::io::Error::other("gone")).await;
    assert!(!dash.is_over());
    dash.signal(1).await;
    assert_eq!(dash.commands(), [SessionCommand::Run(Command::Signal(1))]);
    assert_eq!(dash.end().await.unwrap().exit(), Some(Exit::Signal(1)));
}

#[tokio::test(start_paused = true)]
async fn a_session_that_is_gone_is_told_of() {
    let mut dash = running(80, 24, DashboardOptions::default()).await;
    dash.drop_news().await;
    assert!(dash.screen().contains("has ended"), "{}", dash.screen());
    let before = dash.frames();
    sleep(Duration::from_mins(1)).await;
    assert_eq!(dash.frames(), before, "and it does not spin");
    dash.keys("q").await;
    assert_eq!(dash.end().await.unwrap().exit(), Some(Exit::Quit));
}

#[tokio::test(start_paused = true)]
async fn a_session_that_does_not_listen_holds_nothing_up() {
    let mut dash = running(80, 24, DashboardOptions::default()).await;
    for _ in 0..100 {
        dash.keys("nr").await;
    }
    dash.keys("?").await;
    assert!(dash.screen().contains("Keys"));
    dash.keys("?q<enter>").await;
    sleep(Duration::from_secs(2)).await;
    assert!(dash.is_over(), "the last ask waits a second, no more");
    assert_eq!(dash.commands().len(), 64);
}

#[tokio::test(start_paused = true)]
async fn the_answer_of_the_shown_request_is_asked_for() {
    let mut dash = ready(120, 40, DashboardOptions::default()).await;
    dash.keys("<enter>").await;
    dash.push(SessionEvent::Events(live::running(false))).await;
    let commands = dash.commands();
    assert!(commands.contains(&SessionCommand::Watch(8)), "{commands:?}");
    dash.keys("jj").await;
    let watched = [9, 10].map(SessionCommand::Watch);
    assert_eq!(dash.commands(), watched);
    let parts = |text: &str| vec![(true, text.to_owned())];
    for (restart, text) in [(true, "Okay, "), (false, "so I need")] {
        dash.push(SessionEvent::Answer(AnswerText {
            id: 10,
            restart,
            parts: parts(text),
        }))
        .await;
    }
    dash.push(SessionEvent::Answer(AnswerText {
        id: 9,
        restart: false,
        parts: parts("too late"),
    }))
    .await;
    dash.keys("q<enter>").await;
    let app = dash.end().await.unwrap();
    let answer = app.cx(Pane::Answer).answer.unwrap().clone();
    assert_eq!(answer.parts, parts("Okay, so I need"));
}

#[tokio::test(start_paused = true)]
async fn a_frozen_view_stands_still_while_the_run_goes_on() {
    let dash = running(120, 40, DashboardOptions::default()).await;
    dash.keys("f").await;
    let before = dash.screen();
    assert!(before.contains("FROZEN"));
    dash.push(SessionEvent::Events(live::over())).await;
    let body = |screen: &str| screen.lines().skip(1).collect::<Vec<_>>().join("\n");
    assert_eq!(body(&dash.screen()), body(&before));
    dash.keys("f").await;
    assert!(!dash.screen().contains("FROZEN"));
}

#[tokio::test(start_paused = true)]
async fn a_rest_counts_down_and_an_idle_screen_is_not_drawn() {
    let dash = ready(80, 24, DashboardOptions::default()).await;
    let before = dash.frames();
    sleep(Duration::from_mins(1)).await;
    assert_eq!(dash.frames(), before, "an idle dashboard draws nothing");
    dash.keys("<enter>").await;
    dash.push(SessionEvent::Events(live::resting())).await;
    assert!(dash.screen().contains("RESTING 10 s, then 2"));
    let before = dash.frames();
    sleep(Duration::from_secs(4)).await;
    assert!(dash.screen().contains("RESTING 6 s"), "{}", dash.screen());
    assert_eq!(dash.frames() - before, 4, "one frame a second");
    let error = Some("the server is gone".to_owned());
    let directory = None;
    dash.push(SessionEvent::Finished {
        directory,
        error,
        report: None,
    })
    .await;
    assert!(dash.screen().contains("the server is gone"));
    let before = dash.frames();
    sleep(Duration::from_mins(1)).await;
    assert_eq!(dash.frames(), before, "nothing runs, nothing is drawn");
}

#[tokio::test(start_paused = true)]
async fn a_flood_of_news_is_drawn_thirty_times_a_second_and_keys_get_through() {
    let dash = running(80, 24, DashboardOptions::default()).await;
    let before = dash.frames();
    for millis in 0..1000 {
        let events = vec![live::event(
            68_000 + millis,
            live::running(false)[2].what.clone(),
        )];
        dash.send(SessionEvent::Events(events)).await;
        sleep(Duration::from_millis(1)).await;
    }
    let drawn = dash.frames() - before;
    assert!((25..=31).contains(&drawn), "{drawn} frames in a second");
    // A second's worth at once, then a key: it is answered within a frame's time.
    for _ in 0..50 {
        let news = SessionEvent::Events(live::running(false));
        dash.send(news).await;
    }
    dash.keys("?").await;
    assert!(dash.screen().contains("Keys"));
}

#[tokio::test(start_paused = true)]
async fn a_run_that_is_over_can_be_run_again() {
    let mut dash = running(80, 24, DashboardOptions::default()).await;
    dash.keys("x").await;
    dash.push(SessionEvent::Events(live::over())).await;
    let directory = Some("/runs/2026-11-21T16-02-11_deepseek-r1-7b".into());
    let error = None;
    dash.push(SessionEvent::Finished {
        directory,
        error,
        report: None,
    })
    .await;
    assert_snapshot!("over_80x24", dash.screen());
    dash.keys("<enter>").await;
    assert_eq!(dash.commands(), [], "it asks first");
    dash.keys("y").await;
    assert!(matches!(
        &dash.commands()[..],
        [SessionCommand::Start { .. }]
    ));
    dash.push(SessionEvent::Events(vec![live::started(false)]))
        .await;
    dash.keys("q<enter>").await;
    let app = dash.end().await.unwrap();
    assert!(app.run().cycles.is_empty(), "the new run begins afresh");
}

#[tokio::test(start_paused = true)]
async fn the_mouse_selects_and_scrolls_unless_it_is_off() {
    for mouse in [true, false] {
        let options = DashboardOptions {
            mouse,
            ..DashboardOptions::default()
        };
        let mut dash = running(120, 40, options).await;
        // The second row of the requests: below the headline (1–8) and the cycles.
        dash.keys("<esc>").await;
        let row = dash.row_of("Requests");
        dash.input(click(5, row + 3, PRESS)).await;
        let expected: &[SessionCommand] = if mouse {
            &[SessionCommand::Watch(9)]
        } else {
            &[]
        };
        assert_eq!(dash.commands(), expected);
        dash.input(click(5, row + 3, MouseEventKind::ScrollDown))
            .await;
        assert_eq!(dash.commands().len(), usize::from(mouse));
        let row = dash.row_of("Cycles");
        dash.input(click(5, row + 2, PRESS)).await;
        dash.keys("q<enter>").await;
        let app = dash.end().await.unwrap();
        let shown = if mouse { 0 } else { 3 };
        assert_eq!(app.shown_cycle_index(), Some(shown));
        assert_eq!(app.focus() == Pane::Cycles, mouse);
    }
}

#[tokio::test(start_paused = true)]
async fn the_focus_goes_round_and_the_order_changes() {
    let dash = running(80, 24, DashboardOptions::default()).await;
    dash.keys("pp<s-tab>").await;
    dash.keys("3oO").await;
    dash.keys("q<enter>").await;
    let app = dash.end().await.unwrap();
    assert_eq!(app.view(), View::Requests);
    assert_eq!(app.focus(), Pane::RequestTable);
    assert_eq!(app.sort().by, RequestSort::Id);
    assert!(app.sort().descending);
}

#[tokio::test(start_paused = true)]
async fn the_histogram_shows_first_tokens_or_first_bytes() {
    let dash = running(120, 40, DashboardOptions::default()).await;
    assert!(dash.screen().contains("Wait (TTFT)"));
    dash.keys("b").await;
    assert!(dash.screen().contains("First byte (TTFB)"));
    assert!(!dash.screen().contains("Wait (TTFT)"));
    dash.keys("b").await;
    assert!(dash.screen().contains("Wait (TTFT)"));
}

#[tokio::test(start_paused = true)]
async fn of_several_servers_the_next_is_used_by_a_key() {
    let mut dash = ready(100, 30, DashboardOptions::default()).await;
    dash.commands();
    dash.keys("u").await;
    assert_eq!(dash.commands(), [], "there is but one");
    let at = |port: u16| Discovery {
        url: format!("http://127.0.0.1:{port}"),
        ..live::server(false)
    };
    let servers = vec![at(8000), at(8080)];
    dash.push(SessionEvent::Servers(servers)).await;
    dash.push(SessionEvent::Found(at(8080))).await;
    assert!(
        dash.screen().contains("2 of 2, u next"),
        "{}",
        dash.screen()
    );
    dash.commands();
    dash.keys("u").await;
    let first = SessionCommand::Use("http://127.0.0.1:8000".to_owned());
    assert_eq!(dash.commands(), [first]);
    let loading = Discovery {
        is_loading: true,
        models: Vec::new(),
        ..at(8000)
    };
    dash.push(SessionEvent::Found(loading)).await;
    for words in ["1 of 2, u next", "still loading its model"] {
        assert!(dash.screen().contains(words), "{words}: {}", dash.screen());
    }
}
