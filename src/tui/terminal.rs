//! The terminal: raw mode, the alternate screen, and their certain restoration.
//!
//! Whatever happens (a quit, an error, a panic anywhere, a hang-up), the terminal is restored once,
//! and errors on the way out are ignored: after a hang-up there is nobody to report to, and to
//! print would abort the process.

use std::io::{self, BufWriter, Stdout, Write};
use std::sync::Once;
use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};

use crossterm::cursor::Show;
use crossterm::event::{DisableMouseCapture, EnableMouseCapture, Event};
use crossterm::execute;
use crossterm::terminal::{
    EnterAlternateScreen, LeaveAlternateScreen, disable_raw_mode, enable_raw_mode,
};
use futures_util::{Stream, stream};
use ratatui::Terminal;
use ratatui::backend::CrosstermBackend;
use tokio::sync::mpsc;

use crate::tui::recording::{Recorded, Tape};

/// Who holds the terminal: [`COOKED`], [`RAW`] or [`PANICKED`].
static STATE: AtomicU8 = AtomicU8::new(COOKED);
/// Whether the mouse is captured.
static MOUSE: AtomicBool = AtomicBool::new(false);
/// The panic hook is set once a process.
static HOOK: Once = Once::new();

/// The terminal is the shell's: what is still drawn is swallowed.
const COOKED: u8 = 0;
/// The terminal is ours.
const RAW: u8 = 1;
/// A panic took the terminal back: drawing is an error, so that the dashboard ends.
const PANICKED: u8 = 2;

/// Input that was read and not taken in yet; beyond it the reader waits.
const INPUT: usize = 64;

/// Bytes gathered before they are written: a frame goes out in one piece.
const FRAME_BYTES: usize = 1 << 16;

/// The backend of the real terminal.
pub type Backend = Recorded<CrosstermBackend<BufWriter<Gate<Stdout>>>>;

/// The terminal in raw mode; restored when dropped.
#[derive(Debug)]
pub struct TerminalScreen {
    terminal: Terminal<Backend>,
}

impl TerminalScreen {
    /// Takes the terminal: raw mode, alternate screen, the mouse if wanted. Panic hooks that are
    /// set already run after the terminal is restored. What is drawn goes onto the tape as well.
    pub fn open(mouse: bool, tape: Option<Tape>) -> io::Result<Self> {
        HOOK.call_once(|| {
            let previous = std::panic::take_hook();
            std::panic::set_hook(Box::new(move |info| {
                restore_from_signal(PANICKED);
                previous(info);
            }));
        });
        enable_raw_mode()?;
        STATE.store(RAW, Ordering::SeqCst);
        MOUSE.store(mouse, Ordering::SeqCst);
        Self::enter(mouse, tape).inspect_err(|_| restore_from_signal(COOKED))
    }

    fn enter(mouse: bool, tape: Option<Tape>) -> io::Result<Self> {
        let mut out = io::stdout();
        execute!(out, EnterAlternateScreen)?;
        if mouse {
            execute!(out, EnableMouseCapture)?;
        }
        let gate = Gate {
            inner: out,
            state: &STATE,
        };
        let frames = BufWriter::with_capacity(FRAME_BYTES, gate);
        let backend = Recorded::new(CrosstermBackend::new(frames), tape);
        let terminal = backend.and_then(Terminal::new).map_err(io::Error::other)?;
        Ok(Self { terminal })
    }

    /// The terminal, to draw on.
    pub fn terminal(&mut self) -> &mut Terminal<Backend> {
        &mut self.terminal
    }

    /// Gives the terminal back, and ends the recording if there is one.
    pub fn close(mut self) -> io::Result<()> {
        restore_from_signal(COOKED);
        self.terminal.backend_mut().finish()
    }
}

impl Drop for TerminalScreen {
    fn drop(&mut self) {
        restore_from_signal(COOKED);
    }
}

/// What is typed, read on a thread of its own: once the terminal has hung up, crossterm's reader may never
/// return (it reads the end of the input again and again). There it does not keep the program from receiving the signal that
/// came with the hang-up.
pub fn input() -> io::Result<impl Stream<Item = io::Result<Event>> + Unpin> {
    let (tell, mut events) = mpsc::channel(INPUT);
    let read = move || {
        loop {
            let event = crossterm::event::read();
            let is_over = event.is_err();
            if tell.blocking_send(event).is_err() || is_over {
                return;
            }
        }
    };
    std::thread::Builder::new()
        .name("input".to_owned())
        .spawn(read)?;
    Ok(stream::poll_fn(move |cx| events.poll_recv(cx)))
}

/// Restores the terminal, once; errors are ignored.
fn restore_from_signal(to: u8) {
    let was = STATE.swap(to, Ordering::SeqCst);
    if was != RAW {
        return;
    }
    let _ = disable_raw_mode();
    let mut out = io::stdout();
    if MOUSE.swap(false, Ordering::SeqCst) {
        let _ = execute!(out, DisableMouseCapture);
    }
    let _ = execute!(out, LeaveAlternateScreen, Show);
}

/// A writer that goes through only while the terminal is ours. `Terminal` writes once more when it
/// is dropped and prints an error if it cannot, which after a hang-up would abort the process.
#[derive(Debug)]
pub struct Gate<W> {
    inner: W,
    state: &'static AtomicU8,
}

impl<W: Write> Write for Gate<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self.state.load(Ordering::SeqCst) {
            RAW => self.inner.write(bytes),
            PANICKED => Err(closed_error()),
            _ => Ok(bytes.len()),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self.state.load(Ordering::SeqCst) {
            RAW => self.inner.flush(),
            PANICKED => Err(closed_error()),
            _ => Ok(()),
        }
    }
}

fn closed_error() -> io::Error {
    io::Error::new(
        io::ErrorKind::BrokenPipe,
        "tokometer panicked; the terminal was restored",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_written_once_the_terminal_is_given_back() {
        static HERE: AtomicU8 = AtomicU8::new(RAW);
        let mut gate = Gate {
            inner: Vec::new(),
            state: &HERE,
        };
        gate.write_all(b"ours").unwrap();
        HERE.store(PANICKED, Ordering::SeqCst);
        assert_eq!(
            gate.write_all(b"late").unwrap_err().kind(),
            io::ErrorKind::BrokenPipe
        );
        assert!(gate.flush().is_err());
        HERE.store(COOKED, Ordering::SeqCst);
        gate.write_all(b"later").unwrap();
        gate.flush().unwrap();
        assert_eq!(gate.inner, b"ours");
    }
}
