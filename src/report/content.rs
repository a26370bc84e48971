//! The report as sections of plain text and tables; Markdown and HTML are two ways to write it down.

use crate::metrics::summary::Summary;
use crate::report::answer::Answer;
use crate::report::section::{Block, Section, section};
use crate::report::text::clean;
use crate::report::{Report, answer, definitions, details, machine, tables};
use crate::text::numbers::{UNKNOWN, grouped, joined, or_unknown, users};

/// A whole report.
pub(super) struct Content {
    pub(super) title: String,
    /// Of whom, when.
    pub(super) subtitle: String,
    /// Says that nothing, or not everything, was measured; None where all was.
    pub(super) simulated: Option<&'static str>,
    pub(super) answer: Answer,
    /// The figures to leave with: what, how much, and a line on it.
    pub(super) headline: Vec<Tile>,
    /// The chart to begin with, by its name.
    pub(super) opening: &'static str,
    pub(super) sections: Vec<Section>,
    /// The line that names the version of this program.
    pub(super) made_by: String,
}

/// One large figure.
pub(super) struct Tile {
    pub(super) name: &'static str,
    pub(super) value: String,
    pub(super) unit: &'static str,
    pub(super) note: String,
}

/// Says that nothing was measured.
pub(super) const SIMULATED: &str = "SIMULATED: these numbers come from tokometer's own simulator. No model and no machine was measured.";

/// Says that only some was.
pub(super) const PARTLY_SIMULATED: &str =
    "SIMULATED in part: runs marked so come from tokometer's own simulator; no model was measured.";

/// What the report says.
pub(super) fn from_report(report: &Report) -> Content {
    let summary = &report.summary;
    let model = or_unknown(summary.target.as_ref().map(|target| clean(&target.model)));
    let mut sections = vec![
        answer::why(summary),
        answer::evidence(summary),
        section("Key findings", vec![Block::List(findings(summary))]),
        results(summary),
        section(
            "Hardware and software",
            vec![Block::Table(tables::hardware(report))],
        ),
        section("The test", vec![Block::Table(tables::test(report))]),
        section(
            "Detailed metrics",
            [
                details::waits(report),
                details::durations(report),
                details::gaps(report),
            ]
            .into_iter()
            .flatten()
            .map(Block::Table)
            .collect(),
        ),
        energy(report),
        gpu(report),
        processes(report),
    ];
    sections.extend(closing(report));
    // A heading over nothing is of no use.
    sections.retain(|section| !section.blocks.is_empty());
    Content {
        title: format!("How fast is {model}?"),
        subtitle: subtitle(report),
        simulated: summary.simulated.then_some(SIMULATED),
        answer: Answer::new(report),
        headline: headline(summary),
        opening: "answer",
        sections,
        made_by: format!("Report made by tokometer {}", env!("CARGO_PKG_VERSION")),
    }
}

fn subtitle(report: &Report) -> String {
    let target = report.summary.target.as_ref();
    let parts = [
        target.and_then(|target| target.quantization.as_deref().map(clean)),
        target.and_then(|target| target.server.as_deref().map(clean)),
        report
            .summary
            .started_at
            .map(|at| at.format("%Y-%m-%d %H:%M UTC").to_string()),
    ];
    joined(parts)
}

/// The three numbers, as tiles and for a card.
pub(super) fn headline(summary: &Summary) -> Vec<Tile> {
    let first = summary.cycles.first();
    let mark = first.map_or("", |level| level.figures.about());
    let speed = first.and_then(|level| level.figures.speed_tok_s.mean);
    let of = first.map_or_else(String::new, |level| {
        format!("mean at {}", users(level.users))
    });
    let speed = Tile {
        name: "Speed",
        value: format!(
            "{}{}",
            if speed.is_some() { mark } else { "" },
            grouped(speed, 1)
        ),
        unit: "tokens/s",
        note: of,
    };
    let energy = summary.energy.as_ref();
    let joules = energy.and_then(|energy| energy.gross_j_per_token);
    // The name of a source may be an address: it stays out of what is shown to others.
    let scope = energy.map(|energy| energy.scope.as_deref().unwrap_or("unknown scope"));
    // Two digits that say something, whatever the size of the model.
    let digits = if joules.is_some_and(|joules| joules < 0.0995) {
        4
    } else {
        2
    };
    let energy = Tile {
        name: "Energy",
        value: grouped(joules, digits),
        unit: "joules/token",
        note: match joules {
            Some(_) => scope.map_or_else(String::new, clean),
            None => "not measured".to_owned(),
        },
    };
    vec![speed, served(summary), energy]
}

fn served(summary: &Summary) -> Tile {
    let verdict = summary.verdict.as_ref();
    let carried = verdict.and_then(|verdict| verdict.by_share.both_users);
    let state = verdict.and_then(|verdict| verdict.by_share.state);
    let smallest = verdict.and_then(|verdict| verdict.levels.first());
    let smallest = smallest.map(|level| level.users);
    let beyond = verdict.is_some_and(|verdict| verdict.beyond().is_some());
    // Below the smallest level nothing is known, unless that is a single user.
    let served = match (carried, smallest) {
        (Some(users), _) => users.to_string(),
        _ if state.is_none() => UNKNOWN.to_owned(),
        (None, Some(1)) => "0".to_owned(),
        (None, Some(users)) => format!("< {users}"),
        (None, None) => UNKNOWN.to_owned(),
    };
    let sure = match (carried, state, smallest) {
        (Some(_), Some(state), _) if beyond => state.to_string(),
        (Some(_), Some(state), _) => format!("{state}; more users were not tried"),
        (None, Some(state), Some(smallest)) => {
            format!("the smallest level, {}: {state}", users(smallest))
        }
        _ => String::new(),
    };
    Tile {
        name: "Users served",
        value: served,
        unit: "at once",
        note: sure,
    }
}

fn findings(summary: &Summary) -> Vec<String> {
    let found = &summary.findings.sentences;
    if found.is_empty() {
        vec!["No request succeeded, so there are no findings.".to_owned()]
    } else {
        found.iter().map(|found| clean(found)).collect()
    }
}

fn results(summary: &Summary) -> Section {
    let mut blocks = vec![Block::Table(tables::results(summary))];
    let failures = tables::failures(summary);
    if !failures.is_empty() {
        blocks.push(Block::List(failures));
    }
    if let Some(repeats) = tables::repeats(summary) {
        blocks.push(Block::Table(repeats));
        blocks.push(Block::List(tables::agreement(summary)));
    }
    blocks.push(Block::Charts(vec![
        "speed",
        "throughput",
        "ttfb",
        "ttfb-32",
        "speed-and-wait",
        "durations",
        "durations-32",
        "combined",
        "combined-32",
        "speed-over-time",
    ]));
    section("Results by number of users", blocks)
}

fn energy(report: &Report) -> Section {
    let blocks = vec![
        Block::Table(tables::energy(report)),
        Block::Charts(vec!["power"]),
    ];
    section("Energy", blocks)
}

fn gpu(report: &Report) -> Section {
    let by_level = machine::gpu_by_level(report);
    let blocks = if by_level.is_empty() {
        let none = "No GPU samples were recorded.";
        vec![Block::Text(none.to_owned())]
    } else {
        let mut blocks: Vec<Block> = Vec::new();
        for (name, table) in by_level {
            blocks.push(Block::Text(name));
            blocks.push(Block::Table(table));
        }
        blocks.push(Block::Charts(vec!["frequency"]));
        blocks
    };
    section("GPU by number of users", blocks)
}

fn processes(report: &Report) -> Section {
    let blocks = match machine::processes(report) {
        Some(table) => vec![Block::Table(table), Block::Charts(vec!["processes"])],
        None => vec![Block::Text("No process samples were recorded.".to_owned())],
    };
    section("Process details", blocks)
}

fn closing(report: &Report) -> Vec<Section> {
    let mut sections = Vec::new();
    let missing = machine::missing(report);
    if !missing.is_empty() {
        sections.push(section("What is missing", vec![Block::List(missing)]));
    }
    let mut warnings: Vec<String> = Vec::new();
    for warning in &report.summary.warnings {
        let text = format!("{}: {}", warning.kind, clean(&warning.text));
        if !warnings.contains(&text) {
            warnings.push(text);
        }
    }
    if !warnings.is_empty() {
        sections.push(section("Warnings", vec![Block::List(warnings)]));
    }
    let definitions = Block::Table(definitions::table());
    sections.push(section("Definitions", vec![definitions]));
    sections
}
