//! asciicast v2: a header line, then one line `[seconds, "o", text]` a frame, holding what a terminal
//! needs to get from the frame before to this one (<https://docs.asciinema.org/manual/asciicast/v2/>).

use std::io::{self, Write};

use ratatui::backend::{Backend, CrosstermBackend};
use ratatui::buffer::Buffer;
use serde_json::json;

use crate::event::Stamp;

use crate::capture::color_scheme::{ColorScheme, hex};

/// Clears the screen and hides the cursor.
const BEGIN: &str = "\u{1b}[0m\u{1b}[2J\u{1b}[H\u{1b}[?25l";

/// Shows the cursor again.
const END: &str = "\u{1b}[0m\u{1b}[?25h";

/// A recording that is being written.
#[derive(Debug)]
pub struct Cast<W: Write> {
    out: W,
    look: ColorScheme,
    origin: Stamp,
    shown: Option<Buffer>,
}

impl<W: Write> Cast<W> {
    /// A recording in these colors, for players that heed them.
    pub fn new(out: W, look: ColorScheme) -> Self {
        Self {
            out,
            look,
            origin: Stamp::default(),
            shown: None,
        }
    }

    /// Takes the screen as it is from `at` on.
    pub fn frame(&mut self, at: Stamp, buffer: &Buffer) -> io::Result<()> {
        let area = buffer.area;
        let mut text = String::new();
        match &self.shown {
            None => {
                self.origin = at;
                self.header(buffer)?;
                text.push_str(BEGIN);
            }
            Some(shown) if shown.area != area => {
                self.event(at, "r", &format!("{}x{}", area.width, area.height))?;
                text.push_str(BEGIN);
            }
            Some(_) => {}
        }
        let blank = Buffer::empty(area);
        let before = self.shown.as_ref().filter(|shown| shown.area == area);
        text.push_str(&turned(before.unwrap_or(&blank), buffer)?);
        if !text.is_empty() {
            self.event(at, "o", &text)?;
        }
        self.shown = Some(buffer.clone());
        Ok(())
    }

    /// Ends it at `at`, until when the last frame is shown.
    pub fn finish(mut self, at: Stamp) -> io::Result<()> {
        if self.shown.is_some() {
            self.event(at, "o", END)?;
        }
        self.out.flush()
    }

    fn header(&mut self, buffer: &Buffer) -> io::Result<()> {
        let palette: Vec<String> = self.look.ansi.iter().copied().map(hex).collect();
        let header = json!({
            "version": 2,
            "width": buffer.area.width,
            "height": buffer.area.height,
            "title": "tokometer",
            "env": { "TERM": "xterm-256color" },
            "theme": {
                "fg": hex(self.look.text),
                "bg": hex(self.look.ground),
                "palette": palette.join(":"),
            },
        });
        writeln!(self.out, "{header}")
    }

    fn event(&mut self, at: Stamp, kind: &str, text: &str) -> io::Result<()> {
        writeln!(self.out, "{}", json!([at.since(self.origin), kind, text]))
    }
}

/// What a terminal needs to get from one screen to the other of the same size; empty if nothing.
fn turned(from: &Buffer, to: &Buffer) -> io::Result<String> {
    let changes = from.diff(to);
    if changes.is_empty() {
        return Ok(String::new());
    }
    let mut bytes = Vec::new();
    CrosstermBackend::new(&mut bytes).draw(changes.into_iter())?;
    String::from_utf8(bytes).map_err(io::Error::other)
}
