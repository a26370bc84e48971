//! The card to share, and that nothing private stands in it.

use std::path::Path;

use resvg::tiny_skia::Pixmap;
use tokometer::event::{Event, EventKind, GpuSample, Outcome, Warning, WarningKind};
use tokometer::report::share::{Card, write_card};
use tokometer::report::{Report, Show, bench_table};

use super::{big, files};
use crate::small_run;

/// A word that stands wherever something private can.
const PRIVATE: &str = "alice";

/// A run with private things in every text that a server, a system or a user fills.
fn private() -> Vec<Event> {
    let mut events = big::run(false);
    for event in &mut events {
        match &mut event.what {
            EventKind::RunStarted(info) => {
                info.id = format!("2026-11-21T16-02-11_{PRIVATE}");
                info.target.url = format!("http://{PRIVATE}-laptop.example:11434");
                info.target.model.name = format!("/home/{PRIVATE}/models/q4.gguf");
                info.plan.prompts = vec![format!("Who is {PRIVATE}?")];
            }
            EventKind::RequestEnded(record) => {
                if let Outcome::Failed { message, .. } = &mut record.outcome {
                    *message = format!("{PRIVATE} is not allowed");
                }
            }
            EventKind::Gpu(GpuSample { source, .. }) => *source = format!("exporter:{PRIVATE}"),
            EventKind::Processes(table) => {
                for process in table {
                    process.name = format!("/Users/{PRIVATE}/ollama");
                }
            }
            _ => {}
        }
    }
    let warning = Warning {
        kind: WarningKind::Recorder,
        text: format!("/home/{PRIVATE}/runs could not be written"),
    };
    let at = events.last().unwrap().at;
    events.push(Event {
        at,
        what: EventKind::Warning(warning),
    });
    events
}

#[test]
fn nothing_private_stands_in_it() {
    let report = Report::from_events(&private());
    assert!(
        report.markdown().contains(PRIVATE),
        "the report itself may tell"
    );
    let card = Card::new(&report, Show::default());
    for form in [&card.markdown, &card.svg()] {
        assert!(!form.contains(PRIVATE), "{form}");
        assert!(!form.contains("example"), "{form}");
        assert!(form.contains("q4.gguf"), "{form}");
    }
}

#[test]
fn what_is_asked_for_is_shown() {
    let report = Report::from_events(&private());
    let show = |show| Card::new(&report, show).markdown;
    let address = show(Show {
        address: true,
        ..Show::default()
    });
    assert!(address.contains("alice-laptop.example"), "{address}");
    assert!(!address.contains("Who is"), "{address}");
    let prompt = show(Show {
        prompt: true,
        ..Show::default()
    });
    assert!(prompt.contains("Who is alice?"), "{prompt}");
    let run = show(Show {
        run: true,
        ..Show::default()
    });
    assert!(
        run.contains("2026-11-21T16-02-11\\_alice") || run.contains("2026-11-21T16-02-11_alice")
    );
}

#[test]
fn golden_card() {
    let card = Card::new(&Report::from_events(&big::run(false)), Show::default());
    let version = format!("Card made by tokometer {}", env!("CARGO_PKG_VERSION"));
    insta::assert_snapshot!(
        card.markdown
            .replace(&version, "Card made by tokometer VERSION")
    );
}

#[test]
fn a_simulated_card_says_so_and_names_no_machine() {
    let card = Card::new(&Report::from_events(&big::run(true)), Show::default());
    assert!(card.markdown.contains("SIMULATED"));
    assert!(card.svg().contains("SIMULATED"));
    assert!(!card.markdown.contains("Apple"), "{}", card.markdown);
    let real = Card::new(&Report::from_events(&big::run(false)), Show::default());
    assert!(!real.svg().contains("SIMULATED"));
    assert!(real.svg().contains("Apple M2 Pro"));
}

#[test]
fn a_server_elsewhere_is_not_this_machine() {
    let card = Card::new(&Report::from_events(&private()), Show::default());
    assert!(
        card.markdown.contains("accessed over the network from"),
        "{}",
        card.markdown
    );
}

#[test]
fn its_files_are_written() {
    let run = Path::new(env!("CARGO_TARGET_TMPDIR")).join("shared");
    files::run_directory(&run, &big::run(false));
    let written = write_card(
        &Report::open(&run).unwrap(),
        &run.join("card"),
        Show::default(),
    )
    .unwrap();
    let names: Vec<_> = written
        .iter()
        .map(|path| path.file_name().unwrap())
        .collect();
    assert_eq!(names, ["share.png", "share.svg", "share.md"]);
    let picture = Pixmap::load_png(&written[0]).unwrap();
    assert_eq!((picture.width(), picture.height()), (2400, 1260));
    let svg = std::fs::read_to_string(&written[1]).unwrap();
    roxmltree::Document::parse(&svg).unwrap();
    assert!(
        !svg.replace("http://www.w3.org/2000/svg", "")
            .contains("http")
    );
}

#[test]
fn a_run_without_figures_still_has_a_card() {
    let events = small_run::run(false);
    let card = Card::new(&Report::from_events(&events[..1]), Show::default());
    assert!(card.svg().contains("so there is no curve"));
    Pixmap::decode_png(&card.png().unwrap()).unwrap();
}

/// The large run, with prompts of 512 tokens that took half a second each, and answers of 128.
fn long_prompts(warmup: u32, prompt: u32) -> Report {
    let mut events = big::run(false);
    for event in &mut events {
        match &mut event.what {
            EventKind::RunStarted(info) => info.plan.warmup = warmup,
            EventKind::RequestEnded(record) => {
                record.prompt = prompt;
                record.server.prompt_tokens = Some(512);
                record.server.prompt_eval_s = Some(0.5);
                record.server.output_tokens = Some(128);
                record.server.eval_s = Some(2.54);
            }
            _ => {}
        }
    }
    Report::from_events(&events)
}

#[test]
fn the_table_has_the_form_of_llama_bench_where_such_prompts_were_measured() {
    let about = "| deepseek-r1:7b Q4\\_K\\_M | 4.36 GiB | 7.6B | ollama 0.33.0 |";
    let about = about.replace("\\_", "_");
    let expected = format!(
        "| model | size | params | backend | test | t/s |\n| --- | ---: | ---: | --- | ---: | ---: |\n\
         {about} pp512 | 1024.00 |\n{about} tg128 | 50.00 |\n\nbuild: tokometer 0.1.0\n"
    );
    assert_eq!(bench_table(&long_prompts(1, 1)), expected);
    // The warm-up read it, so that it was in the server's cache.
    let cached = bench_table(&long_prompts(1, 0));
    assert!(
        !cached.contains("pp512") && cached.contains("| Users | "),
        "{cached}"
    );
    assert_eq!(bench_table(&long_prompts(0, 0)), expected);
}

#[test]
fn without_such_prompts_the_table_is_by_users_and_has_nothing_private() {
    let table = bench_table(&Report::from_events(&private()));
    assert!(table.starts_with("q4.gguf · ollama 0.33.0\n"), "{table}");
    assert!(
        table.contains("| Users | Speed | Wait | Throughput |"),
        "{table}"
    );
    assert!(!table.contains(PRIVATE), "{table}");
    let simulated = bench_table(&Report::from_events(&big::run(true)));
    assert!(simulated.contains("SIMULATED"), "{simulated}");
}
