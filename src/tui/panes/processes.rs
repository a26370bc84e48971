//! The server's processes: who they are and what they take; and who waits for a slot.

use std::cmp::Ordering;

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::Span;
use ratatui::widgets::{Paragraph, Widget};

use crate::event::{ProcessSample, known_pid};
use crate::metrics::state::RunState;
use crate::tui::MachineContext;
use crate::tui::panes::machine;
use crate::tui::panes::requests_view::known_first;
use crate::tui::widgets::{Column, TableView, Title, frame, table, text};

/// What the processes are sorted by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, strum::EnumIter, strum::Display)]
pub enum ProcessSort {
    /// Servers first, children behind their parents.
    #[default]
    #[strum(serialize = "tree")]
    Tree,
    /// The process id.
    #[strum(serialize = "pid")]
    Pid,
    /// The name.
    #[strum(serialize = "name")]
    Name,
    /// Threads.
    #[strum(serialize = "threads")]
    Threads,
    /// Open descriptors.
    #[strum(serialize = "descriptors")]
    Descriptors,
    /// Resident memory.
    #[strum(serialize = "RSS")]
    Rss,
    /// Virtual memory.
    #[strum(serialize = "VSZ")]
    Vsz,
    /// Processor use.
    #[strum(serialize = "CPU")]
    Cpu,
    /// Age.
    #[strum(serialize = "age")]
    Age,
}

/// The order of the table.
pub type ProcessSorting = table::Sorting<ProcessSort>;

impl ProcessSorting {
    /// The column after this one, round again at the end; figures begin with the largest.
    #[must_use]
    pub fn next(self) -> Self {
        let by = self.next_column();
        Self {
            by,
            descending: !matches!(by, ProcessSort::Tree | ProcessSort::Pid | ProcessSort::Name),
        }
    }
}

const COLUMNS: [Column; 11] = [
    Column::number("pid", 7, 0),
    // Room for "ollama serve" and "llama-server".
    Column::words("name", 12, 0).growing(),
    Column::words("role", 6, 3),
    Column::number("-np", 3, 8),
    Column::number("thr", 4, 2),
    Column::number("fd", 5, 2),
    Column::number("RSS", 7, 1),
    Column::number("VSZ", 7, 6),
    Column::number("CPU %", 6, 1),
    Column::number("MEM %", 5, 5),
    Column::number("age", 8, 7),
];

/// Draws the pane.
pub fn render(frame: &mut Frame<'_>, area: Rect, cx: &MachineContext<'_>, sort: ProcessSorting) {
    let title = title(cx, sort);
    frame::framed(frame, area, (cx.theme, cx.focused), &title, |buf, inner| {
        let Some((_, processes)) = &cx.machine.processes else {
            let width = usize::from(inner.width);
            let lines = machine::source_errors(cx, &["processes"], width, false);
            Paragraph::new(lines).render(inner, buf);
            return;
        };
        let list = sorted(processes, sort);
        let columns = columns(cx);
        let view = TableView {
            columns: &columns,
            len: list.len(),
            selected: None,
            scroll: cx.scroll,
        };
        table::table(buf, inner, cx.theme, view, |row, _| {
            Some(cells(cx, list.get(row)?))
        });
    });
}

fn title(cx: &MachineContext<'_>, sort: ProcessSorting) -> Title {
    let arrow = if sort.descending { "▼" } else { "▲" };
    let order = match sort.by {
        ProcessSort::Tree => None,
        by => Some(format!("by {by} {arrow}")),
    };
    let age = machine::age(cx, cx.machine.processes.iter().map(|(at, _)| *at));
    let main = text::joined([Some("Server processes".to_owned()), age, order]);
    let slots = match cx.run {
        Some(run) => run.slots(),
        None => cx.machine.slots(),
    };
    let slots = slots.map(|slots| {
        let current = cx.run.and_then(RunState::current);
        let users = current.filter(|c| c.ended.is_none()).map(|c| c.users);
        match users.filter(|users| *users > slots) {
            Some(users) => format!("slots {slots} · {} of {users} wait", users - slots),
            None => format!("slots {slots}"),
        }
    });
    Title::new(main).aside(slots.unwrap_or_default())
}

/// Windows knows handles and committed memory instead.
fn columns(cx: &MachineContext<'_>) -> [Column; 11] {
    let mut columns = COLUMNS;
    let info = cx.run.and_then(|run| run.info.as_ref());
    let os = info.and_then(|info| info.machine.os.as_deref());
    if os.is_some_and(|os| os.contains("Windows")) {
        for column in &mut columns {
            column.title = match column.title {
                "fd" => "hndl",
                "VSZ" => "commit",
                other => other,
            };
        }
    }
    columns
}

fn sorted(processes: &[ProcessSample], sort: ProcessSorting) -> Vec<&ProcessSample> {
    let mut list: Vec<&ProcessSample> = processes.iter().collect();
    let key = |p: &ProcessSample| -> Option<f64> {
        match sort.by {
            ProcessSort::Tree | ProcessSort::Name => None,
            ProcessSort::Pid => Some(f64::from(p.pid)),
            ProcessSort::Threads => p.threads.map(f64::from),
            ProcessSort::Descriptors => p.descriptors.map(f64::from),
            ProcessSort::Rss => p.rss_bytes.map(|bytes| bytes as f64),
            ProcessSort::Vsz => p.vsz_bytes.map(|bytes| bytes as f64),
            ProcessSort::Cpu => p.cpu_percent,
            ProcessSort::Age => p.age_s,
        }
    };
    let turned = |order: Ordering| {
        if sort.descending {
            order.reverse()
        } else {
            order
        }
    };
    match sort.by {
        ProcessSort::Tree if sort.descending => list.reverse(),
        ProcessSort::Tree => {}
        ProcessSort::Name => list.sort_by(|a, b| turned(a.name.cmp(&b.name))),
        _ => list.sort_by(|a, b| known_first(key(a), key(b), sort.descending)),
    }
    list
}

fn cells(cx: &MachineContext<'_>, process: &ProcessSample) -> Vec<Span<'static>> {
    let count = |value: Option<u32>| text::count(value.map(u64::from));
    let role = process.role.as_deref().unwrap_or(text::UNKNOWN);
    // A server's own word; of the others there is none to know.
    let slots = process
        .slots
        .map_or_else(String::new, |slots| slots.to_string());
    let style = match role {
        "server" | "runner" => cx.theme.text,
        _ => cx.theme.dim,
    };
    let cells = [
        text::or_unknown(known_pid(process.pid)),
        text::safe(&process.name).into_owned(),
        text::safe(role).into_owned(),
        slots,
        count(process.threads),
        count(process.descriptors),
        text::bytes(process.rss_bytes),
        text::bytes(process.vsz_bytes),
        text::number(process.cpu_percent, 1, ""),
        text::number(process.memory_percent, 1, ""),
        text::or_unknown(process.age_s.map(text::clock)),
    ];
    cells
        .into_iter()
        .map(|cell| Span::styled(cell, style))
        .collect()
}

#[cfg(test)]
mod tests {
    use strum::IntoEnumIterator as _;

    use super::*;

    fn process(pid: u32, name: &str, rss_bytes: Option<u64>) -> ProcessSample {
        ProcessSample {
            pid,
            name: name.to_owned(),
            rss_bytes,
            ..ProcessSample::default()
        }
    }

    #[test]
    fn every_column_comes_round_and_sorts() {
        let table = [
            process(1, "b", Some(5)),
            process(2, "a", None),
            process(3, "c", Some(9)),
        ];
        let pids = |sort| -> Vec<u32> { sorted(&table, sort).iter().map(|p| p.pid).collect() };
        let mut sort = ProcessSorting::default();
        assert_eq!(pids(sort), [1, 2, 3]);
        let mut seen = Vec::new();
        for _ in ProcessSort::iter() {
            sort = sort.next();
            seen.push(sort.by);
            match sort.by {
                ProcessSort::Name => assert_eq!(pids(sort), [2, 1, 3]),
                ProcessSort::Rss => {
                    assert_eq!(pids(sort), [3, 1, 2], "unknown stands last");
                    assert_eq!(pids(sort.reversed()), [1, 3, 2], "also the other way");
                }
                _ => {}
            }
        }
        assert_eq!(sort, ProcessSorting::default());
        assert_eq!(seen.len(), ProcessSort::iter().count());
    }
}
