//! What the terminal was sent, and what it shows of it.

use std::io::Read;
use std::num::NonZeroU16;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::time::Instant;

use crate::process::patience;

/// What has been seen so far.
pub(crate) struct Seen {
    pub(crate) emulator: vt100::Parser,
    /// Every byte that came.
    pub(crate) bytes: Vec<u8>,
    /// When the program first drew its name.
    pub(crate) first_frame: Option<Instant>,
}

/// The terminal's side that is looked at.
pub(crate) struct Eyes {
    seen: Mutex<Seen>,
    more: Condvar,
    closed: AtomicBool,
}

pub(crate) fn cells(number: u16) -> NonZeroU16 {
    NonZeroU16::new(number).unwrap()
}

impl Eyes {
    pub(crate) fn open(rows: u16, columns: u16) -> Arc<Self> {
        Arc::new(Self {
            seen: Mutex::new(Seen {
                emulator: vt100::Parser::new(cells(rows), cells(columns), 0),
                bytes: Vec::new(),
                first_frame: None,
            }),
            more: Condvar::new(),
            closed: AtomicBool::new(false),
        })
    }

    pub(crate) fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap()
    }

    /// Takes in what the program writes, until its end of the terminal is closed or this one is.
    pub(crate) fn watch(&self, mut from: impl Read) {
        let mut buffer = [0; 1 << 13];
        // The end of a pseudo-terminal is an error on Linux and an empty read elsewhere.
        while let Ok(count @ 1..) = from.read(&mut buffer) {
            let mut seen = self.seen();
            let bytes = buffer.get(..count).unwrap();
            seen.emulator.process(bytes);
            seen.bytes.extend_from_slice(bytes);
            if seen.first_frame.is_none() && seen.emulator.screen().contents().contains("tokometer")
            {
                seen.first_frame = Some(Instant::now());
            }
            drop(seen);
            self.more.notify_all();
            if self.closed.load(Ordering::SeqCst) {
                break;
            }
        }
    }

    /// Stops watching at the next byte.
    pub(crate) fn close(&self) {
        self.closed.store(true, Ordering::SeqCst);
    }

    /// Waits until the screen is as `holds` wants it.
    pub(crate) fn wait(&self, what: &str, holds: impl Fn(&vt100::Screen) -> bool) {
        let seen = self.seen();
        let waited = self
            .more
            .wait_timeout_while(seen, patience(), |seen| !holds(seen.emulator.screen()));
        let (seen, waited) = waited.unwrap();
        assert!(
            !waited.timed_out(),
            "waited for {what}; the screen:\n{}",
            seen.emulator.screen().contents()
        );
    }
}

/// The parameters of every color that the bytes set: `31`, `38;5;4`. Bold and the like are none.
pub(crate) fn colors(bytes: &[u8]) -> Vec<String> {
    let text = String::from_utf8_lossy(bytes);
    let sequences = text.split("\x1b[").skip(1);
    let styles = sequences.filter_map(|rest| {
        let end = rest.find(|c: char| !c.is_ascii_digit() && c != ';')?;
        rest.get(end..)?.starts_with('m').then(|| rest.get(..end))?
    });
    let is_color = |parameter: &str| {
        matches!(
            parameter.parse(),
            Ok(30..=38 | 40..=48 | 90..=97 | 100..=107_u16)
        )
    };
    styles
        .filter(|style| style.split(';').any(is_color))
        .map(str::to_owned)
        .collect()
}

#[test]
fn colors_are_told_from_other_styles() {
    let bytes = b"\x1b[1;7mbold\x1b[0m\x1b[39;49m\x1b[38;5;4mblue\x1b[91mred\x1b[31;2Hcursor\x1b[m";
    assert_eq!(colors(bytes), ["38;5;4", "91"]);
}
