//! What a report tells beside its figures: what a person says of the run, what happened in it, how to repeat it.

use std::fs;

use clap::Parser as _;
use tokometer::cli::Cli;
use tokometer::event::{CycleEnd, Event, EventKind, Route, RunInfo, Simulation};
use tokometer::plan::{
    Api, CycleShape, Limits, Plan, Price, RequestOptions, SettlePlan, Think, Timeouts,
};
use tokometer::report::{self, Report};
use tokometer::store;

use super::{big, files};
use crate::{small_run, story};

/// The words of a command line, as a shell splits them.
fn words(command: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut quoted = false;
    let mut chars = command.chars();
    while let Some(c) = chars.next() {
        match c {
            '\'' => quoted = !quoted,
            '\\' if !quoted => words.last_mut().unwrap().extend(chars.next()),
            ' ' if !quoted => words.push(String::new()),
            c => words.last_mut().unwrap().push(c),
        }
    }
    words
}

fn with(plan: Plan) -> RunInfo {
    RunInfo {
        plan,
        ..story::info(false)
    }
}

#[test]
fn the_command_repeats_the_plan() {
    let base = Plan::default();
    let plans = [
        base.clone(),
        Plan::study(),
        Plan {
            levels: vec![3, 3, 7],
            shape: CycleShape::Waves(4),
            max_tokens: None,
            prompts: vec!["It's a \"test\" of $HOME; ok?".to_owned()],
            rest_s: 0.5,
            warmup: 0,
            api: Api::Generate,
            think: Think::Off,
            stop_when_hopeless: false,
            patience_s: 5.0,
            options: RequestOptions {
                temperature: Some(0.2),
                seed: Some(7),
                num_ctx: Some(8192),
                keep_alive: Some("30m".to_owned()),
                ignore_eos: true,
                body: serde_json::from_str(r#"{"top_k": 1, "it's": null}"#).unwrap(),
            },
            limits: Limits {
                wait_s: 2.5,
                speed_tok_s: 7.25,
                share: 0.95,
            },
            timeouts: Timeouts {
                first_s: None,
                next_s: Some(1.5),
                total_s: Some(90.0),
            },
            ..base.clone()
        },
        Plan {
            shape: CycleShape::DurationS(12.0),
            ..base.clone()
        },
        Plan {
            levels: vec![1],
            rest_s: 1.0,
            settle: Some(SettlePlan {
                within_s: 42.0,
                budget_tokens: Some(5_000),
                ..SettlePlan::default()
            }),
            ..base.clone()
        },
    ];
    for mut plan in plans {
        plan.energy.idle_s = 3.0;
        plan.energy.price = Some(Price {
            per_kwh: 0.7,
            currency: "R$".to_owned(),
        });
        plan.energy.active_bytes = Some(2_000_000_000);
        let command = report::repeat(&with(plan.clone())).unwrap();
        let cli = Cli::try_parse_from(words(&command)).unwrap();
        assert_eq!(cli.run.plan().unwrap(), plan, "{command}");
        assert_eq!(cli.run.model.as_deref(), Some("deepseek-r1:7b"));
    }
}

#[test]
fn the_command_goes_the_same_way_to_the_server() {
    let mut info = with(Plan::default());
    info.target.url = "https://box".to_owned();
    info.target.route = Route {
        is_unchecked: true,
        proxy: Some("http://proxy:3128".to_owned()),
        http2: true,
    };
    let command = report::repeat(&info).unwrap();
    let begin = "tokometer --url https://box --dialect ollama --insecure --proxy http://proxy:3128 --http2 ";
    assert!(command.starts_with(begin), "{command}");
    let access = Cli::try_parse_from(words(&command)).unwrap().run.access;
    assert!(access.insecure && access.http2);
    assert_eq!(access.proxy, info.target.route.proxy);
}

#[test]
fn the_command_of_a_simulation_has_its_faults_and_its_time_scale() {
    let mut info = with(Plan {
        time_scale: 30.0,
        ..Plan::default()
    });
    info.simulated = true;
    info.simulation = Some(Simulation {
        profile: "m2-pro".to_owned(),
        faults: vec!["cut:every=7,after=10".to_owned()],
    });
    let command = report::repeat(&info).unwrap();
    let begin =
        "tokometer --sim --fault cut:every=7,after=10 --model deepseek-r1:7b --time-scale 30 ";
    assert!(command.starts_with(begin), "{command}");
    assert!(Cli::try_parse_from(words(&command)).unwrap().run.sim);
    let mut events = big::run(true);
    if let EventKind::RunStarted(started) = &mut events[0].what {
        started.simulation = info.simulation;
    }
    let text = Report::from_events(&events).markdown();
    for row in [
        "| Simulated server: profile | m2-pro |",
        "| Simulated server: faults | cut:every=7,after=10 |",
        "| Simulated server: time scale | 1 times as fast as real time |",
    ] {
        assert!(text.contains(row), "{row}");
    }
}

#[test]
fn what_is_said_of_a_run_is_changed_in_run_json_and_read_from_there() {
    let folder = tempfile::tempdir().unwrap();
    let run = folder.path();
    files::run_directory(run, &small_run::run(false));
    let log = fs::read(run.join("events.jsonl")).unwrap();
    store::amend(run, |info| {
        info.remarks.title = Some("Our <box>".to_owned());
        info.remarks.note = Some("a quiet night".to_owned());
        info.remarks.hardware = Some("RTX 4090".to_owned());
    })
    .unwrap();
    let report = Report::open(run).unwrap();
    let text = report.markdown();
    assert!(text.starts_with("# Our \\<box\\>\n"), "{text}");
    assert!(text.contains("Note: a quiet night"));
    assert!(text.contains("| Hardware | RTX 4090 |"));
    assert!(text.contains("deepseek-r1:7b · RTX 4090 · Q4"), "{text}");
    assert!(report.html().contains("<h1>Our &lt;box&gt;</h1>"));
    assert_eq!(fs::read(run.join("events.jsonl")).unwrap(), log);
    store::amend(run, |info| info.remarks.title = None).unwrap();
    let text = Report::open(run).unwrap().markdown();
    assert!(text.starts_with("# How fast is deepseek-r1:7b?"));
}

#[test]
fn pauses_skips_and_changed_levels_are_told() {
    let mut events = small_run::run(false);
    let at = events.last().unwrap().at;
    let end = events.pop().unwrap();
    let skipped = EventKind::CycleEnded {
        cycle: 1,
        why: CycleEnd::Skipped,
    };
    for what in [
        EventKind::Paused,
        EventKind::Resumed,
        EventKind::LevelsChanged {
            upcoming: vec![4, 8],
        },
        skipped,
        EventKind::ServerGone { patience_s: 120.0 },
        EventKind::ServerBack,
    ] {
        events.push(Event { at, what });
    }
    events.push(end);
    let text = Report::from_events(&events).markdown();
    let (_, happened) = text
        .split_once("## What happened during the run\n\n")
        .unwrap();
    let (happened, _) = happened.split_once("\n\n").unwrap();
    let expected = [
        "paused by the user",
        "continued by the user",
        "levels to come changed to 4, 8",
        "the cycle with 2 users was skipped by the user",
        "the server went away; waited for it for at most 2:00",
        "the server was back",
    ];
    let told: Vec<&str> = happened
        .lines()
        .map(|line| line.split_once(": ").unwrap().1)
        .collect();
    assert_eq!(told, expected);
    let own = Report::from_events(&small_run::run(false)).markdown();
    assert!(!own.contains("What happened during the run"));
}

#[test]
fn links_lead_to_the_files_of_the_run_from_wherever_the_report_is_below_it() {
    let folder = tempfile::tempdir().unwrap();
    let (run, elsewhere) = (folder.path().join("run"), folder.path().join("elsewhere"));
    files::run_directory(&run, &small_run::run(false));
    for (out, link) in [
        (run.clone(), Some("href=\"events.jsonl\"")),
        (run.join("what-if"), Some("href=\"../events.jsonl\"")),
        (elsewhere, None),
    ] {
        report::write(&run, &out).unwrap();
        let page = fs::read_to_string(out.join("report.html")).unwrap();
        if let Some(link) = link {
            assert!(page.contains(link), "{link}");
        } else {
            assert!(!page.contains("href=\"events"));
            assert!(page.contains("In the directory of the run: run.json, events.jsonl"));
        }
        assert!(!page.contains("gpu.csv"), "there is none");
    }
}
