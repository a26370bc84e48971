//! What the machine does before a run: asked for while the screen offers one, forgotten when it starts.

use tokio::time::Instant;

use crate::event::{Event, Stamp};
use crate::metrics::machine::MachineState;
use crate::session::SessionCommand;
use crate::tui::MachineContext;
use crate::tui::app::{App, Effect, RunProgress, Screen};

/// The machine as it was last told of.
#[derive(Debug, Default)]
pub(super) struct IdleMachine {
    machine: MachineState,
    /// The latest stamp, and when it came; None while nothing was told.
    latest: Option<(Stamp, Instant)>,
    /// The server whose machine was asked for.
    asked: Option<String>,
}

impl App {
    /// Asks for the machine of the server on the screen, once; forgets it when a run takes its place.
    pub(super) fn observe(&mut self) -> Option<Effect> {
        let url = match (&self.current.screen, &self.found) {
            (Screen::Ready, Some(found)) => Some(&found.url),
            (Screen::Run(RunProgress::Starting | RunProgress::Going | RunProgress::Over), _) => {
                None
            }
            // A look at older runs is no reason to ask again.
            _ => return None,
        };
        if self.idle.asked.as_ref() == url {
            return None;
        }
        self.idle = IdleMachine {
            asked: url.cloned(),
            ..IdleMachine::default()
        };
        url.map(|_| Effect::SessionCommand(SessionCommand::Observe))
    }

    pub(super) fn machine_events(&mut self, url: &str, events: &[Event]) -> Vec<Effect> {
        // Of another server's machine the last words may still come.
        if self.idle.asked.as_deref() != Some(url) {
            return Vec::new();
        }
        for event in events {
            self.idle.machine.apply(event);
            let last = self
                .idle
                .latest
                .map_or(event.at, |(at, _)| at.max(event.at));
            self.idle.latest = Some((last, self.now));
        }
        let shown = self.current.screen == Screen::Ready;
        shown.then_some(Effect::Redraw).into_iter().collect()
    }

    /// What the panes of the machine may look at before a run; None while nothing is told.
    pub fn machine(&self) -> Option<MachineContext<'_>> {
        let (last, latest) = self.idle.latest?;
        let since = self.now.saturating_duration_since(latest).as_micros();
        let since = u64::try_from(since).unwrap_or(u64::MAX);
        Some(MachineContext {
            machine: &self.idle.machine,
            run: None,
            cycle: None,
            is_live: true,
            theme: &self.theme,
            now: Stamp(last.0.saturating_add(since)),
            focused: false,
            scroll: 0,
        })
    }
}
