//! Several runs side by side, as files: Markdown, one HTML page, JSON, and the chart of them all.

use std::borrow::Cow;
use std::fs;
use std::path::{Path, PathBuf};

use crate::metrics::compare::{Change, Comparison, LevelComparison, Row, RunHead, digits};
use crate::metrics::conclusion::conclusion;
use crate::metrics::metric::{Better, Metric, Outlet, Shown, Unit, shown};
use crate::metrics::summary::Summary;
use crate::report::answer::Answer;
use crate::report::charts::{Chart, against, models};
use crate::report::content::{Content, PARTLY_SIMULATED, SIMULATED};
use crate::report::section::{Block, Section, section};
use crate::report::table::{Table, heads};
use crate::report::text::clean;
use crate::report::{ReportError, files, html, markdown};
use crate::store::StoreError;
use crate::text::numbers::{UNKNOWN, carried, grouped, joined, letter};
use crate::text::sanitize::json_lines;

/// Marks a difference that can be due to chance.
const CHANCE: &str = "≈";

/// Writes below `out` the files `compare.md`, `compare.html`, `compare.json`, and where a run has a figure
/// `models` and `against`, as `.svg` and `.png`. `summaries` are those of the compared runs, in their order. Returns what was
/// written.
pub fn write(
    comparison: &Comparison,
    summaries: &[Summary],
    out: &Path,
) -> Result<Vec<PathBuf>, ReportError> {
    fs::create_dir_all(out).map_err(StoreError::io(out))?;
    let names = names(&comparison.runs);
    let runs: Vec<(&str, &Summary)> = names.iter().map(String::as_str).zip(summaries).collect();
    let charts = against(comparison, &names).into_iter().chain(models(&runs));
    let charts: Vec<Chart> = charts.collect();
    let content = content(comparison);
    let texts = [
        ("compare.md", markdown::write(&content, &charts, "")),
        ("compare.html", html::write(&content, &charts)),
        ("compare.json", json(comparison)?),
    ];
    let mut written = Vec::new();
    for (name, text) in texts {
        written.push(files::put(out.join(name), text.as_bytes())?);
    }
    for chart in &charts {
        let path = |end: &str| out.join(format!("{}.{end}", chart.name));
        written.push(files::put(path("svg"), chart.svg().as_bytes())?);
        written.push(files::put(path("png"), &chart.png()?)?);
    }
    Ok(written)
}

/// The comparison as JSON, indented; nothing in it steers a terminal.
pub fn json(comparison: &Comparison) -> Result<String, ReportError> {
    json_lines(comparison).map_err(|error| ReportError::Table(error.to_string()))
}

/// "A deepseek-r1:7b": of runs that are alike in that, with what tells them apart instead, or else with their times.
fn names(runs: &[RunHead]) -> Vec<String> {
    let first = runs.first();
    let is_alike = |run: &RunHead| {
        first.is_some_and(|first| first.model == run.model && first.simulated == run.simulated)
    };
    let are_alike = runs.iter().all(is_alike);
    let is_mixed = runs.iter().any(|run| !run.simulated);
    let name = |(number, run): (usize, &RunHead)| {
        let differs = Some(clean(&run.differs)).filter(|differs| !differs.is_empty());
        let letter = letter(number);
        if let (true, Some(differs)) = (are_alike, &differs) {
            return format!("{letter} {differs}");
        }
        let model = Some(clean(&run.model)).filter(|model| !model.is_empty());
        let model = model.unwrap_or_else(|| UNKNOWN.to_owned());
        let mark = if run.simulated && is_mixed {
            " (SIMULATED)"
        } else {
            ""
        };
        let started = run
            .started_at
            .map(|at| at.format("%Y-%m-%d %H:%M").to_string());
        let apart = differs.or(started);
        joined([Some(format!("{letter} {model}{mark}")), apart])
    };
    runs.iter().enumerate().map(name).collect()
}

fn content(comparison: &Comparison) -> Content {
    let mut sections = vec![section(
        "Runs",
        vec![
            Block::Table(runs(comparison)),
            Block::Charts(vec!["models"]),
        ],
    )];
    if !comparison.warnings.is_empty() {
        let list = comparison.warnings.iter().map(|warning| clean(warning));
        let lead = "The runs were not configured alike, which may explain the differences:";
        let blocks = vec![Block::Text(lead.to_owned()), Block::List(list.collect())];
        sections.push(section("What else differs", blocks));
    }
    sections.push(differences(comparison));
    let first = comparison.runs.first().map_or("", |run| run.model.as_str());
    let same = comparison.runs.iter().all(|run| run.model == first);
    let title = match comparison.runs.as_slice() {
        runs if same => format!("{}, {} runs", clean(first), runs.len()),
        [a, b] => format!("{} or {}?", clean(&a.model), clean(&b.model)),
        runs => format!("{} runs side by side", runs.len()),
    };
    Content {
        title,
        subtitle: "Differences are against run A".to_owned(),
        simulated: simulated(&comparison.runs),
        answer: answer(comparison),
        headline: Vec::new(),
        opening: "against",
        sections,
        made_by: format!("Report made by tokometer {}", env!("CARGO_PKG_VERSION")),
    }
}

/// What it comes to, and what else may explain it.
fn answer(comparison: &Comparison) -> Answer {
    let mut sentences = conclusion(comparison).into_iter();
    let sentence = sentences.next().unwrap_or_default();
    let mut lines: Vec<String> = sentences.collect();
    match comparison.warnings.len() {
        0 => {}
        1 => lines.push("One setting differs, too: see below.".to_owned()),
        many => lines.push(format!("{many} settings differ, too: see below.")),
    }
    Answer {
        sentence,
        state: None,
        lines,
    }
}

fn simulated(runs: &[RunHead]) -> Option<&'static str> {
    let mut made_up = runs.iter().map(|run| run.simulated);
    match (
        made_up.clone().any(|simulated| simulated),
        made_up.all(|simulated| simulated),
    ) {
        (true, true) => Some(SIMULATED),
        (true, false) => Some(PARTLY_SIMULATED),
        _ => None,
    }
}

fn runs(comparison: &Comparison) -> Table {
    let row = |(number, run): (usize, &RunHead)| {
        let share = run.by_share.as_ref().map(|share| {
            let state = share.state.map_or_else(String::new, |s| format!(" ({s})"));
            format!("{}{state}", carried(share.both_users))
        });
        let mean = run.by_mean.as_ref().map(|mean| carried(mean.both_users));
        let unknown = || UNKNOWN.to_owned();
        let model = clean(&run.model);
        let started = run.started_at.map(|at| at.format("%Y-%m-%d %H:%M"));
        vec![
            letter(number),
            if run.simulated {
                format!("{model} (SIMULATED)")
            } else {
                model
            },
            run.server.as_deref().map_or_else(unknown, clean),
            started.map_or_else(unknown, |at| at.to_string()),
            share.unwrap_or_else(unknown),
            mean.unwrap_or_else(unknown),
            match (run.j_per_token, &run.energy_scope) {
                (Some(joules), Some(scope)) => {
                    format!(
                        "{} ({})",
                        value_text(Unit::JoulesPerToken, joules),
                        clean(scope)
                    )
                }
                (joules, _) => joules.map_or_else(unknown, |j| value_text(Unit::JoulesPerToken, j)),
            },
        ]
    };
    Table {
        caption: "The runs; users served by share of the requests and by mean, energy of the whole run",
        head: heads([
            "Run", "Model", "Server", "Started", "Users", "By mean", "J/token",
        ]),
        rows: comparison.runs.iter().enumerate().map(row).collect(),
    }
}

fn differences(comparison: &Comparison) -> Section {
    let tables: Vec<Block> = shown(Outlet::Compare)
        .into_iter()
        .filter_map(|(metric, shown)| table(metric, shown, comparison))
        .map(Block::Table)
        .collect();
    if tables.is_empty() {
        let none = "These runs have no metric to compare.";
        return section("Levels side by side", vec![Block::Text(none.to_owned())]);
    }
    let note = format!(
        "In brackets the 95 % interval. {CHANCE} marks a difference that these samples cannot show. A difference \
         without brackets has too few samples for an interval."
    );
    let mut blocks = vec![Block::Text(note)];
    let alone = alone(comparison);
    if !alone.is_empty() {
        blocks.push(Block::List(alone));
    }
    blocks.extend(tables);
    section("Levels side by side", blocks)
}

/// The levels that only one run has, a line for each run.
fn alone(comparison: &Comparison) -> Vec<String> {
    let of = |run: usize| {
        let levels = comparison.levels.iter();
        let levels = levels.filter(|level| level.only() == Some(run));
        let levels: Vec<String> = levels.map(|level| level.users.to_string()).collect();
        let name = letter(run);
        (!levels.is_empty()).then(|| {
            format!(
                "Only {name} has these numbers of users: {}.",
                levels.join(", ")
            )
        })
    };
    (0..comparison.runs.len()).filter_map(of).collect()
}

/// One figure at every level that several runs have; None where none does.
fn table(metric: &Metric, shown: &Shown, comparison: &Comparison) -> Option<Table> {
    let row = |level: &LevelComparison| -> Option<Vec<String>> {
        let row = level.rows.iter().find(|row| *row.metric == *metric)?;
        let mut cells = vec![level.users.to_string()];
        cells.extend((0..row.values.len()).map(|run| in_groups(row, run)));
        cells.extend(
            row.changes
                .iter()
                .map(|change| difference(metric, change.as_ref())),
        );
        Some(cells)
    };
    let common = comparison
        .levels
        .iter()
        .filter(|level| level.only().is_none());
    let rows: Vec<Vec<String>> = common.filter_map(row).collect();
    // Runs without a single failure need no table to say so.
    let nothing = metric.unit == Unit::Share
        && metric.better == Better::Lower
        && comparison
            .levels
            .iter()
            .flat_map(|level| &level.rows)
            .filter(|row| *row.metric == *metric)
            .all(|row| row.values.iter().flatten().all(|value| *value <= 0.0));
    let count = comparison.runs.len();
    let mut head: Vec<Cow<'static, str>> = heads(["Users"]);
    head.extend((0..count).map(|run| Cow::Owned(letter(run))));
    head.extend((1..count).map(|run| Cow::Owned(format!("{} against A", letter(run)))));
    (!rows.is_empty() && !nothing).then_some(Table {
        caption: shown.head,
        head,
        rows,
    })
}

/// The value of a run, with thousands set apart.
fn in_groups(row: &Row, run: usize) -> String {
    let Some(value) = row.values.get(run).copied().flatten() else {
        return UNKNOWN.to_owned();
    };
    let about = row.estimated.get(run).copied().unwrap_or(false);
    let about = if about { "~" } else { "" };
    format!("{about}{}", value_text(row.metric.unit, value))
}

fn value_text(unit: Unit, value: f64) -> String {
    let value = if unit == Unit::Share {
        value * 100.0
    } else {
        value
    };
    grouped(Some(value), digits(unit, value))
}

fn difference(metric: &Metric, change: Option<&Change>) -> String {
    let Some(change) = change else {
        return UNKNOWN.to_owned();
    };
    let text = change.text(metric);
    if change.shown || change.low.is_none() {
        text
    } else {
        format!("{CHANCE} {text}")
    }
}
