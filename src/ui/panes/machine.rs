//! What the machine does: its GPUs and the server's processes, as far as they are measured.

use ratatui::Frame;
use ratatui::buffer::Buffer;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::text::{Line, Span};
use ratatui::widgets::{Paragraph, Widget};

use crate::event::{GpuSample, ProcessSample};
use crate::ui::Cx;
use crate::ui::draw::frame::{self, Title};
use crate::ui::draw::table::{self, Column, View};
use crate::ui::draw::{gauge, text};

const COLUMNS: [Column; 9] = [
    Column::number("pid", 7, 0),
    Column::words("name", 10, 0).growing(),
    Column::number("thr", 4, 4),
    Column::number("fd", 4, 5),
    Column::number("RSS", 7, 1),
    Column::number("VSZ", 7, 6),
    Column::number("CPU", 6, 1),
    Column::number("MEM", 6, 3),
    Column::number("age", 8, 7),
];

/// Draws the pane.
pub fn render(frame: &mut Frame<'_>, area: Rect, cx: &Cx<'_>) {
    let processes = cx.run.processes.as_ref().map(|(_, table)| table.as_slice());
    let title = Title::new("Machine");
    frame::pane(frame, area, cx, &title, |buf, inner| {
        if cx.run.gpus.is_empty() && processes.is_none() {
            Line::styled("not measured", cx.theme.dim).render(inner, buf);
            return;
        }
        let width = usize::from(inner.width);
        let samples = cx.run.gpus.values();
        let lines: Vec<Line<'_>> = samples
            .flat_map(|(_, gpu)| gauges(cx, gpu, width))
            .collect();
        let rows = crate::units::u16_of(processes.map_or(0, |table| table.len() + 1));
        let gpu = crate::units::u16_of(lines.len());
        let gpu = gpu.min(inner.height.saturating_sub(rows.min(inner.height / 2)));
        let [gpus, table] =
            Layout::vertical([Constraint::Length(gpu), Constraint::Fill(1)]).areas(inner);
        Paragraph::new(lines).render(gpus, buf);
        if let Some(processes) = processes {
            process_table(buf, table, cx, processes);
        }
    });
}

fn gauges(cx: &Cx<'_>, gpu: &GpuSample, width: usize) -> Vec<Line<'static>> {
    let theme = cx.theme;
    let name = gpu.name.as_deref().unwrap_or(&gpu.source);
    let name = text::fit(name, width).into_owned();
    let memory = match (gpu.vram_used_bytes, gpu.vram_total_bytes) {
        (Some(used), Some(total)) if total > 0 => Some(used as f64 / total as f64),
        _ => None,
    };
    let vram = format!(
        "{} of {}",
        text::bytes(gpu.vram_used_bytes),
        text::bytes(gpu.vram_total_bytes)
    );
    let usage = text::number(gpu.usage_percent, 0, " %");
    let room = width.saturating_sub(28).min(24);
    let row = |label: &str, share: Option<f64>, value: String| {
        Line::from(vec![
            Span::styled(format!("{label:<7}"), theme.dim),
            Span::styled(
                gauge::bar(share, room),
                theme.series.first().copied().unwrap_or_default(),
            ),
            Span::raw(format!(" {value}")),
        ])
    };
    let plain = |label: &str, value: String| {
        Line::from(vec![
            Span::styled(format!("{label:<7}"), theme.dim),
            Span::raw(value),
        ])
    };
    let power = text::number(gpu.watts, 1, " W");
    let heat = text::number(gpu.celsius, 0, " °C");
    vec![
        Line::styled(name, theme.title),
        row("usage", gpu.usage_percent.map(|p| p / 100.0), usage),
        row("memory", memory, vram),
        plain("power", format!("{power} · temperature {heat}")),
        plain("clock", text::number(gpu.mhz, 0, " MHz")),
    ]
}

fn process_table(buf: &mut Buffer, area: Rect, cx: &Cx<'_>, processes: &[ProcessSample]) {
    let view = View {
        columns: &COLUMNS,
        len: processes.len(),
        selected: None,
        scroll: cx.scroll,
    };
    table::table(buf, area, cx.theme, view, |row, _| {
        let process = processes.get(row);
        process.map(cells).unwrap_or_default()
    });
}

fn cells(process: &ProcessSample) -> Vec<Span<'static>> {
    let count = |value: Option<u32>| text::count(value.map(u64::from));
    let cells = [
        process.pid.to_string(),
        process.name.clone(),
        count(process.threads),
        count(process.descriptors),
        text::bytes(process.rss_bytes),
        text::bytes(process.vsz_bytes),
        text::number(process.cpu_percent, 1, ""),
        text::number(process.memory_percent, 1, ""),
        process
            .age_s
            .map_or_else(|| text::UNKNOWN.to_owned(), text::clock),
    ];
    cells.into_iter().map(Span::raw).collect()
}
