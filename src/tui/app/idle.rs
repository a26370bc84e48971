//! What the machine does before a run: asked for while the screen offers one, forgotten when it starts.

use tokio::time::Instant;

use crate::event::{Event, Stamp};
use crate::metrics::energy::meter::Meter;
use crate::metrics::state::{RunState, Stage};
use crate::session::SessionCommand;
use crate::tui::PaneContext;
use crate::tui::app::{App, Effect, Progress, Screen};

/// The machine as it was last told of.
#[derive(Debug)]
pub(super) struct Idle {
    run: RunState,
    heard: Instant,
    /// The server whose machine was asked for.
    asked: Option<String>,
}

impl Idle {
    pub(super) fn new(now: Instant) -> Self {
        Self {
            run: RunState::default(),
            heard: now,
            asked: None,
        }
    }
}

impl App {
    /// Asks for the machine of the server on the screen, once; forgets it when a run takes its place.
    pub(super) fn observe(&mut self) -> Option<Effect> {
        let url = match (&self.screen, &self.found) {
            (Screen::Ready, Some(found)) => Some(&found.url),
            (Screen::Run(Progress::Starting | Progress::Going | Progress::Over), _) => None,
            // A look at older runs is no reason to ask again.
            _ => return None,
        };
        if self.idle.asked.as_ref() == url {
            return None;
        }
        self.idle.asked = url.cloned();
        self.idle.run = RunState::default();
        url.map(|_| Effect::SessionCommand(SessionCommand::Observe))
    }

    pub(super) fn idle_events(&mut self, url: &str, events: &[Event]) -> Vec<Effect> {
        // Of another server's machine the last words may still come.
        if self.idle.asked.as_deref() != Some(url) {
            return Vec::new();
        }
        self.idle.heard = self.now;
        for event in events {
            self.idle.run.apply(event);
        }
        let run = &mut self.idle.run;
        // It goes on for as long as the user likes: nobody asks what it took.
        run.machine.meter = Meter::default();
        run.stage = Stage::Idling {
            until: Stamp(u64::MAX),
        };
        let shown = self.screen == Screen::Ready;
        shown.then_some(Effect::Redraw).into_iter().collect()
    }

    /// What the panes of the machine may look at before a run; None while nothing is told.
    pub fn idle(&self) -> Option<PaneContext<'_>> {
        let run = &self.idle.run;
        let since = self.now.saturating_duration_since(self.idle.heard);
        let since = u64::try_from(since.as_micros()).unwrap_or(u64::MAX);
        (run.events > 0).then(|| PaneContext {
            run,
            limits: self.limits(),
            verdict: &self.judged.verdict,
            theme: &self.theme,
            now: Stamp(run.now.0.saturating_add(since)),
            cycle: None,
            request: None,
            answer: None,
            focused: false,
            scroll: 0,
        })
    }
}
