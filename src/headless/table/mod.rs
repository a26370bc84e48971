//! The end of a headless run: the table, the verdict, the warnings.

mod machine;

use crate::event::failures_in_words;
use crate::headless::plain;
use crate::metrics::bottleneck::sentences;
use crate::metrics::metric::{Metric, Outlet, Shown, Unit, shown};
use crate::metrics::summary::{LevelSummary, Summary};
use crate::text::columns::aligned;
use crate::text::numbers::{self, UNKNOWN, decimal, percent};

/// Marks numbers that rest on chunks, since the server does not count tokens.
const ABOUT: &str = "~";

/// The whole text, with its last line end.
pub(super) fn text(summary: &Summary) -> String {
    let mut lines = vec![String::new()];
    if summary.simulated {
        lines.push("SIMULATED: these are the numbers of a simulator, not of a model.".to_owned());
        lines.push(String::new());
    }
    if summary.cycles.is_empty() {
        lines.push("No cycle was run.".to_owned());
    } else {
        lines.extend(table(&summary.cycles, Outlet::Printer));
        lines.push(String::new());
        lines.extend(table(&summary.cycles, Outlet::PrinterMore));
    }
    let about = summary
        .cycles
        .iter()
        .any(|level| !level.figures.about().is_empty());
    if about {
        lines.push(format!(
            "{ABOUT} chunks counted as tokens: the server does not count them"
        ));
    }
    lines.extend(machine::lines(summary));
    lines.extend(errors(&summary.cycles));
    lines.push(String::new());
    if let Some(verdict) = &summary.verdict {
        lines.push(format!("verdict: {}", verdict.sentence));
        for level in &verdict.levels {
            lines.push(format!("  {}", level.evidence));
            lines.extend(
                level
                    .repeats
                    .iter()
                    .map(|repeats| format!("    {}", repeats.text)),
            );
        }
        let dips = verdict.dips.iter();
        lines.extend(dips.map(|dip| format!("  ! {}", dip.text)));
    }
    let why = sentences(&summary.why).into_iter();
    lines.extend(why.map(|why| plain(&why)));
    lines.extend(summary.findings.sentences.iter().cloned());
    let mut texts: Vec<String> = Vec::new();
    for warning in &summary.warnings {
        let text = format!("warning: {}", plain(&warning.text));
        if !texts.contains(&text) {
            texts.push(text);
        }
    }
    lines.extend(texts);
    let mut text = lines.join("\n");
    text.push('\n');
    text
}

/// Whether a column is left out where no level knows it: what a machine, or a server, may not report.
fn is_optional(metric: &Metric, outlet: Outlet) -> bool {
    let of_machine = matches!(
        metric.unit,
        Unit::Watts | Unit::Megahertz | Unit::JoulesPerToken | Unit::Bytes
    );
    of_machine || outlet == Outlet::PrinterMore
}

/// A row a level, below the heads of its columns.
fn table(levels: &[LevelSummary], outlet: Outlet) -> Vec<String> {
    let mut columns = shown(outlet);
    columns.retain(|(metric, shown)| {
        let mut values = levels.iter().map(|l| metric.value(&l.figures, shown.stat));
        !is_optional(metric, outlet) || values.any(|value| value.is_some())
    });
    if columns.is_empty() {
        return Vec::new();
    }
    let heads = columns.iter().map(|(_, shown)| shown.head.to_owned());
    let users = std::iter::once("users".to_owned());
    let mut rows: Vec<Vec<String>> = vec![users.chain(heads).collect()];
    rows.extend(levels.iter().map(|level| {
        let cells = columns.iter();
        let cells = cells.map(|(metric, shown)| cell(metric, shown, level));
        std::iter::once(level.users.to_string())
            .chain(cells)
            .collect()
    }));
    aligned(&rows, |cell, blanks| format!("{blanks}{cell}"))
}

fn cell(metric: &Metric, shown: &Shown, level: &LevelSummary) -> String {
    let level = &level.figures;
    let Some(value) = metric.value(level, shown.stat) else {
        return UNKNOWN.to_owned();
    };
    // What a process does not report is left out of the sum.
    let is_part = level.machine.partial.iter().any(|name| name == metric.key);
    let mark = if is_part { "≥" } else { metric.about(level) };
    let value = match metric.unit {
        Unit::Share => value * 100.0,
        Unit::Bytes => value / 1e9,
        _ => value,
    };
    format!("{mark}{}", decimal(value, shown.digits))
}

fn errors(levels: &[LevelSummary]) -> Vec<String> {
    let failing = levels.iter().filter(|level| level.figures.failed > 0);
    let line = |level: &LevelSummary| {
        let kinds = failures_in_words(level.figures.errors.iter().map(|(kind, n)| (kind, *n)));
        let share = percent(level.figures.error_rate, 1);
        let users = numbers::users(level.users);
        format!("failed at {users}: {kinds} ({share})")
    };
    failing.map(line).collect()
}
