//! What the machine does before a run: asked for while the screen offers one, forgotten when it starts.

use crate::event::{Event, RunClock};
use crate::metrics::machine::MachineState;
use crate::session::SessionCommand;
use crate::tui::MachineContext;
use crate::tui::app::{App, Effect, RunProgress, Screen};

/// The machine as it was last told of.
#[derive(Debug, Default)]
pub(super) struct IdleMachine {
    machine: MachineState,
    /// Reads the latest stamp at the time it came; None while nothing was reported.
    latest: Option<RunClock>,
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

    pub(super) fn machine_events(&mut self, url: &str, events: &[Event]) {
        // Of another server's machine the last words may still come.
        if self.idle.asked.as_deref() != Some(url) {
            return;
        }
        for event in events {
            self.idle.machine.apply(event);
        }
        if let Some(last) = events.iter().map(|event| event.at).max() {
            self.idle.latest = Some(RunClock::at(self.now, last));
        }
        if self.current.screen == Screen::Ready {
            self.redraw();
        }
    }

    /// What the panes of the machine may look at before a run; None while nothing is reported.
    pub fn machine(&self) -> Option<MachineContext<'_>> {
        let clock = self.idle.latest?;
        Some(MachineContext {
            machine: &self.idle.machine,
            run: None,
            cycle: None,
            is_live: true,
            theme: &self.theme,
            now: clock.stamp(self.now),
            focused: false,
            scroll: 0,
        })
    }
}
