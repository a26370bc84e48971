//! The card to share: model, machine, three numbers, the curve, and how it was measured.
//!
//! There is nothing private in it: it is made of chosen fields alone, no host or user name, no address, no
//! prompt, no path, no text of a warning or an error. What is left out can be asked for, see [`Show`].

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use crate::event::SourceName;
use crate::report::charts;
use crate::report::charts::Space;
use crate::report::charts::canvas::{Align, Canvas, Stroke, TextStyle, page};
use crate::report::charts::palette::Color;
use crate::report::content;
use crate::report::content::Tile;
use crate::report::files::put;
use crate::report::text::{clean, escape_markdown, without_path};
use crate::report::{Report, ReportError};
use crate::store::StoreError;
use crate::text::numbers::{bytes, grouped_count, joined, percent, seconds};
use crate::text::sanitize::one_line;

/// The size of the card, pixels: what chats and social pages show whole.
const SIZE: (u32, u32) = (1200, 630);

/// What is shown of what is private.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Show {
    /// The server's address.
    pub address: bool,
    /// The first prompt.
    pub prompt: bool,
    /// The run's id, with the time of its start.
    pub run: bool,
}

/// A card, ready to be written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Card {
    /// The whole card as Markdown, to paste into an issue.
    pub markdown: String,
    svg: String,
}

impl Card {
    /// The card of a report.
    pub fn new(report: &Report, show: Show) -> Self {
        let facts = Facts::new(report, show);
        let title = format!("How fast is {}?", facts.model);
        let described = facts.described();
        let svg = page(SIZE, &title, &described, |canvas| {
            draw(canvas, report, &facts);
        });
        Self {
            markdown: facts.markdown(report),
            svg: svg.svg,
        }
    }

    /// The card as SVG, light or dark as its reader prefers.
    pub fn svg(&self) -> String {
        charts::with_dark(&self.svg)
    }

    /// The card as PNG in twice its size.
    pub fn png(&self) -> Result<Vec<u8>, ReportError> {
        charts::png(&self.svg, 2.0).map_err(ReportError::paint("share"))
    }
}

/// Writes the card of a report below `out` as `share.png`, `share.svg` and `share.md`. Returns what was written.
pub fn write_card(report: &Report, out: &Path, show: Show) -> Result<Vec<PathBuf>, ReportError> {
    let card = Card::new(report, show);
    std::fs::create_dir_all(out).map_err(StoreError::io(out))?;
    Ok(vec![
        put(out.join("share.png"), &card.png()?)?,
        put(out.join("share.svg"), card.svg().as_bytes())?,
        put(out.join("share.md"), card.markdown.as_bytes())?,
    ])
}

/// What the card says.
struct Facts {
    model: String,
    of_model: String,
    machine: String,
    tiles: Vec<Tile>,
    /// How it was measured, a line each.
    measured: Vec<String>,
    asked_for: Vec<String>,
}

impl Facts {
    fn new(report: &Report, show: Show) -> Self {
        let summary = &report.summary;
        let target = summary.target.as_ref();
        let model = target.map_or_else(|| "a model".to_owned(), |t| without_path(&clean(&t.model)));
        let of_model = [
            target.and_then(|t| t.parameters.as_deref().map(clean)),
            target.and_then(|t| t.quantization.as_deref().map(clean)),
            target
                .and_then(|t| t.size_bytes)
                .map(|size| bytes(Some(size))),
            target.and_then(|t| t.server.as_deref().map(clean)),
        ];
        let info = report.info();
        let asked_for = [
            info.filter(|_| show.address)
                .map(|i| format!("server {}", clean(&i.target.url))),
            info.filter(|_| show.prompt)
                .and_then(|i| i.plan.prompts.first())
                .map(|prompt| format!("prompt “{}”", one_line(&clean(prompt), 90))),
            info.filter(|_| show.run)
                .map(|i| format!("run {}", clean(&i.id))),
        ];
        Self {
            model,
            of_model: joined(of_model),
            machine: machine(report),
            tiles: content::headline(summary),
            measured: measured(report),
            asked_for: asked_for.into_iter().flatten().collect(),
        }
    }

    fn described(&self) -> String {
        let tiles = self.tiles.iter().map(|tile| {
            let Tile {
                name,
                value,
                unit,
                note,
            } = tile;
            format!("{name}: {value} {unit} {note}.")
        });
        tiles.collect::<Vec<_>>().join(" ")
    }

    fn markdown(&self, report: &Report) -> String {
        let mut out = format!("### How fast is {}?\n\n", escape_markdown(&self.model));
        // Writing to a string cannot fail.
        if report.summary.simulated {
            let _ = write!(out, "> **{}**\n\n", content::SIMULATED);
        }
        for line in [&self.of_model, &self.machine] {
            if !line.is_empty() {
                let _ = write!(out, "{}\n\n", escape_markdown(line));
            }
        }
        let names: Vec<&str> = self.tiles.iter().map(|tile| tile.name).collect();
        let _ = writeln!(
            out,
            "| {} |\n|{}",
            names.join(" | "),
            " --- |".repeat(names.len())
        );
        let cells = self.tiles.iter().map(|tile| {
            let note = escape_markdown(&tile.note);
            let note = if note.is_empty() {
                note
            } else {
                format!("<br>{note}")
            };
            format!("**{}** {}{note}", tile.value, tile.unit)
        });
        let _ = write!(out, "| {} |\n\n", cells.collect::<Vec<_>>().join(" | "));
        let _ = write!(
            out,
            "{}\n\n",
            crate::report::markdown::table(&crate::report::tables::short(&report.summary))
        );
        for line in self.measured.iter().chain(&self.asked_for) {
            let _ = write!(out, "{}\n\n", escape_markdown(line));
        }
        let _ = writeln!(out, "Card made by tokometer {}", env!("CARGO_PKG_VERSION"));
        out
    }
}

/// The machine: its GPUs and what else is known of it, as far as it is the one that was measured.
fn machine(report: &Report) -> String {
    if report.summary.simulated {
        return "no machine was measured".to_owned();
    }
    let gpus = report.gathered.gpus.values();
    let mut parts: Vec<String> = gpus
        .filter_map(|gpu| gpu.name.as_deref().map(clean))
        .collect();
    let Some(info) = report.info() else {
        return joined(parts.into_iter().map(Some));
    };
    let of = &info.machine;
    parts.extend(of.cpu.as_deref().map(clean));
    parts.extend(of.memory_bytes.map(|memory| bytes(Some(memory))));
    parts.extend(of.os.as_deref().map(clean));
    parts.dedup();
    let parts = joined(parts.into_iter().map(Some));
    let elsewhere = &report.gathered.state.machine.sources;
    match is_local(&info.target.url) && !elsewhere.contains_key(&SourceName::ThisMachine) {
        _ if parts.is_empty() => "unknown machine".to_owned(),
        true => parts,
        false => format!("accessed over the network from {parts}"),
    }
}

/// Whether an address is this machine's own.
fn is_local(url: &str) -> bool {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let host = rest.split('/').next().unwrap_or_default();
    let is =
        |name: &str| host == name || host.strip_prefix(name).is_some_and(|p| p.starts_with(':'));
    is("localhost") || is("[::1]") || host.starts_with("127.")
}

/// How it was measured: what "served" means, and what was asked.
fn measured(report: &Report) -> Vec<String> {
    let summary = &report.summary;
    let served = summary.limits.map(|limits| {
        format!(
            "Users served: the most in flight with a wait ≤ {} s and a speed ≥ {} tokens/s for {} of the requests",
            limits.wait_s,
            limits.speed_tok_s,
            percent(Some(limits.share), 0)
        )
    });
    let requests: u64 = summary.cycles.iter().map(|l| l.figures.requests).sum();
    let failed: u64 = summary.cycles.iter().map(|l| l.figures.failed).sum();
    let share = failed as f64 / requests.max(1) as f64;
    let failed = match failed {
        0 => "none failed".to_owned(),
        some => format!(
            "{} failed ({})",
            grouped_count(some),
            percent(Some(share), 1)
        ),
    };
    // Under load: rests, and the days between parts of an import, are not part of it.
    let loaded: f64 = summary
        .cycles
        .iter()
        .filter_map(|level| level.figures.duration_s)
        .sum();
    let (requests, length) = (grouped_count(requests), seconds(Some(loaded)));
    let mut parts = vec![format!(
        "{requests} streamed requests in {length} under load, {failed}"
    )];
    if let Some(info) = report.info() {
        parts.push(format!("each user {}", info.plan.asks()));
        parts.push(match info.plan.max_tokens {
            Some(most) => format!("at most {most} tokens per answer"),
            None => "answers of any length".to_owned(),
        });
    }
    if summary.imported.is_some() {
        parts.push("imported".to_owned());
    }
    served.into_iter().chain([parts.join(" · ")]).collect()
}

fn draw(canvas: &mut Canvas, report: &Report, facts: &Facts) {
    let (width, height) = (f64::from(SIZE.0), f64::from(SIZE.1));
    let edge = 56.0;
    canvas.rect((0.0, 0.0), (width, 8.0), Color::Speed, 1.0);
    let ink = TextStyle::new(44.0, Color::Ink).bold();
    canvas.text((edge, 76.0), &one_line(&facts.model, 38), ink);
    let muted = TextStyle::new(19.0, Color::Muted);
    let mut y = 120.0;
    for line in [&facts.of_model, &facts.machine] {
        if !line.is_empty() {
            canvas.text((edge, y), &one_line(line, 100), muted);
            y += 28.0;
        }
    }
    if report.summary.simulated {
        canvas.simulated((width - edge, 56.0), 1.7);
    }
    let colors = [Color::Speed, Color::Wait, Color::Energy];
    let mut top = 218.0;
    for (tile, color) in facts.tiles.iter().zip(colors) {
        draw_tile(canvas, tile, (edge, top), color);
        top += 112.0;
    }
    let space = Space {
        left: 400.0,
        top: 198.0,
        right: width - edge + 18.0,
        bottom: 542.0,
    };
    if !charts::curve(canvas, &report.summary, space) {
        let none = "no request succeeded, so there is no curve";
        canvas.text((space.left, 360.0), none, muted);
    }
    let small = TextStyle::new(14.5, Color::Muted);
    let rule = [(edge, 554.0), (width - edge, 554.0)];
    canvas.line(rule, Stroke::new(Color::Grid, 1.0));
    let asked = facts.asked_for.join(" · ");
    let mut y = 574.0;
    for line in facts.measured.iter().chain([&asked]) {
        canvas.text((edge, y), &one_line(line, 130), small);
        y += 20.0;
    }
    let version = format!("tokometer {}", report.summary.tokometer);
    let bold = TextStyle::new(14.5, Color::Ink).bold().align(Align::Right);
    canvas.text((width - edge, height - 36.0), &version, bold);
}

fn draw_tile(canvas: &mut Canvas, tile: &Tile, (left, top): (f64, f64), color: Color) {
    canvas.rect((left, top - 14.0), (left + 5.0, top + 74.0), color, 1.0);
    let inside = left + 20.0;
    let name = TextStyle::new(16.0, Color::Muted);
    canvas.text((inside, top - 4.0), tile.name, name);
    let value = TextStyle::new(50.0, Color::Ink).bold();
    canvas.text((inside, top + 34.0), &tile.value, value);
    let digits = tile.value.chars().map(|c| match c {
        '.' => 14.0,
        '1' => 22.0,
        _ => 32.0,
    });
    let beside = inside + digits.sum::<f64>() + 10.0;
    canvas.text(
        (beside, top + 43.0),
        tile.unit,
        TextStyle::new(17.0, Color::Muted),
    );
    let note = one_line(&tile.note, 40);
    canvas.text(
        (inside, top + 70.0),
        &note,
        TextStyle::new(14.0, Color::Muted),
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_path_of_a_model_is_left_out() {
        for (name, shown) in [
            ("deepseek-r1:7b", "deepseek-r1:7b"),
            (
                "hf.co/unsloth/Qwen3-GGUF:Q4_K_M",
                "hf.co/unsloth/Qwen3-GGUF:Q4_K_M",
            ),
            ("Qwen/Qwen3-8B", "Qwen/Qwen3-8B"),
            ("/home/alice/models/q4.gguf", "q4.gguf"),
            ("models/alice/q4.GGUF", "q4.GGUF"),
            ("C:\\Users\\alice\\q4.gguf", "q4.gguf"),
            ("~/models/qwen/", "qwen"),
            ("/", "a model"),
        ] {
            assert_eq!(without_path(name), shown);
        }
    }
}
