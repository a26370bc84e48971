//! The end of a headless run: the table, the verdict, the warnings.

mod machine;

use unicode_width::UnicodeWidthStr;

use crate::event::failures_in_words;
use crate::headless::plain;
use crate::metrics::bottleneck::sentences;
use crate::metrics::summary::{LevelSummary, Summary};

/// The columns of the table.
const HEAD: [&str; 12] = [
    "users",
    "requests",
    "failed",
    "tok/s mean",
    "min",
    "wait s mean",
    "max",
    "total s mean",
    "max",
    "system tok/s",
    "steady",
    "tokens",
];
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
        lines.extend(table(&summary.cycles));
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

fn table(levels: &[LevelSummary]) -> Vec<String> {
    let mut rows = vec![HEAD.map(str::to_owned).to_vec()];
    rows.extend(levels.iter().map(row));
    machine::add_columns(&mut rows, levels);
    let columns = rows.first().map_or(0, Vec::len);
    let widths: Vec<usize> = (0..columns)
        .map(|column| {
            let cells = rows.iter().filter_map(|row| row.get(column));
            cells.map(|cell| cell.width()).max().unwrap_or(0)
        })
        .collect();
    let aligned = |row: &Vec<String>| {
        let cells = row.iter().zip(&widths).map(|(cell, width)| {
            let blanks = width.saturating_sub(cell.width());
            format!("{}{cell}", " ".repeat(blanks))
        });
        cells.collect::<Vec<_>>().join("  ")
    };
    rows.iter().map(aligned).collect()
}

fn row(level: &LevelSummary) -> Vec<String> {
    let figures = &level.figures;
    let about = figures.about();
    let number = |value: Option<f64>, digits: usize| {
        value.map_or_else(|| "–".to_owned(), |value| format!("{value:.digits$}"))
    };
    let counted = |value: Option<f64>| {
        value.map_or_else(|| "–".to_owned(), |value| format!("{about}{value:.1}"))
    };
    vec![
        level.users.to_string(),
        figures.requests.to_string(),
        figures.failed.to_string(),
        counted(figures.speed_tok_s.mean),
        counted(figures.speed_tok_s.min),
        number(figures.ttft_s.mean, 2),
        number(figures.ttft_s.max, 2),
        number(figures.total_s.mean, 1),
        number(figures.total_s.max, 1),
        counted(figures.system_tok_s),
        counted(figures.steady_tok_s),
        format!("{about}{}", figures.output_tokens),
    ]
}

fn errors(levels: &[LevelSummary]) -> Vec<String> {
    let failing = levels.iter().filter(|level| level.figures.failed > 0);
    let line = |level: &LevelSummary| {
        let kinds = failures_in_words(level.figures.errors.iter().map(|(kind, n)| (kind, *n)));
        let percent = level.figures.error_rate.unwrap_or(0.0) * 100.0;
        let users = crate::text::numbers::users(level.users);
        format!("failed at {users}: {kinds} ({percent:.1} %)")
    };
    failing.map(line).collect()
}
