//! One level of the study: a folder whose files may hold several runs, one appended to the other.

use std::collections::{BTreeSet, VecDeque};
use std::fs;
use std::path::{Path, PathBuf};

use chrono::{DateTime, Utc};

use crate::store::import::rows::{DurationRow, GpuRow, Problems, ProcessRow, RequestRow, read};
use crate::text::numbers::{decimal, seconds, u32_of};

/// What a folder says.
#[derive(Debug, Clone)]
pub(crate) struct LevelFolder {
    pub(crate) users: u32,
    pub(crate) repeats: Vec<Repeat>,
    pub(crate) gpu: Vec<GpuRow>,
    pub(crate) processes: Vec<ProcessRow>,
}

/// One run of the level.
#[derive(Debug, Clone)]
pub(crate) struct Repeat {
    /// When its last request was over; None where no file says.
    pub(crate) end: Option<DateTime<Utc>>,
    pub(crate) rows: Vec<RequestRow>,
}

impl Repeat {
    /// First sent → last end, seconds.
    pub(crate) fn length_s(&self) -> f64 {
        let lengths = self.rows.iter().map(RequestRow::whole_s);
        lengths.fold(0.0, f64::max)
    }

    fn longest_s(&self) -> f64 {
        let lengths = self.rows.iter().map(|row| row.total_s);
        lengths.fold(0.0, f64::max)
    }
}

impl LevelFolder {
    pub(crate) fn read(users: u32, path: &Path, problems: &mut Problems) -> Self {
        let folder = format!("test_results_{users}");
        let named = |file: &str| (path.join(file), format!("{folder}/{file}"));
        let (file, name) = named("request_summary.csv");
        let rows: Vec<RequestRow> = read(&file, &name, problems);
        let mut repeats = split(rows, users, &name, problems);
        let (file, name) = named("duration_metrics.csv");
        let ends: Vec<DurationRow> = read(&file, &name, problems);
        set_ends(&mut repeats, ends, &name, problems);
        let (file, name) = named("gpu_metrics.csv");
        let gpu = read(&file, &name, problems);
        let mut processes = Vec::new();
        for (file, name) in process_files(path, &folder, problems) {
            processes.extend(read::<ProcessRow>(&file, &name, problems));
        }
        Self {
            users,
            repeats,
            gpu,
            processes,
        }
    }
}

/// Cuts the rows into runs: a request that was there already begins the next.
fn split(rows: Vec<RequestRow>, users: u32, name: &str, problems: &mut Problems) -> Vec<Repeat> {
    let mut repeats: Vec<Repeat> = Vec::new();
    let mut seen = BTreeSet::new();
    for row in rows {
        let begins = seen.contains(&row.id) || seen.is_empty();
        if begins {
            seen.clear();
            repeats.push(Repeat {
                end: None,
                rows: Vec::new(),
            });
        }
        seen.insert(row.id);
        if let Some(repeat) = repeats.last_mut() {
            repeat.rows.push(row);
        }
    }
    for repeat in &repeats {
        let found = u32_of(repeat.rows.len());
        if found != users {
            let line = repeat.rows.first().map_or(0, |row| row.line);
            problems.add(format!(
                "{name}, line {line}: the run that starts here has {found} of {users} requests"
            ));
        }
    }
    repeats
}

/// Gives each run its end: in order where there are as many, else by the longest duration in both.
fn set_ends(repeats: &mut [Repeat], ends: Vec<DurationRow>, name: &str, problems: &mut Problems) {
    let in_order = repeats.len() == ends.len();
    let mut left: VecDeque<DurationRow> = ends.into();
    for (number, repeat) in repeats.iter_mut().enumerate() {
        let longest = repeat.longest_s();
        let fits = |end: &DurationRow| (end.max_s - longest).abs() < 0.01;
        let place = if in_order {
            Some(0)
        } else {
            left.iter().position(fits)
        };
        let Some(end) = place.and_then(|place| left.remove(place)) else {
            problems.add(format!(
                "{name}: no line for run {} of its level ({}): its time is unknown, so it comes after the others, without energy",
                number + 1,
                seconds(Some(longest))
            ));
            continue;
        };
        if !fits(&end) {
            problems.add(format!(
                "{name}, line {}: MaxDuration is {} s, the requests say {} s",
                end.line,
                decimal(end.max_s, 3),
                decimal(longest, 3)
            ));
        }
        repeat.end = Some(end.end);
    }
    for end in left {
        let line = end.line;
        problems.add(format!("{name}, line {line}: a run without requests"));
    }
}

fn process_files(path: &Path, folder: &str, problems: &mut Problems) -> Vec<(PathBuf, String)> {
    const OTHERS: [&str; 3] = [
        "request_summary.csv",
        "duration_metrics.csv",
        "gpu_metrics.csv",
    ];
    let mut names: Vec<String> = fs::read_dir(path).map_or_else(
        |_| Vec::new(),
        |entries| {
            let names = entries.filter_map(|entry| Some(entry.ok()?.file_name()));
            names
                .map(|name| name.to_string_lossy().into_owned())
                .collect()
        },
    );
    names.sort();
    let mut found = Vec::new();
    for name in names {
        let is_process = name
            .strip_prefix("process_")
            .and_then(|rest| rest.strip_suffix("_metrics.csv"))
            .is_some();
        if is_process {
            let full = format!("{folder}/{name}");
            found.push((path.join(name), full));
        } else if !OTHERS.contains(&name.as_str()) && !name.starts_with('.') {
            problems.add(format!(
                "{folder}/{name}: not a file of the study's tool, skipped"
            ));
        }
    }
    if found.is_empty() {
        problems.add(format!("{folder}: no process_PID_metrics.csv"));
    }
    found
}
