//! Every number that the Results view, the printer and the report show of a run is the one in its `summary.json`, for
//! a clean run, one with faults of each kind, and one that was resumed.

use serde_json::Value;
use tokometer::metrics::metric::{Metric, Outlet, Shown, Stat, Unit, shown};

use crate::contradictions::{printer, report, rows, screen, summary};

/// What `summary.json` says of a metric.
fn known(level: &Value, metric: &Metric, stat: Stat) -> Option<f64> {
    let value = match metric.key {
        key @ ("watts" | "mhz") => &level["gpu"][key],
        key if !level[key].is_null() => &level[key],
        key => &level["machine"][key],
    };
    if !value.is_object() {
        return value.as_f64();
    }
    let stat = match stat {
        Stat::Mean => "mean",
        Stat::Min => "min",
        Stat::P1 => "p1",
        Stat::P5 => "p5",
        Stat::P50 => "p50",
        Stat::P95 => "p95",
        Stat::P99 => "p99",
        Stat::Max => "max",
        Stat::P95Upper => "p95_upper",
        Stat::P99Upper => "p99_upper",
    };
    value[stat].as_f64()
}

/// A number as it is shown, and the half of its last digit: `~12.3`, `✔ 88 %`, `36 ms`, `1,234`; None for `–`.
fn read(cell: &str, unit: Unit) -> Option<(f64, f64)> {
    let cell = cell.trim().trim_start_matches(['~', '✔', '✘', '≥', ' ']);
    if cell.is_empty() || cell == "–" {
        return None;
    }
    let (number, rest) = match cell.split_once(' ') {
        Some((number, rest)) => (number, rest),
        None => (cell, ""),
    };
    let number = number.replace(',', "");
    let (number, thousands) = match number.strip_suffix('k') {
        Some(number) => (number.to_owned(), 1e3),
        None => (number, 1.0),
    };
    let digits = number.split_once('.').map_or(0, |(_, digits)| digits.len());
    let scale = match (rest, unit) {
        ("ms", _) => 1e-3,
        ("µs", _) => 1e-6,
        (_, Unit::Share) => 1e-2,
        (_, Unit::Bytes) => 1e9,
        _ => thousands,
    };
    let value: f64 = number.parse().unwrap_or_else(|_| panic!("{cell}"));
    let last = 10_f64.powi(-i32::try_from(digits).unwrap());
    Some((value * scale, last * scale * 0.500_000_1))
}

#[track_caller]
fn agrees(cell: &str, level: &Value, metric: &Metric, column: &Shown, place: &str) {
    let known = known(level, metric, column.stat);
    let place = format!("{place}: {} ({})", metric.key, column.head);
    match (read(cell, metric.unit), known) {
        (Some((shown, half)), Some(known)) => {
            assert!((shown - known).abs() <= half, "{place}: {cell}, {known}");
        }
        (None, None) => {}
        // A count that is nothing may be left out.
        (None, Some(known)) => assert!(known.abs() < f64::EPSILON, "{place}: –, {known}"),
        (Some(_), None) => panic!("{place}: {cell}, not known"),
    }
}

/// The cells of a row under these heads, which stand at the right of their columns.
fn cells(head: &str, row: &str, heads: &[&str]) -> Vec<String> {
    let head: Vec<char> = head.chars().collect();
    let row: Vec<char> = row.chars().collect();
    let mut from = 0;
    let cell = |name: &&str| {
        let name: Vec<char> = name.chars().collect();
        let found = (from..head.len()).find(|at| head[*at..].starts_with(&name));
        let end = found.unwrap_or_else(|| panic!("no {name:?}")) + name.len();
        let cell = row[from.min(row.len())..end.min(row.len())]
            .iter()
            .collect();
        from = end;
        cell
    };
    heads.iter().map(cell).collect()
}

/// The figures of each cycle, in the order of the run: those of its level, or of one of its repeats.
fn by_cycle(run: &str) -> Vec<(u64, Option<Value>)> {
    let summary = summary(run);
    let mut taken: std::collections::BTreeMap<u64, usize> = std::collections::BTreeMap::new();
    let of_row = |row: std::collections::BTreeMap<String, String>| {
        let users: u64 = row["users"].parse().unwrap();
        let levels = summary["cycles"].as_array().unwrap();
        let level = levels.iter().find(|level| level["users"] == users).unwrap();
        if row["ended"] != "done" {
            return (users, None);
        }
        let number = taken.entry(users).or_default();
        let figures = match level["repeats"].as_array().unwrap() {
            repeats if repeats.is_empty() => level,
            repeats => &repeats[*number],
        };
        *number += 1;
        (users, Some(figures.clone()))
    };
    rows(run).into_iter().map(of_row).collect()
}

async fn results_are_those_of_the_summary(run: &str) {
    let screen = screen(run, "2").await;
    let lines: Vec<&str> = screen.lines().collect();
    let columns = shown(Outlet::Results);
    let mut heads = vec!["users"];
    heads.extend(columns.iter().map(|(_, shown)| shown.head));
    let head = lines.iter().position(|line| line.contains("within limits"));
    let head = head.unwrap();
    for (number, (users, level)) in by_cycle(run).into_iter().enumerate() {
        let row = cells(lines[head], lines[head + 1 + number], &heads);
        let place = format!("{run}, Results, cycle {number}");
        assert!(row[0].ends_with(&format!(" {users}")), "{place}: {row:?}");
        let Some(level) = level else { continue };
        for ((metric, column), cell) in columns.iter().zip(&row[1..]) {
            agrees(cell, &level, metric, column, &place);
        }
    }
}

fn printer_is_that_of_the_summary(run: &str) {
    let (printed, summary) = (printer(run), summary(run));
    let lines: Vec<&str> = printed.lines().collect();
    let heads: Vec<usize> = (0..lines.len())
        .filter(|line| lines[*line].trim_start().starts_with("users "))
        .collect();
    for (outlet, head) in [Outlet::Printer, Outlet::PrinterMore]
        .into_iter()
        .zip(heads)
    {
        let mut columns = shown(outlet);
        columns.retain(|(_, shown)| lines[head].contains(&format!(" {}", shown.head)));
        let mut names = vec!["users"];
        names.extend(columns.iter().map(|(_, shown)| shown.head));
        let levels = summary["cycles"].as_array().unwrap();
        for (level, row) in levels.iter().zip(&lines[head + 1..]) {
            let row = cells(lines[head], row, &names);
            assert_eq!(row[0].trim(), level["users"].to_string());
            for ((metric, column), cell) in columns.iter().zip(&row[1..]) {
                agrees(cell, level, metric, column, &format!("{run}, {outlet:?}"));
            }
        }
    }
}

fn report_is_that_of_the_summary(run: &str) {
    let (report, summary) = (report(run), summary(run));
    let columns = shown(Outlet::Report);
    let mut lines = report.lines();
    lines.find(|line| line.contains("| Speed mean |") && line.contains("| Within limits |"));
    for (level, row) in summary["cycles"]
        .as_array()
        .unwrap()
        .iter()
        .zip(lines.skip(1))
    {
        let row: Vec<&str> = row.trim_matches('|').split('|').collect();
        assert_eq!(row[0].trim(), level["users"].to_string());
        for ((metric, column), cell) in columns.iter().zip(&row[1..]) {
            agrees(cell, level, metric, column, &format!("{run}, report"));
        }
    }
}

#[rstest::rstest]
#[case("clean")]
#[case("faulty")]
#[case("resumed")]
#[tokio::test(start_paused = true)]
async fn what_is_shown_is_what_is_known(#[case] run: &str) {
    results_are_those_of_the_summary(run).await;
    printer_is_that_of_the_summary(run);
    report_is_that_of_the_summary(run);
}
