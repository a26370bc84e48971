//! The detailed metrics of a report: every distribution of every level.

use super::content::Table;
use super::text::{count, number};
use crate::stats::dist::Dist;
use crate::stats::figures::Figures;
use crate::stats::summary::Summary;

/// A distribution of a level: its name, decimals, and where it stands.
type Detail = (&'static str, usize, fn(&Figures) -> &Dist);

fn detailed(summary: &Summary, caption: &'static str, figures: &[Detail]) -> Table {
    let mut rows = Vec::new();
    for level in &summary.cycles {
        for (name, digits, dist) in figures {
            let d = dist(&level.figures);
            let cells = [d.min, d.p5, d.mean, d.p50, d.p90, d.p95, d.p99, d.max];
            let mut row = vec![level.users.to_string(), (*name).to_owned(), count(d.n)];
            row.extend(cells.map(|cell| number(cell, *digits)));
            rows.push(row);
        }
    }
    Table {
        caption,
        head: vec![
            "Users", "Metric", "n", "min", "p5", "mean", "p50", "p90", "p95", "p99", "max",
        ],
        rows,
    }
}

pub(super) fn waits(summary: &Summary) -> Table {
    let figures: [Detail; 3] = [
        ("TTFB", 3, |f| &f.ttfb_s),
        ("Wait (TTFT)", 3, |f| &f.ttft_s),
        ("TTFA", 3, |f| &f.ttfa_s),
    ];
    detailed(summary, "Waits, seconds", &figures)
}

pub(super) fn durations(summary: &Summary) -> Table {
    let figures: [Detail; 2] = [
        ("Duration, s", 2, |f| &f.total_s),
        ("Speed, tokens/s", 2, |f| &f.speed_tok_s),
    ];
    detailed(summary, "Durations and speeds", &figures)
}

pub(super) fn gaps(summary: &Summary) -> Table {
    let figures: [Detail; 2] = [("TPOT", 4, |f| &f.tpot_s), ("ITL", 4, |f| &f.itl_s)];
    detailed(summary, "Time between tokens, seconds", &figures)
}
