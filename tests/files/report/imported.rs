//! Reports of imported runs: published percentiles come back, marked with their sample.

use tokometer::event::{EventKind, Imported};
use tokometer::report::Report;
use tokometer::store::import;

use crate::small_run;
use crate::study::study;

/// The row of a table that begins with these cells.
fn row<'a>(markdown: &'a str, first: &str) -> &'a str {
    let mut rows = markdown.lines().filter(|line| line.starts_with(first));
    rows.next().unwrap_or_else(|| panic!("no row {first}"))
}

/// From the table of results on.
fn results_of(markdown: &str) -> &str {
    markdown
        .split_once("## Results by number of users")
        .unwrap()
        .1
}

#[test]
fn only_an_imported_run_shows_what_its_sample_cannot_carry() {
    let mut events = small_run::run(false);
    let own = Report::from_events(&events).markdown();
    assert!(!row(&own, "| 1 | Wait (TTFT) |").contains(" of "), "{own}");
    assert!(own.contains("| Imported from | – |"), "{own}");
    let EventKind::RunStarted(info) = &mut events[0].what else {
        panic!("a run begins with its start");
    };
    info.imported = Some(Imported {
        tool: "another tool".to_owned(),
        folder: "results".to_owned(),
    });
    let imported = Report::from_events(&events).markdown();
    let waits = row(&imported, "| 1 | Wait (TTFT) |");
    // 0.5 and 0.6 s: 95 % of the way between them is 0.595.
    assert!(
        waits.contains("| 0.595 of 2 | 0.599 of 2 | 0.600 |"),
        "{waits}"
    );
    assert!(imported.contains("| Imported from | another tool |"));
    // A single request has no percentile at all.
    assert!(!row(&imported, "| 2 | Wait (TTFT) |").contains(" of "));
}

#[test]
fn the_study_comes_back_where_it_is_right_and_mended_where_it_is_wrong() {
    let run = import::import(&study(), None).unwrap();
    let report = Report::from_events(&run.events);
    let text = report.markdown();
    // What no level knows is named once, not in a row for each.
    assert!(
        !text.contains("| 1 | TPOT |") && !text.contains("| 1 | TTFA |"),
        "{text}"
    );
    assert!(
        text.contains("- Unknown at every level: TTFB; TTFA; Queue wait; Connect; Server-reported speed, tokens/s; TPOT; ITL.\n"),
        "{text}"
    );
    let waits = row(&text, "| 32 | Wait (TTFT) | 32 |");
    assert!(waits.contains("| 84.05"), "{waits}");
    assert!(waits.contains("| 227.131 | 234.898 of 32 |"), "{waits}");
    for (users, speed) in [
        (2, "30.7"),
        (8, "12.8"),
        (16, "9.8"),
        (32, "8.0"),
        (64, "7.1"),
        (128, "6.5"),
        (256, "6.3"),
    ] {
        let results = row(results_of(&text), &format!("| {users} | "));
        assert!(results.contains(&format!("| ~{speed} |")), "{results}");
    }
    assert!(row(results_of(&text), "| 128 | ").contains("| ~251,551 |"));
    let most = row(results_of(&text), "| 256 | ");
    assert!(
        most.contains("| 48 | 18.8 % |") && most.contains("| 1,534.79 |"),
        "{most}"
    );
    assert!(row(&text, "| By mean |").contains("| 19 | 4 | 4 |"));
    assert!(text.contains("| Energy, the whole run | 78."), "{text}");
    // The runner is there from two users on; idle there is the server, and at times nothing else.
    let (_, server) = text.split_once("The server:").unwrap();
    row(server, "| idle | 1 |");
    assert!(text.contains("| 1 | 107.5 (1:47) | 17.6 | 19.7 |"));
    let page = report.html().len();
    assert!(page < 1_500_000, "{page} bytes");
    let names: Vec<String> = report.charts().into_iter().map(|c| c.name).collect();
    assert_eq!(names.len(), 18, "{names:?}");
}
