//! A terminal whose frames are recorded as they are drawn.

use std::io;
use std::sync::{Arc, OnceLock};

use ratatui::backend::{Backend, ClearType, WindowSize};
use ratatui::buffer::{Buffer, Cell};
use ratatui::layout::{Position, Rect, Size};
use tokio::time::Instant;
use unicode_width::UnicodeWidthStr as _;

use crate::capture::ScreenRecorder;
use crate::event::{RunClock, Stamp};
use crate::tui::clock::Clock;

/// Which part of what is drawn is recorded; None until that is known.
pub type RecordedSpan = Arc<OnceLock<(Instant, Instant)>>;

/// What is being recorded, and where it goes.
#[derive(Debug)]
pub struct Tape {
    recorder: ScreenRecorder,
    clock: Clock,
    /// The time of the recording.
    stamps: RunClock,
    /// None for all of it.
    window: Option<RecordedSpan>,
    screen: Buffer,
    /// Whether anything has been drawn, and whether anything has been recorded.
    drawn: bool,
    begun: bool,
}

impl Tape {
    /// Records everything.
    pub fn new(recorder: ScreenRecorder, clock: Clock) -> Self {
        Self {
            recorder,
            stamps: RunClock::at(clock.now(), Stamp(0)),
            clock,
            window: None,
            screen: Buffer::default(),
            drawn: false,
            begun: false,
        }
    }

    /// Records what is on the screen within `window`.
    pub fn within(recorder: ScreenRecorder, clock: Clock, window: RecordedSpan) -> Self {
        Self {
            window: Some(window),
            ..Self::new(recorder, clock)
        }
    }

    /// When recording begins and ends, if that is known.
    fn bounds(&self) -> Option<(Instant, Option<Instant>)> {
        match &self.window {
            None => Some((self.stamps.instant(Stamp(0)), None)),
            Some(window) => window.get().map(|(from, until)| (*from, Some(*until))),
        }
    }

    /// The frame that was on the screen when the window opened is its first.
    fn open(&mut self) -> io::Result<()> {
        let from = self.bounds().map(|(from, _)| from);
        match from.filter(|from| self.drawn && !self.begun && *from <= self.clock.now()) {
            Some(from) => {
                self.begun = true;
                let at = self.stamps.stamp(from);
                self.recorder.frame(at, &self.screen)
            }
            None => Ok(()),
        }
    }

    /// A terminal that was cleared or resized is blank.
    fn blank(&mut self, size: Size) {
        self.screen = Buffer::empty(Rect::from((Position::ORIGIN, size)));
    }

    fn put(&mut self, x: u16, y: u16, cell: &Cell) {
        let width = u16::try_from(cell.symbol().width()).unwrap_or(1);
        if let Some(shown) = self.screen.cell_mut((x, y)) {
            shown.clone_from(cell);
        }
        // What a wide character covers is not drawn, and must not show what was there.
        for covered in x.saturating_add(1)..x.saturating_add(width) {
            if let Some(covered) = self.screen.cell_mut((covered, y)) {
                covered.reset();
            }
        }
    }

    /// A frame is whole.
    fn keep(&mut self) -> io::Result<()> {
        self.drawn = true;
        let now = self.clock.now();
        let Some((from, until)) = self.bounds() else {
            return Ok(());
        };
        if now < from || until.is_some_and(|until| now > until) {
            return Ok(());
        }
        self.begun = true;
        let at = self.stamps.stamp(now);
        self.recorder.frame(at, &self.screen)
    }

    fn finish(mut self) -> io::Result<()> {
        self.open()?;
        let now = self.clock.now();
        let until = self.bounds().and_then(|(_, until)| until);
        let end = until.map_or(now, |until| until.min(now));
        let at = self.stamps.stamp(end);
        self.recorder.finish(at)
    }
}

/// Why a frame could not be drawn.
#[derive(Debug, thiserror::Error)]
pub enum RecordedError<E> {
    /// The terminal cannot be written.
    #[error("{0}")]
    Terminal(E),
    /// The recording cannot be written.
    #[error("cannot write the recording: {0}")]
    Recording(io::Error),
}

/// A terminal, and the tape that everything drawn on it goes to as well.
#[derive(Debug)]
pub struct Recorded<B> {
    inner: B,
    tape: Option<Tape>,
}

type Done<B, T = ()> = Result<T, RecordedError<<B as Backend>::Error>>;

impl<B: Backend> Recorded<B> {
    /// The terminal `inner`; without a tape nothing is recorded.
    pub fn new(inner: B, tape: Option<Tape>) -> Done<B, Self> {
        let mut recorded = Self { inner, tape };
        recorded.blank()?;
        Ok(recorded)
    }

    /// Ends the recording, if there is one.
    pub fn finish(&mut self) -> io::Result<()> {
        self.tape.take().map_or(Ok(()), Tape::finish)
    }

    fn blank(&mut self) -> Done<B> {
        let size = self.size()?;
        if let Some(tape) = &mut self.tape {
            tape.blank(size);
        }
        Ok(())
    }
}

impl<B: Backend> Backend for Recorded<B> {
    type Error = RecordedError<B::Error>;

    fn draw<'a, I>(&mut self, content: I) -> Done<B>
    where
        I: Iterator<Item = (u16, u16, &'a Cell)>,
    {
        let Some(tape) = &mut self.tape else {
            return self.inner.draw(content).map_err(RecordedError::Terminal);
        };
        tape.open().map_err(RecordedError::Recording)?;
        let content = content.inspect(|(x, y, cell)| tape.put(*x, *y, cell));
        self.inner.draw(content).map_err(RecordedError::Terminal)
    }

    fn flush(&mut self) -> Done<B> {
        self.inner.flush().map_err(RecordedError::Terminal)?;
        let kept = self.tape.as_mut().map_or(Ok(()), Tape::keep);
        kept.map_err(RecordedError::Recording)
    }

    fn clear(&mut self) -> Done<B> {
        self.inner.clear().map_err(RecordedError::Terminal)?;
        self.blank()
    }

    fn clear_region(&mut self, kind: ClearType) -> Done<B> {
        self.inner
            .clear_region(kind)
            .map_err(RecordedError::Terminal)?;
        match kind {
            ClearType::All => self.blank(),
            _ => Ok(()),
        }
    }

    fn hide_cursor(&mut self) -> Done<B> {
        self.inner.hide_cursor().map_err(RecordedError::Terminal)
    }

    fn show_cursor(&mut self) -> Done<B> {
        self.inner.show_cursor().map_err(RecordedError::Terminal)
    }

    fn get_cursor_position(&mut self) -> Done<B, Position> {
        self.inner
            .get_cursor_position()
            .map_err(RecordedError::Terminal)
    }

    fn set_cursor_position<P: Into<Position>>(&mut self, position: P) -> Done<B> {
        self.inner
            .set_cursor_position(position)
            .map_err(RecordedError::Terminal)
    }

    fn size(&self) -> Done<B, Size> {
        self.inner.size().map_err(RecordedError::Terminal)
    }

    fn window_size(&mut self) -> Done<B, WindowSize> {
        self.inner.window_size().map_err(RecordedError::Terminal)
    }
}
