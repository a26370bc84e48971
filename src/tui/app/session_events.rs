//! What the session tells, taken into the state.

use std::path::{Path, PathBuf};

use crate::dialect::Discovery;
use crate::event::{Answer, Event, EventKind, RunEnd};
use crate::metrics::state::Stage;
use crate::session::{AnswerText, SessionEvent};
use crate::tui::AnswerView;
use crate::tui::app::{App, Download, RunProgress, Screen};
use crate::tui::layout::View;

/// Bytes of an answer that are kept for the screen; of a longer one the end is kept.
const ANSWER_BYTES: usize = 128 * 1024;

impl App {
    pub(super) fn session_event(&mut self, event: SessionEvent) {
        match event {
            SessionEvent::Searching { url } if !self.is_busy() => {
                self.current.screen = Screen::Searching { url };
            }
            SessionEvent::NotFound { tried } if self.is_looking() => {
                self.current.screen = Screen::NotFound { tried };
            }
            SessionEvent::Searching { .. } | SessionEvent::NotFound { .. } => {}
            SessionEvent::Servers(servers) => self.servers = servers,
            SessionEvent::Found(discovery) => {
                self.with_live_view(|app| app.found_server(discovery));
            }
            SessionEvent::Pulling {
                model,
                status,
                bytes,
            } => {
                self.download = Some(Download {
                    model,
                    status,
                    bytes,
                });
            }
            SessionEvent::Pulled(result) => {
                self.download = None;
                self.notice = result.err().map(|why| format!("Download failed: {why}"));
            }
            SessionEvent::Events(events) => {
                self.events(&events);
                if self.is_frozen() {
                    return;
                }
            }
            SessionEvent::Machine { url, events } => return self.machine_events(&url, &events),
            SessionEvent::Answer(text) => self.answer_text(text),
            SessionEvent::Kept(kept) => self.with_live_view(|app| app.keep_answers(kept)),
            SessionEvent::Resumed(events) => {
                self.events(&events);
                // Run again means the whole plan.
                if let Some(info) = &self.current.run.info {
                    self.options.plan = info.plan.clone();
                }
            }
            SessionEvent::Finished {
                directory,
                error,
                report,
            } => self.finished(directory, error, report),
        }
        self.redraw();
    }

    pub(super) fn session_ended(&mut self) {
        self.download = None;
        if self.is_busy() {
            self.finished(None, Some("the session has ended".to_owned()), None);
        } else {
            self.notice = Some("The session has ended: nothing more can be started.".to_owned());
        }
        self.redraw();
    }

    /// Whether a server is looked for, or was found and nothing runs yet.
    fn is_looking(&self) -> bool {
        matches!(
            self.current.screen,
            Screen::Searching { .. } | Screen::NotFound { .. } | Screen::Ready
        )
    }

    fn found_server(&mut self, discovery: Discovery) {
        let chosen = self.model().map(|model| model.name.clone());
        let discovery = discovery.with_asked(self.options.model.as_deref());
        let models = &discovery.models;
        let named = |asked: &str| models.iter().position(|m| m.is_named(asked));
        self.model = self
            .options
            .model
            .as_deref()
            .filter(|_| chosen.is_none() || self.missing_model().is_some())
            .and_then(named)
            .or_else(|| chosen.as_deref().and_then(named))
            .unwrap_or(0);
        self.found = Some(discovery);
        if !self.is_looking() {
            return;
        }
        self.current.screen = Screen::Ready;
        // A run to resume starts without a question, if its model is there.
        if self.options.resume.is_some() && self.missing_model().is_none() {
            self.start();
        }
    }

    fn events(&mut self, events: &[Event]) {
        self.current.updated = self.now;
        for event in events {
            if matches!(event.what, EventKind::RunStarted(_)) {
                self.current.forget_run();
                self.current.screen = Screen::Run(RunProgress::Going);
            }
            self.current.run.apply(event);
        }
    }

    fn answer_text(&mut self, text: AnswerText) {
        if Some(text.id) != self.current.watched {
            return;
        }
        if text.restart || self.current.answer.id != text.id {
            self.current.answer = AnswerView::empty(text.id);
        }
        for (thinking, part) in text.parts {
            append(&mut self.current.answer.parts, thinking, &part);
        }
        trim(&mut self.current.answer.parts, ANSWER_BYTES);
    }

    fn finished(
        &mut self,
        directory: Option<PathBuf>,
        error: Option<String>,
        report: Option<Result<PathBuf, String>>,
    ) {
        self.drop_question();
        let started = self.current.run.info.is_some();
        self.current.screen = if started {
            Screen::Run(RunProgress::Over)
        } else if self.found.is_some() {
            Screen::Ready
        } else {
            Screen::Searching { url: None }
        };
        if started && self.current.run.is_running() {
            let why = error
                .clone()
                .unwrap_or_else(|| "it was interrupted".to_owned());
            self.current.run.stage = Stage::Ended(RunEnd::Failed(why));
        }
        self.notice = Some(match (error, &directory, report) {
            (Some(why), _, _) => format!("The run could not continue: {why}"),
            (None, _, Some(Ok(page))) => {
                format!("The run is over. Its report: {}", from_the_end(&page))
            }
            (None, _, Some(Err(why))) => {
                format!("The run is over; its report could not be written: {why}")
            }
            (None, Some(at), None) => format!("The run is over. Its files: {}", at.display()),
            (None, None, None) => "The run is over.".to_owned(),
        });
        self.current.directory = directory;
        if self.view == View::Runs {
            self.list_runs();
        }
    }
}

impl AnswerView {
    pub(super) const fn empty(id: u64) -> Self {
        let parts = Vec::new();
        Self { id, parts }
    }

    /// The answer of a request that is over.
    pub fn new(id: u64, answer: &Answer) -> Self {
        let mut parts = Vec::new();
        for (text, piece) in answer.parts() {
            append(&mut parts, piece.is_thinking(), text);
        }
        trim(&mut parts, ANSWER_BYTES);
        Self { id, parts }
    }
}

/// The end of a path: the run and the file, which tell more than where all runs are.
pub(super) fn from_the_end(path: &Path) -> String {
    let parts: Vec<_> = path.components().collect();
    match parts.get(parts.len().saturating_sub(2)..) {
        Some([run, file]) if parts.len() > 2 => {
            let (run, file) = (run.as_os_str(), file.as_os_str());
            format!("{}/{}", run.display(), file.display())
        }
        _ => path.display().to_string(),
    }
}

/// Adds text to the last part if it is of the same kind.
fn append(parts: &mut Vec<(bool, String)>, thinking: bool, text: &str) {
    match parts.last_mut() {
        Some((kind, last)) if *kind == thinking => last.push_str(text),
        _ => parts.push((thinking, text.to_owned())),
    }
}

/// Drops the oldest text beyond `most` bytes.
fn trim(parts: &mut Vec<(bool, String)>, most: usize) {
    let total: usize = parts.iter().map(|(_, text)| text.len()).sum();
    let mut surplus = total.saturating_sub(most);
    // In one go for a while: to move the text at every token would cost more than the token.
    if surplus < most / 4 {
        return;
    }
    parts.retain_mut(|(_, text)| {
        let cut = text.ceil_char_boundary(surplus);
        surplus = surplus.saturating_sub(cut);
        text.drain(..cut);
        !text.is_empty()
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Piece;

    #[test]
    fn parts_of_one_kind_become_one() {
        let mut parts = Vec::new();
        for (thinking, text) in [(true, "a"), (true, "b"), (false, "c"), (false, "d")] {
            append(&mut parts, thinking, text);
        }
        assert_eq!(parts, [(true, "ab".to_owned()), (false, "cd".to_owned())]);
    }

    #[test]
    fn of_a_long_answer_the_end_is_kept() {
        let mut parts = vec![(true, "ä".repeat(80)), (false, "b".repeat(40))];
        trim(&mut parts, 100);
        assert_eq!(parts, [(true, "ä".repeat(30)), (false, "b".repeat(40))]);
        let mut parts = vec![(true, "a".repeat(80)), (false, "b".repeat(400))];
        trim(&mut parts, 100);
        assert_eq!(parts, [(false, "b".repeat(100))]);
    }

    #[test]
    fn an_ended_answer_is_told_apart_by_its_pieces() {
        let piece = |end, thinking| Piece::new(end, 0, thinking);
        let answer = Answer {
            text: "hmyes".to_owned(),
            pieces: vec![
                piece(1, true),
                piece(2, true),
                piece(5, false),
                piece(99, false),
            ],
        };
        let view = AnswerView::new(7, &answer);
        assert_eq!(
            view.parts,
            [(true, "hm".to_owned()), (false, "yes".to_owned())]
        );
    }
}
