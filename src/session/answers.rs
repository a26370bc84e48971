//! The answer shown on the screen, sent on as it grows.

use std::sync::Arc;

use tokio::sync::mpsc;

use crate::event::Answer;

use crate::load::in_flight::AnswerCache;
use crate::session::{AnswerText, SessionEvent};

/// Sends on what came of the watched answer since the last time.
#[derive(Debug, Default)]
pub(crate) struct AnswerPump {
    answers: Arc<AnswerCache>,
    watched: Option<u64>,
    sent: Option<usize>,
}

impl AnswerPump {
    /// Another run, other answers.
    pub(crate) fn show(&mut self, answers: Arc<AnswerCache>) {
        *self = Self {
            answers,
            ..Self::default()
        };
    }

    /// Looks at the answer of this request from now on.
    pub(crate) fn watch(&mut self, id: u64) {
        if self.watched != Some(id) {
            self.watched = Some(id);
            self.sent = None;
        }
    }

    pub(crate) fn is_watching(&self) -> bool {
        self.watched.is_some()
    }

    /// Sends what is new, if anything is; a full channel gets it the next time.
    pub(crate) fn send(&mut self, events: &mpsc::Sender<SessionEvent>) {
        let Some(id) = self.watched else { return };
        let from = self.sent.unwrap_or(0);
        let Some((parts, end)) = self
            .answers
            .look(id, |answer| (parts_from(answer, from), answer.text.len()))
        else {
            return;
        };
        if parts.is_empty() && self.sent.is_some() {
            return;
        }
        let text = AnswerText {
            id,
            restart: self.sent.is_none(),
            parts,
        };
        if events.try_send(SessionEvent::Answer(text)).is_ok() {
            self.sent = Some(end);
        }
    }
}

/// The text from byte `from` on, in parts of a kind.
fn parts_from(answer: &Answer, from: usize) -> Vec<(bool, String)> {
    let mut parts: Vec<(bool, String)> = Vec::new();
    for (text, piece) in answer.parts() {
        let begin = piece.end() - text.len();
        let Some(text) = text.get(from.saturating_sub(begin)..) else {
            continue;
        };
        match parts.last_mut() {
            _ if text.is_empty() => {}
            Some((thinking, part)) if *thinking == piece.is_thinking() => part.push_str(text),
            _ => parts.push((piece.is_thinking(), text.to_owned())),
        }
    }
    parts
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Piece;

    #[test]
    fn parts_begin_where_the_last_ones_ended() {
        let piece = |end, thinking| Piece::new(end, 0, thinking);
        let answer = Answer {
            text: "hmmm so yes".to_owned(),
            pieces: vec![piece(4, true), piece(7, false), piece(11, false)],
        };
        let part = |thinking, text: &str| (thinking, text.to_owned());
        assert_eq!(
            parts_from(&answer, 0),
            [part(true, "hmmm"), part(false, " so yes")]
        );
        assert_eq!(
            parts_from(&answer, 2),
            [part(true, "mm"), part(false, " so yes")]
        );
        assert_eq!(parts_from(&answer, 7), [part(false, " yes")]);
        assert_eq!(parts_from(&answer, 11), []);
    }
}
