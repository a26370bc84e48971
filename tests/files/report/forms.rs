//! Markdown, CSV, JSON and HTML of fixed events.

use tokometer::event::{Event, EventKind, Warning, WarningKind};
use tokometer::metrics::summary::Summary;
use tokometer::report::Report;

use super::big;
use crate::small_run;

/// The report, but for the line that names the version of this program.
fn but_for_the_version(text: &str) -> String {
    let version = format!("Report made by tokometer {}", env!("CARGO_PKG_VERSION"));
    assert_eq!(text.matches(&version).count(), 1);
    text.replace(&version, "Report made by tokometer VERSION")
}

#[test]
fn golden_markdown_of_a_small_run() {
    let text = Report::from_events(&small_run::run(false)).markdown();
    insta::assert_snapshot!(but_for_the_version(&text));
}

#[test]
fn golden_markdown_of_a_large_simulated_run() {
    let text = Report::from_events(&big::run(true)).markdown();
    insta::assert_snapshot!(but_for_the_version(&text));
}

/// The page without its style and its drawings: these have tests of their own.
fn bare(page: &str) -> String {
    let without = |page: &str, from: &str, to: &str| {
        let mut parts = page.split(from);
        let mut bare = parts.next().unwrap().to_owned();
        for part in parts {
            let (_, after) = part.split_once(to).unwrap();
            bare.push_str(after);
        }
        bare
    };
    without(&without(page, "<style>", "</style>"), "<svg ", "</svg>")
}

#[test]
fn golden_page_of_a_small_run() {
    let page = Report::from_events(&small_run::run(false)).html();
    insta::assert_snapshot!(but_for_the_version(&bare(&page)));
}

#[test]
fn golden_chart_of_a_small_run() {
    let charts = Report::from_events(&small_run::run(false)).charts();
    let speed = charts.iter().find(|chart| chart.name == "speed").unwrap();
    insta::assert_snapshot!(speed.svg());
}

#[test]
fn golden_csv() {
    insta::assert_snapshot!(Report::from_events(&small_run::run(false)).csv().unwrap());
}

#[test]
fn a_run_without_a_cycle_says_so() {
    let events = small_run::run(false);
    let report = Report::from_events(&events[..1]);
    insta::assert_snapshot!(but_for_the_version(&report.markdown()));
    assert!(report.charts().is_empty());
    let nothing = Report::from_events(&[]);
    assert!(nothing.markdown().contains("There is no verdict"));
    assert_eq!(nothing.csv().unwrap(), "");
}

#[test]
fn the_json_is_the_summary() {
    let events = small_run::run(true);
    let report = Report::from_events(&events);
    let summary: Summary = serde_json::from_str(&report.json().unwrap()).unwrap();
    assert_eq!(summary.to_json().unwrap(), report.json().unwrap());
    assert!(summary.simulated);
}

/// The tags of a page, names alone; those without an end are left out.
fn unbalanced(html: &str) -> Vec<String> {
    let mut open: Vec<String> = Vec::new();
    for tag in html.split('<').skip(1) {
        let (tag, _) = tag.split_once('>').unwrap();
        let name = tag.split([' ', '\n', '/']).next().unwrap();
        if let Some(closed) = tag.strip_prefix('/') {
            assert_eq!(open.pop().as_deref(), Some(closed), "closed out of order");
        } else if !tag.ends_with('/') && !matches!(name, "meta" | "!doctype") {
            open.push(name.to_owned());
        }
    }
    open
}

#[test]
fn the_page_is_whole_and_needs_nothing_else() {
    let report = Report::from_events(&big::run(true));
    let page = report.html();
    assert_eq!(unbalanced(&page), Vec::<String>::new());
    // One for wide screens and one for narrow ones.
    assert_eq!(page.matches("<svg ").count(), 2 * report.charts().len());
    for outside in [
        "<script", "<link", "<img", "<iframe", "src=", "@import", "url(", "https:",
    ] {
        assert!(!page.contains(outside), "{outside} in the page");
    }
    let own = page.replace("xmlns=\"http://www.w3.org/2000/svg\"", "");
    let own = own.replace("http://127.0.0.1:11434", "");
    assert!(!own.contains("http:"), "an address in the page");
    assert!(page.contains("default-src 'none'"));
    assert!(page.contains("prefers-color-scheme: dark"));
    assert!(page.contains("@media print"));
}

#[test]
fn the_page_can_be_read_aloud() {
    let page = Report::from_events(&big::run(false)).html();
    assert!(page.contains("<html lang=\"en\">"));
    assert_eq!(
        page.matches("<table").count(),
        page.matches("<caption>").count()
    );
    assert_eq!(page.matches("<h1>").count(), 1);
    let pictures = page.matches("<svg ").count();
    assert_eq!(page.matches("role=\"img\" aria-label=").count(), pictures);
    assert_eq!(page.matches("<desc>").count(), pictures);
    assert!(!page.contains("<desc></desc>"));
}

#[test]
fn simulated_stands_in_every_form_and_only_where_it_is() {
    let simulated = Report::from_events(&small_run::run(true));
    let real = Report::from_events(&small_run::run(false));
    let forms = |report: &Report| {
        let mut forms = vec![report.markdown(), report.html()];
        forms.push(report.json().unwrap());
        forms.extend(
            report
                .charts()
                .iter()
                .map(tokometer::report::charts::Chart::svg),
        );
        forms
    };
    for form in forms(&simulated) {
        assert!(form.contains("SIMULATED"), "{form}");
    }
    for form in forms(&real) {
        assert!(!form.contains("SIMULATED"), "{form}");
    }
    assert!(
        simulated
            .csv()
            .unwrap()
            .lines()
            .skip(1)
            .all(|row| row.starts_with("true,"))
    );
}

#[test]
fn hostile_names_stay_text() {
    let mut events = small_run::run(false);
    let EventKind::RunStarted(info) = &mut events[0].what else {
        panic!("a run begins with its start");
    };
    let hostile = "</title><script>alert(1)</script>|*x*\u{1b}[2J\u{0}\u{202e}";
    info.target.model.name = hostile.to_owned();
    info.target.server = Some(hostile.to_owned());
    info.plan.prompts = vec![hostile.to_owned()];
    let text = hostile.to_owned();
    let warning = Warning {
        kind: WarningKind::Other,
        text,
    };
    let at = events.last().unwrap().at;
    events.push(Event {
        at,
        what: EventKind::Warning(warning),
    });
    let report = Report::from_events(&events);
    let page = report.html();
    assert_eq!(unbalanced(&page), Vec::<String>::new());
    assert!(!page.contains("<script"));
    let text = report.markdown();
    // The command that repeats the run is code, in which nothing is markup.
    let is_code = |line: &&str| line.starts_with("    ");
    let markup: Vec<&str> = text.lines().filter(|line| !is_code(line)).collect();
    let markup = markup.join("\n");
    assert!(
        markup.contains("\\|\\*x\\*") && !markup.contains("<script>"),
        "{text}"
    );
    for form in [page, text] {
        assert!(form.chars().all(|c| c == '\n' || !c.is_control()));
        assert!(!form.contains('\u{202e}'));
    }
    for chart in report.charts() {
        let svg = chart.svg();
        roxmltree::Document::parse(&svg).unwrap();
        assert!(!svg.contains("<script"));
    }
}
