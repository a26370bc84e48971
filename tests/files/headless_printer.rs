//! What a run without a dashboard prints, and how it ends.

use tokio::sync::mpsc;
use tokometer::dialect::{Discovery, Ollama};
use tokometer::event::Model;
use tokometer::event::{EventKind, RunEnd};
use tokometer::headless;
use tokometer::headless::HeadlessOptions;
use tokometer::load::Command;
use tokometer::metrics::state::RunState;
use tokometer::metrics::summary::Summary;
use tokometer::plan::{Plan, SettlePlan};
use tokometer::session::{SessionCommand, SessionEvent};

use crate::measured::measured;
use crate::{small_run, story};

struct Printed {
    code: u8,
    out: String,
    err: String,
    commands: Vec<SessionCommand>,
}

fn options() -> HeadlessOptions {
    HeadlessOptions {
        plan: Plan {
            levels: vec![1, 2],
            ..Plan::default()
        },
        model: None,
        simulate: false,
        json: false,
        pull: false,
        resume: None,
        address_source: Some("OLLAMA_HOST"),
    }
}

fn found(simulated: bool) -> SessionEvent {
    let target = story::info(simulated).target;
    let other = Model {
        name: "qwen3:\u{1b}[5m4b".to_owned(),
        ..Model::default()
    };
    SessionEvent::Found(Discovery {
        is_loading: false,
        dialect: &Ollama,
        url: target.url,
        server: target.server,
        slots: target.slots,
        simulated,
        route: tokometer::event::Route::default(),
        models: vec![target.model, other],
    })
}

fn finished(error: Option<&str>) -> SessionEvent {
    SessionEvent::Finished {
        directory: Some("/runs/2026-11-21T16-02-11_deepseek-r1-7b".into()),
        error: error.map(str::to_owned),
        report: None,
    }
}

fn whole(simulated: bool) -> Vec<SessionEvent> {
    let searching = SessionEvent::Searching {
        url: Some("http://127.0.0.1:11434".to_owned()),
    };
    let events = small_run::run(simulated);
    let batches = events
        .chunks(7)
        .map(|batch| SessionEvent::Events(batch.to_vec()));
    let mut events = vec![searching, found(simulated)];
    events.extend(batches);
    events.push(finished(None));
    events
}

async fn print_to(
    out: &mut dyn std::io::Write,
    options: HeadlessOptions,
    events: Vec<SessionEvent>,
) -> Printed {
    let (event_sender, event_receiver) = mpsc::channel(events.len().max(1));
    let (command_sender, mut command_receiver) = mpsc::channel(16);
    for one in events {
        event_sender.send(one).await.unwrap();
    }
    drop(event_sender);
    let mut err = Vec::new();
    let code = headless::run(event_receiver, command_sender, options, out, &mut err).await;
    let mut commands = Vec::new();
    while let Some(ask) = command_receiver.recv().await {
        commands.push(ask);
    }
    let err = String::from_utf8(err).unwrap();
    let out = String::new();
    Printed {
        code,
        out,
        err,
        commands,
    }
}

async fn print(options: HeadlessOptions, events: Vec<SessionEvent>) -> Printed {
    let mut out = Vec::new();
    let printed = print_to(&mut out, options, events).await;
    let out = String::from_utf8(out).unwrap();
    for text in [&out, &printed.err] {
        assert!(
            text.chars().all(|c| c == '\n' || !c.is_control()),
            "{text:?}"
        );
    }
    Printed { out, ..printed }
}

#[tokio::test]
async fn golden() {
    let printed = print(options(), whole(false)).await;
    assert_eq!((printed.code, printed.err.as_str()), (0, ""));
    assert!(!printed.out.contains("SIMULATED"));
    insta::assert_snapshot!(printed.out);
}

#[tokio::test]
async fn what_was_measured_is_told() {
    let mut events = measured(false);
    let idle = EventKind::IdleStarted { seconds: 10.0 };
    events.insert(1, story::event(0.1, idle));
    let events = vec![found(false), SessionEvent::Events(events), finished(None)];
    let printed = print(options(), events).await;
    let reported = |word: &&str| {
        ["idle", "watts", "200.0", "one user"]
            .iter()
            .any(|w| word.contains(w))
    };
    let lines: Vec<&str> = printed.out.lines().filter(reported).collect();
    insta::assert_snapshot!(lines.join("\n"));
}

#[tokio::test]
async fn says_simulated() {
    let simulate = HeadlessOptions {
        simulate: true,
        ..options()
    };
    let mut events = whole(true);
    // A real server that answers meanwhile is not the one that was asked for.
    events.insert(0, found(false));
    let printed = print(simulate, events).await;
    assert_eq!(printed.code, 0);
    assert_eq!(printed.commands[0], SessionCommand::Simulate);
    assert_eq!(printed.commands.len(), 2);
    let lines: Vec<&str> = printed
        .out
        .lines()
        .filter(|l| l.contains("SIMULATED"))
        .collect();
    assert_eq!(lines.len(), 4, "{lines:#?}");
}

#[tokio::test]
async fn json_stands_alone() {
    let json = HeadlessOptions {
        json: true,
        ..options()
    };
    let printed = print(json, whole(false)).await;
    let parsed: Summary = serde_json::from_str(&printed.out).unwrap();
    assert_eq!(parsed.cycles.len(), 2);
    let state = RunState::from_events(&small_run::run(false));
    assert_eq!(printed.out, Summary::from_run(&state).to_json().unwrap());
    assert!(printed.err.contains("run directory: /runs/"));
    assert!(printed.err.contains("cycle of 2 users"));
}

#[tokio::test]
async fn starts_the_first_model_or_the_named_one() {
    let printed = print(options(), vec![found(false)]).await;
    let SessionCommand::Start { model, plan } = &printed.commands[0] else {
        panic!("{:?}", printed.commands);
    };
    assert_eq!(
        (model.name.as_str(), &plan.levels),
        ("deepseek-r1:7b", &vec![1, 2])
    );
    // The events broke off: that is no success.
    assert_eq!(printed.code, 1);

    let named = |name: &str, pull| HeadlessOptions {
        model: Some(name.to_owned()),
        pull,
        ..options()
    };
    let printed = print(named("nosuch", false), vec![found(false)]).await;
    assert_eq!((printed.code, printed.commands.len()), (1, 0));
    insta::assert_snapshot!(printed.err);

    let failed = SessionEvent::Pulled(Err("no such model".to_owned()));
    let printed = print(named("nosuch", true), vec![found(false), failed]).await;
    assert_eq!(
        (printed.code, &printed.commands[..]),
        (1, &[SessionCommand::Pull("nosuch".to_owned())][..])
    );

    // A server that still does not list it after the download is not asked for ever.
    let pulled = vec![found(false), SessionEvent::Pulled(Ok(())), found(false)];
    let printed = print(named("nosuch", true), pulled).await;
    assert_eq!((printed.code, printed.commands.len()), (1, 1));
}

#[tokio::test]
async fn without_a_server() {
    let tried = vec![
        (
            "http://127.0.0.1:11434".to_owned(),
            "connection refused".to_owned(),
        ),
        (
            "http://[::1]:11434".to_owned(),
            "connection\u{1b}[0m refused".to_owned(),
        ),
    ];
    let printed = print(options(), vec![SessionEvent::NotFound { tried }]).await;
    assert_eq!((printed.code, printed.out.as_str()), (1, ""));
    insta::assert_snapshot!(printed.err);
}

/// The server that was found, at another port and with these models.
fn server_with(port: u16, models: &[&str]) -> Discovery {
    let SessionEvent::Found(server) = found(false) else {
        panic!("a server was found");
    };
    let model = |name: &&str| Model {
        name: (*name).to_owned(),
        ..Model::default()
    };
    Discovery {
        url: format!("http://127.0.0.1:{port}"),
        models: models.iter().map(model).collect(),
        ..server
    }
}

#[tokio::test]
async fn of_several_servers_one_must_be_named() {
    let servers = vec![
        server_with(8000, &["a", "b"]),
        server_with(8080, &["a", "c"]),
    ];
    let events = || {
        let first = SessionEvent::Found(servers[0].clone());
        vec![SessionEvent::Servers(servers.clone()), first]
    };
    let printed = print(options(), events()).await;
    assert_eq!((printed.code, printed.commands.len()), (1, 0));
    insta::assert_snapshot!(printed.err);
    // A model that only one of them has names it.
    let asking = |model: &str| HeadlessOptions {
        model: Some(model.to_owned()),
        ..options()
    };
    let printed = print(asking("c"), events()).await;
    let used = SessionCommand::Use(servers[1].url.clone());
    assert_eq!(printed.commands, std::slice::from_ref(&used));
    let mut events_then = events();
    events_then.push(SessionEvent::Found(servers[1].clone()));
    let printed = print(asking("c"), events_then).await;
    assert!(
        matches!(&printed.commands[..], [first, SessionCommand::Start { model, .. }]
        if *first == used && model.name == "c")
    );
    assert_eq!(print(asking("a"), events()).await.code, 1);
}

#[tokio::test]
async fn a_model_that_answers_no_prompt_is_not_taken_unasked() {
    let start = async |models: &[&str]| {
        let server = SessionEvent::Found(server_with(8000, models));
        print(options(), vec![server]).await
    };
    let printed = start(&["embed", "chat"]).await;
    assert!(
        matches!(&printed.commands[..], [SessionCommand::Start { model, .. }] if model.name == "chat")
    );
    let printed = start(&["embed"]).await;
    assert_eq!((printed.code, printed.commands.len()), (1, 0));
    assert!(
        printed.err.contains("no model that answers prompts"),
        "{}",
        printed.err
    );
}

#[tokio::test(start_paused = true)]
async fn a_server_that_loads_its_model_is_waited_for() {
    let loading = Discovery {
        is_loading: true,
        models: Vec::new(),
        ..server_with(8080, &[])
    };
    let ready = SessionEvent::Found(server_with(8080, &["m"]));
    let printed = print(options(), vec![SessionEvent::Found(loading.clone()), ready]).await;
    let says =
        "the server at http://127.0.0.1:8080 is loading its model; waiting for it for at most 2:00";
    assert!(printed.out.contains(says), "{}", printed.out);
    assert!(matches!(
        &printed.commands[..],
        [SessionCommand::Start { .. }]
    ));

    let (events, receiver) = mpsc::channel(1);
    let (commands, _heard) = mpsc::channel(1);
    events.send(SessionEvent::Found(loading)).await.unwrap();
    let (mut out, mut err) = (Vec::new(), Vec::new());
    let code = headless::run(receiver, commands, options(), &mut out, &mut err).await;
    let err = String::from_utf8(err).unwrap();
    assert_eq!(code, 1);
    assert!(err.contains("still loading its model after 2:00"), "{err}");
}

#[tokio::test]
async fn exit_codes() {
    let ended = |why: RunEnd, error: Option<&str>| {
        let mut events = small_run::run(false);
        events.pop();
        events.push(story::event(41.8, EventKind::RunEnded { why }));
        vec![found(false), SessionEvent::Events(events), finished(error)]
    };
    let code = async |events| print(options(), events).await.code;
    assert_eq!(code(ended(RunEnd::Done, None)).await, 0);
    assert_eq!(code(ended(RunEnd::Stopped, None)).await, 0);
    assert_eq!(code(ended(RunEnd::Signal(2), None)).await, 130);
    assert_eq!(code(ended(RunEnd::Signal(15), None)).await, 143);
    assert_eq!(
        code(ended(RunEnd::Failed("disk".to_owned()), None)).await,
        1
    );
    assert_eq!(code(ended(RunEnd::Done, Some("disk"))).await, 1);

    let printed = print(options(), vec![found(false), finished(None)]).await;
    assert_eq!(printed.code, 1);
    assert!(printed.err.contains("no run was started"));

    let mut events = vec![small_run::run(false).remove(0)];
    events.extend(small_run::cycle(
        0,
        1,
        1.0,
        &[small_run::refused(1, 0, 1.1, 1.2)],
    ));
    let ran = EventKind::RunEnded { why: RunEnd::Done };
    events.push(story::event(2.0, ran));
    let printed = print(
        options(),
        vec![found(false), SessionEvent::Events(events), finished(None)],
    )
    .await;
    assert_eq!(printed.code, 1);
    assert!(printed.err.contains("no request succeeded"));
    assert!(printed.out.contains("failed at 1 user: HTTP 503 (100.0 %)"));
}

/// A reader that goes away after some bytes.
struct Pipe(usize);

impl std::io::Write for Pipe {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        if self.0 == 0 {
            return Err(std::io::ErrorKind::BrokenPipe.into());
        }
        let taken = bytes.len().min(self.0);
        self.0 -= taken;
        Ok(taken)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn ends_well_where_its_reader_goes_away() {
    for room in [0, 10, 400, 900] {
        let printed = print_to(&mut Pipe(room), options(), whole(false)).await;
        assert_eq!(
            (printed.code, printed.err.as_str()),
            (0, ""),
            "after {room} bytes"
        );
        let stops = printed
            .commands
            .iter()
            .filter(|ask| **ask == SessionCommand::Run(Command::Stop));
        assert_eq!(stops.count(), 1, "after {room} bytes");
    }
}

/// The server, at another address, and the lines before the run starts.
async fn heading_at(url: &str, plan: Plan) -> String {
    let SessionEvent::Found(mut server) = found(false) else {
        panic!("a server was found");
    };
    url.clone_into(&mut server.url);
    let options = HeadlessOptions { plan, ..options() };
    print(options, vec![SessionEvent::Found(server)]).await.out
}

#[tokio::test]
async fn a_server_that_may_be_paid_for_is_told_what_it_will_be_asked() {
    let settling = Plan {
        settle: Some(SettlePlan::default()),
        ..Plan::default()
    };
    let far = heading_at("http://8.8.8.8:80", settling.clone()).await;
    let spends = "spends  sketch: at most 21 requests, 5,376 output tokens; then, ";
    assert!(far.contains(spends), "{far}");
    let near = heading_at("http://192.168.1.4:8000", settling).await;
    assert!(!near.contains("spends"), "{near}");
    let planned = heading_at("http://8.8.8.8:80", options().plan).await;
    let spends = "spends  at most 3 requests, 768 output tokens; about 12 prompt tokens a request";
    assert!(planned.contains(spends), "{planned}");
}
