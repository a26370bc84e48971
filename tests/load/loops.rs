//! Closed loops: who asks when, what, and on which connection.

use std::collections::{BTreeMap, BTreeSet};

use rstest::rstest;
use tokio_util::sync::CancellationToken;
use tokometer::event::{CycleEnd, EventKind, WarningKind};
use tokometer::load::Command;
use tokometer::plan::{CycleShape, Plan};

use crate::bench::{Bench, fast, is_end, outcome, plan, waves};
use crate::says::{HEAD, answer, begin, chunk, done, end, holding, say, token};
use crate::server::{Asked, Light, Manners, Server, Step, json};

#[tokio::test]
async fn a_slow_user_holds_nobody_back() {
    let (server, gate) = holding(1).await;
    let mut bench = Bench::at(&server.url()).await;
    bench.start(waves(5, &[3])).await;
    // Two users come through all their rounds while the third waits for its first answer.
    bench.until(10, is_end).await;
    let slow = server.asked()[0].connection;
    assert!(server.asked()[1..].iter().all(|a| a.connection != slow));
    assert_eq!(bench.started(), 11);
    gate.cancel();
    bench.end().await;
    let mut rounds: BTreeMap<u32, Vec<u32>> = BTreeMap::new();
    for record in bench.records() {
        rounds.entry(record.user).or_default().push(record.round);
    }
    let each = vec![0, 1, 2, 3, 4];
    assert_eq!(rounds, (0..3).map(|user| (user, each.clone())).collect());
}

#[tokio::test]
async fn prompts_are_taken_in_turn() {
    let server = Server::scripted(|_| vec![answer()]).await;
    let mut bench = Bench::at(&server.url()).await;
    let prompts: Vec<String> = ["a", "b", "c"].map(str::to_owned).to_vec();
    let plan = Plan {
        prompts: prompts.clone(),
        ..waves(3, &[2])
    };
    let records = bench.run(plan).await;
    for record in &records {
        assert_eq!(record.prompt, (record.round * 2 + record.user) % 3);
    }
    let mut text: Vec<String> = server.asked().iter().map(Asked::prompt).collect();
    text.sort();
    assert_eq!(text, ["a", "a", "b", "b", "c", "c"]);
}

#[tokio::test]
async fn a_user_holds_one_connection_over_its_rounds() {
    let server = Server::start(Manners {
        light: Light::Slowly,
        ..Manners::new(|_| vec![begin(), end()])
    })
    .await;
    let mut bench = Bench::at(&server.url()).await;
    let records = bench.run(waves(4, &[40])).await;
    assert_eq!((records.len(), server.connections()), (160, 40));
    assert!(
        records
            .iter()
            .all(|r| r.connect_us.is_none() && r.retries == Some(0))
    );
    let asked = server.asked();
    let held: BTreeSet<usize> = asked.iter().map(|a| a.connection).collect();
    assert_eq!(held.len(), 40);
    assert!(
        (1..=8).contains(&server.most_opening()),
        "{}",
        server.most_opening()
    );
    let opened = bench.events.iter().find_map(|event| match &event.what {
        EventKind::ConnectionsOpened {
            connect_us,
            failed: 0,
            ..
        } => Some(connect_us.len()),
        _ => None,
    });
    assert_eq!(opened, Some(40));
}

#[tokio::test]
async fn a_cycle_opens_its_own_connections() {
    let server = Server::scripted(|_| vec![answer()]).await;
    let mut bench = Bench::at(&server.url()).await;
    let plan = Plan {
        warmup: 2,
        ..plan(&[1, 3])
    };
    bench.run(plan).await;
    assert_eq!(server.connections(), 1 + 1 + 3);
}

#[tokio::test]
async fn a_cycle_of_a_duration_asks_until_it_is_over() {
    let server = Server::scripted(|_| vec![answer()]).await;
    let mut bench = Bench::at(&server.url()).await;
    let plan = Plan {
        shape: CycleShape::DurationS(1.0),
        ..plan(&[2])
    };
    let records = bench.run(plan).await;
    for user in 0..2 {
        let rounds: Vec<u32> = records
            .iter()
            .filter(|record| record.user == user)
            .map(|record| record.round)
            .collect();
        assert!(rounds.len() >= 2, "user {user}: {rounds:?}");
        assert_eq!(rounds, (0..).take(rounds.len()).collect::<Vec<u32>>());
    }
    assert!(records.iter().all(|record| outcome(record) == "done"));
    let cycle = &bench.state().cycles[0];
    assert!(cycle.ended.unwrap().since(cycle.opened.unwrap()) >= 1.0);
    assert_eq!(cycle.end, Some(CycleEnd::Done));
}

#[rstest]
#[case(256)]
#[case(1000)]
#[tokio::test]
async fn many_users_work(#[case] users: u32) {
    let mut bench = Bench::simulated(fast(&[]), None).await;
    let plan = Plan {
        max_tokens: Some(3),
        ..plan(&[users])
    };
    let records = bench.run(plan).await;
    assert_eq!(records.len(), usize::try_from(users).unwrap());
    assert!(records.iter().all(|record| outcome(record) == "done"));
    assert!(
        records
            .iter()
            .all(|r| r.connect_us.is_none() && r.retries == Some(0))
    );
    assert_eq!(bench.warnings(WarningKind::ConnectionsFailed), [""; 0]);
    assert_eq!(bench.state().cycles[0].connect_s.len(), records.len());
}

#[rstest]
#[case::never_answered(Light::Never)]
#[case::closed_after_it(Light::AndClose)]
#[tokio::test]
async fn a_server_that_is_short_with_light_requests_is_measured_all_the_same(#[case] light: Light) {
    let server = Server::start(Manners {
        light,
        ..Manners::new(|_| vec![answer()])
    })
    .await;
    let mut bench = Bench::at(&server.url()).await;
    let records = bench.run(waves(2, &[20])).await;
    assert_eq!(records.len(), 40);
    assert!(records.iter().all(|record| outcome(record) == "done"));
    // A connection that is closed behind its light answer may look open, and be stale.
    assert!(records.iter().all(|record| record.retries <= Some(1)));
    assert_eq!(bench.warnings(WarningKind::ConnectionsFailed), [""; 0]);
    let cycle = &bench.state().cycles[0];
    let took = cycle.opened.unwrap().since(cycle.started);
    assert!(took < 10.0, "{took} s: only the first few may wait");
}

#[tokio::test]
async fn a_server_that_closes_after_each_answer_is_connected_to_each_time() {
    let head = HEAD.replace("\r\n\r\n", "\r\nConnection: close\r\n\r\n");
    let whole = [
        head,
        chunk(token("Time")),
        chunk(done(1)),
        "0\r\n\r\n".into(),
    ]
    .concat();
    let server = Server::scripted(move |_| vec![say(&whole), Step::Close]).await;
    let mut bench = Bench::at(&server.url()).await;
    let records = bench.run(waves(4, &[2])).await;
    assert!(
        records
            .iter()
            .all(|r| outcome(r) == "done" && r.retries == Some(0))
    );
    assert!(
        records
            .iter()
            .all(|r| r.connect_us.is_some() == (r.round > 0))
    );
    assert_eq!(server.connections(), 8);
}

/// What the server does about a kept connection before it reads the second request.
#[rstest]
#[case::closed_idle(Step::Close)]
#[case::reset_idle(Step::Reset)]
#[case::told_off_idle(Step::Say(json(408, "")))]
#[tokio::test]
async fn a_connection_gone_stale_while_idle_is_tried_once_more_and_counted(#[case] leaves: Step) {
    let (first, idle) = (CancellationToken::new(), CancellationToken::new());
    let (opens, left) = (first.clone(), idle.clone());
    let server = Server::scripted(move |asked| match asked.number {
        0 => vec![
            Step::Await(opens.clone()),
            answer(),
            Step::Await(left.clone()),
            leaves.clone(),
            Step::Close,
        ],
        _ => vec![answer()],
    })
    .await;
    let mut bench = Bench::at(&server.url()).await;
    bench.start(waves(2, &[1])).await;
    server.was_asked(1).await;
    // Paused between two rounds, the user holds its connection and does not look at it.
    bench.pause().await;
    first.cancel();
    bench.until(1, is_end).await;
    idle.cancel();
    bench.some_progress(2).await;
    bench.command(Command::TogglePause).await;
    bench.end().await;
    let records = bench.records();
    assert_eq!(outcome(&records[1]), "done", "{:?}", records[1].outcome);
    assert_eq!((records[0].retries, records[1].retries), (Some(0), Some(1)));
    assert!(records[1].connect_us.is_some());
    assert_eq!((server.connections(), server.asked().len()), (2, 2));
}

#[rstest]
#[case::closed(Step::Close)]
#[case::reset(Step::Reset)]
#[tokio::test]
async fn a_kept_connection_that_breaks_before_a_byte_is_tried_once_more(#[case] breaks: Step) {
    let server = Server::scripted(move |asked| match asked.number {
        1 => vec![breaks.clone()],
        _ => vec![answer()],
    })
    .await;
    let mut bench = Bench::at(&server.url()).await;
    let records = bench.run(waves(3, &[1])).await;
    assert!(records.iter().all(|record| outcome(record) == "done"));
    let retries: Vec<u32> = records.iter().filter_map(|record| record.retries).collect();
    assert_eq!(retries, [0, 1, 0]);
    assert_eq!((server.asked().len(), server.connections()), (4, 2));
    let started = bench.started();
    assert_eq!(started, 3, "a second try is the same request");
}

#[tokio::test]
async fn half_a_head_is_no_stale_connection() {
    let server = Server::scripted(|asked| match asked.number {
        1 => vec![say("HTTP/1.1 200 O"), Step::Close],
        _ => vec![answer()],
    })
    .await;
    let mut bench = Bench::at(&server.url()).await;
    let records = bench.run(waves(2, &[1])).await;
    assert_eq!(outcome(&records[1]), "reset");
    assert_eq!(records[1].retries, Some(0), "a byte was read");
}

#[tokio::test]
async fn a_body_kept_open_after_the_final_chunk_is_an_answer_without_a_successor() {
    let server = Server::scripted(|_| {
        let open = [HEAD.to_owned(), chunk(token("Time")), chunk(done(1))].concat();
        vec![say(open), Step::Hang]
    })
    .await;
    let mut bench = Bench::at(&server.url()).await;
    let records = bench.run(waves(2, &[1])).await;
    assert!(records.iter().all(|record| outcome(record) == "done"));
    // The end of the answer is its final chunk, not the wait for the end of the body.
    assert!(records[0].ended == records[0].last_token.unwrap());
    assert!(records[1].sent.since(records[0].ended) >= 0.5);
    assert_eq!(server.connections(), 2);
    server.was_left(2).await;
}

#[rstest]
#[case::on(true, 1)]
#[case::off(false, 3)]
#[tokio::test]
async fn hopeless_levels_are_left_out_where_that_is_wanted(
    #[case] stop_when_hopeless: bool,
    #[case] cycles: usize,
) {
    let busy = || vec![Step::Say(json(503, r#"{"error":"server busy"}"#))];
    let server = Server::scripted(move |_| busy()).await;
    let mut bench = Bench::at(&server.url()).await;
    let plan = Plan {
        stop_when_hopeless,
        ..plan(&[2, 4, 8])
    };
    bench.run(plan).await;
    let state = bench.state();
    assert_eq!(state.cycles.len(), cycles);
    let warnings = bench.warnings(WarningKind::Hopeless);
    assert_eq!(warnings.len(), usize::from(stop_when_hopeless));
    if let Some(warning) = warnings.first() {
        assert!(
            warning
                .starts_with("levels 4, 8 skipped: at 2 users 2 of 2 requests failed (HTTP 503)"),
            "{warning}"
        );
        let none = EventKind::LevelsChanged { upcoming: vec![] };
        assert_eq!(bench.count(|what| *what == none), 1);
    }
}
