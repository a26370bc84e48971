//! The report as sections of plain text and tables; Markdown and HTML are two ways to write it down.

use crate::metrics::summary::Summary;
use crate::report::answer::Answer;
use crate::report::section::{Block, Section, section};
use crate::report::text::{clean, without_path};
use crate::report::{Report, answer, definitions, details, machine, method, sample, tables};
use crate::text::numbers::{
    UNKNOWN, bytes, decimal, floor_u64, grouped, joined, or_unknown, percent, users,
};

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

/// What a run's directory has of what was measured.
const RAW_FILES: [&str; 6] = [
    "run.json",
    "events.jsonl",
    "requests.csv",
    "gpu.csv",
    "processes.csv",
    "answers",
];

/// Says that nothing was measured.
pub(super) const SIMULATED: &str = "SIMULATED: these numbers come from tokometer's own simulator. No model and no machine was measured.";

/// Says that only some was.
pub(super) const PARTLY_SIMULATED: &str =
    "SIMULATED in part: runs marked so come from tokometer's own simulator; no model was measured.";

/// What the report says; `way` leads from it to the run's own files.
pub(super) fn from_report(report: &Report, way: Option<&str>) -> Content {
    let summary = &report.summary;
    let model = or_unknown(
        summary
            .target
            .as_ref()
            .map(|target| without_path(&clean(&target.model))),
    );
    let title = report.info().and_then(|info| info.remarks.title.as_deref());
    let mut sections = vec![
        answer::why(summary),
        answer::evidence(summary),
        section("Key findings", vec![Block::List(findings(summary))]),
        results(report),
        method::method(report),
        hardware(report),
        test(report),
        method::happenings(report),
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
        server(summary),
        energy(report),
        gpu(report),
        processes(report),
        sample::sample(report),
    ];
    sections.extend(closing(report, way));
    // A heading over nothing is of no use.
    sections.retain(|section| !section.blocks.is_empty());
    Content {
        title: title.map_or_else(|| format!("How fast is {model}?"), clean),
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
    let remarks = report.info().map(|info| &info.remarks);
    let named = remarks.is_some_and(|remarks| remarks.title.is_some());
    let parts = [
        // A title of its own need not name the model.
        target
            .filter(|_| named)
            .map(|target| without_path(&clean(&target.model))),
        remarks.and_then(|remarks| remarks.hardware.as_deref().map(clean)),
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

fn results(report: &Report) -> Section {
    let summary = &report.summary;
    let mut blocks = vec![
        Block::Table(tables::results(summary)),
        Block::Charts(vec![
            "speed",
            "throughput",
            "ttfb",
            "ttfb-32",
            "waits",
            "speed-and-wait",
            "durations",
            "durations-32",
            "combined",
            "combined-32",
            "speed-over-time",
        ]),
    ];
    let failures = tables::failures(summary);
    if !failures.is_empty() {
        blocks.push(Block::List(failures));
        blocks.push(Block::Table(tables::failures_by_kind(report)));
        blocks.push(Block::Charts(vec!["failures"]));
    }
    if let Some(repeats) = tables::repeats(summary) {
        blocks.push(Block::Table(repeats));
        blocks.push(Block::List(tables::agreement(summary)));
    }
    section("Results by number of users", blocks)
}

fn hardware(report: &Report) -> Section {
    let mut blocks = vec![Block::Table(tables::hardware(report))];
    if let Some(limit) = &report.summary.physical_limit {
        blocks.push(Block::Text(format!(
            "One user alone gets {} tokens/s: {} of the {} that the memory allows, at {} a second and {} read for each token.",
            decimal(limit.speed_tok_s, 1),
            percent(Some(limit.share), 0),
            decimal(limit.limit_tok_s, 1),
            bytes(Some(floor_u64(limit.bandwidth_bytes_s))),
            bytes(Some(limit.bytes_per_token)),
        )));
    }
    section("Hardware and software", blocks)
}

fn test(report: &Report) -> Section {
    let mut blocks = vec![Block::Table(tables::test(report))];
    let plan = report.info().map(|info| &info.plan);
    if let Some(prompt) = plan.and_then(method::prompt) {
        let many = plan.map_or(0, |plan| plan.prompts.len());
        let name = match many {
            0 | 1 => "The prompt:".to_owned(),
            many => format!("The first of {many} prompts:"),
        };
        blocks.extend([Block::Text(name), prompt]);
    }
    section("The test", blocks)
}

fn server(summary: &Summary) -> Section {
    let table = tables::server_and_client(summary).map(Block::Table);
    section("Server against client", table.into_iter().collect())
}

fn energy(report: &Report) -> Section {
    let mut blocks = vec![Block::Table(tables::energy(report))];
    blocks.extend(tables::energy_by_level(&report.summary).map(Block::Table));
    blocks.push(Block::Charts(vec!["power-by-users", "power"]));
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
    let Some(table) = machine::processes(report) else {
        let none = "No process samples were recorded.".to_owned();
        return section("Process details", vec![Block::Text(none)]);
    };
    let mut blocks = Vec::new();
    for (name, table) in machine::roles(report) {
        blocks.push(Block::Text(name));
        blocks.push(Block::Table(table));
    }
    blocks.push(Block::Charts(vec!["processes-by-users"]));
    blocks.push(Block::Table(table));
    blocks.push(Block::Charts(vec!["processes"]));
    section("Process details", blocks)
}

/// The files of the run, as links where the report lies beside them.
fn raw_files(report: &Report, way: Option<&str>) -> Section {
    let title = "Raw files";
    let Some(directory) = &report.directory else {
        return section(title, Vec::new());
    };
    let always = ["cycles.csv", "summary.json"];
    let recorded = RAW_FILES.into_iter();
    let recorded = recorded.filter(|name| directory.join(name).exists());
    let names: Vec<&str> = recorded.chain(always).collect();
    let block = if let Some(way) = way {
        let link = |name: &&str| {
            // Beside every report there are its own.
            let way = if always.contains(name) { "" } else { way };
            ((*name).to_owned(), format!("{way}{name}"))
        };
        Block::Links(names.iter().map(link).collect())
    } else {
        let names = names.join(", ");
        Block::Text(format!("In the directory of the run: {names}."))
    };
    section(title, vec![block])
}

fn closing(report: &Report, way: Option<&str>) -> Vec<Section> {
    let mut sections = vec![raw_files(report, way)];
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
