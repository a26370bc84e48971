//! `tokometer runs`: what was recorded.

use clap::Args;
use color_eyre::eyre::Result;

use crate::cli::output::{RunsDir, USAGE, print, print_err, shown};
use crate::store::index::{Entry, Found, delete, find, list_all};
use crate::text::columns::aligned;
use crate::text::numbers::{UNKNOWN, carried, number};
use crate::text::sanitize::{json_lines, one_line};

/// The longest name of a model or a server in the table, characters.
const LONGEST: usize = 40;

/// The flags of `runs`.
#[derive(Debug, Args, Clone)]
pub struct RunsArgs {
    /// Only runs whose name, model or server contains this
    #[arg(value_name = "TEXT")]
    pub filter: Option<String>,
    /// Print the list as JSON
    #[arg(long)]
    pub json: bool,
    /// Delete this run with all its files (needs --yes)
    #[arg(long, value_name = "RUN", conflicts_with_all = ["filter", "json"])]
    pub delete: Option<String>,
    /// Confirm --delete
    #[arg(long, requires = "delete")]
    pub yes: bool,
    /// Where runs are kept
    #[command(flatten)]
    pub runs_dir: RunsDir,
}

/// Lists or deletes, and returns the exit code: 0 done, 1 not possible, 2 not confirmed.
pub(crate) fn run_runs(args: &RunsArgs) -> Result<u8> {
    let root = args.runs_dir.root()?;
    if let Some(name) = &args.delete {
        return delete_run(&root, name, args.yes);
    }
    let mut entries = readable(list_all(&root)?);
    if let Some(filter) = &args.filter {
        entries.retain(|entry| entry.matches(filter));
    }
    if args.json {
        print(&json_lines(&entries)?);
    } else {
        print(&text(&entries, &shown(&root), args.filter.as_deref()));
    }
    Ok(0)
}

/// The runs; those that cannot be read are reported on standard error.
fn readable(found: Vec<Found>) -> Vec<Entry> {
    let mut entries = Vec::new();
    for found in found {
        match found {
            Found::Run(entry) => entries.push(*entry),
            Found::Unreadable { id, reason, .. } => {
                print_err(&format!("warning: {id} cannot be read: {reason}"));
            }
        }
    }
    entries
}

fn delete_run(root: &std::path::Path, name: &str, sure: bool) -> Result<u8> {
    let path = find(root, name)?;
    let id = path.file_name().map(|id| id.to_string_lossy().into_owned());
    let id = id.unwrap_or_default();
    if !sure {
        print_err(&format!(
            "this would delete {id} and all its files; confirm with --yes"
        ));
        return Ok(USAGE);
    }
    delete(root, &id)?;
    print(&format!("deleted {}\n", one_line(&id, 200)));
    Ok(0)
}

/// How many users a run's server carries, in short: by the share of good requests and by the mean.
pub(crate) fn verdict(entry: &Entry) -> String {
    let (Some(by_share), Some(by_mean)) = (&entry.by_share, &entry.by_mean) else {
        return UNKNOWN.to_owned();
    };
    let state = by_share
        .state
        .map_or_else(String::new, |state| format!(" ({state})"));
    format!(
        "{}{state}, by mean {}",
        carried(by_share.both_users),
        carried(by_mean.both_users)
    )
}

fn text(entries: &[Entry], root: &str, filter: Option<&str>) -> String {
    if entries.is_empty() {
        let filter = filter.map(|text| format!(" with {text:?} in name, model or server"));
        return format!("no runs in {root}{}\n", filter.unwrap_or_default());
    }
    let head = [
        "run",
        "model",
        "server",
        "levels",
        "requests",
        "failed",
        "best tok/s",
        "users",
    ];
    let mut rows = vec![head.map(str::to_owned).to_vec()];
    rows.extend(entries.iter().map(row));
    let lines = aligned(&rows, |cell, blanks| format!("{cell}{blanks}"));
    let lines = lines.iter().map(|line| format!("{}\n", line.trim_end()));
    lines.collect()
}

fn row(entry: &Entry) -> Vec<String> {
    let mut marks = Vec::new();
    if entry.simulated {
        marks.push("SIMULATED");
    }
    if entry.imported.is_some() {
        marks.push("imported");
    }
    if !entry.ended {
        marks.push("interrupted");
    }
    let mut server = one_line(entry.server.as_deref().unwrap_or(UNKNOWN), LONGEST);
    if !marks.is_empty() {
        server = format!("{server} [{}]", marks.join(", "));
    }
    vec![
        one_line(&entry.id, 100),
        one_line(&entry.model, LONGEST),
        server,
        entry.levels(),
        entry.requests.to_string(),
        entry.failed.to_string(),
        number(entry.speed_tok_s, 1, ""),
        verdict(entry),
    ]
}
