//! How far the requests in flight are: written by the users' tasks, read ten times a second.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU8, AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::event::{Answer, InFlight, Phase, Piece};
use crate::text::numbers::u32_of;

/// Text kept of an answer, bytes. What comes after is measured, but not kept.
const KEPT: usize = 64 << 10;
/// Bytes of text for which room is made, for each token.
const TOKEN_BYTES: usize = 4;
/// Tokens for which there is room from the start: a longer answer makes more, once for each user.
const ROOM: usize = 256;
/// Ended answers that can still be looked at.
const ENDED: usize = 256;

/// One user's current request.
#[derive(Debug, Default)]
pub(crate) struct Slot {
    id: AtomicU64,
    tokens: AtomicU32,
    phase: AtomicU8,
    answer: Mutex<Answer>,
}

const FREE: u8 = 0;
const QUEUED: u8 = 1;
const THINKING: u8 = 2;
const ANSWERING: u8 = 3;

impl Slot {
    /// A new request begins, which may have so many tokens. There is room for them, which serves one request of the
    /// user after the other: hardly any has to be made while they come.
    pub(crate) fn begin(&self, id: u64, tokens: usize) {
        {
            let room = tokens.min(ROOM);
            let mut answer = self.answer();
            answer.text.clear();
            answer.text.reserve(room * TOKEN_BYTES);
            answer.pieces.clear();
            answer.pieces.reserve(room);
        }
        self.tokens.store(0, Ordering::Relaxed);
        self.id.store(id, Ordering::Relaxed);
        self.phase.store(QUEUED, Ordering::Release);
    }

    /// The request has so many tokens, the last of them thinking or not.
    pub(crate) fn publish(&self, tokens: u32, thinking: bool) {
        self.tokens.store(tokens, Ordering::Relaxed);
        self.phase.store(
            if thinking { THINKING } else { ANSWERING },
            Ordering::Relaxed,
        );
    }

    /// The request is over; its answer, no larger than it is.
    pub(crate) fn end(&self) -> Answer {
        self.phase.store(FREE, Ordering::Relaxed);
        self.answer().clone()
    }

    /// The answer so far. Not to be held across an await.
    pub(crate) fn answer(&self) -> MutexGuard<'_, Answer> {
        self.answer.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether this request is in flight here.
    fn holds(&self, id: u64) -> bool {
        self.in_flight().is_some_and(|request| request.id == id)
    }

    fn in_flight(&self) -> Option<InFlight> {
        let phase = match self.phase.load(Ordering::Acquire) {
            QUEUED => Phase::Queued,
            THINKING => Phase::Thinking,
            ANSWERING => Phase::Answering,
            _ => return None,
        };
        let id = self.id.load(Ordering::Relaxed);
        Some(InFlight {
            id,
            tokens: self.tokens.load(Ordering::Relaxed),
            phase,
        })
    }
}

/// Adds a part to an answer, with its time.
pub(crate) fn append(answer: &mut Answer, text: &str, thinking: bool, at_us: u64) {
    if answer.text.len() + text.len() > KEPT {
        return;
    }
    answer.text.push_str(text);
    let end = u32_of(answer.text.len());
    answer.pieces.push(Piece::new(end, at_us, thinking));
}

/// The users of a cycle.
#[derive(Debug, Default)]
pub(crate) struct InFlightRequests {
    slots: Vec<Arc<Slot>>,
}

impl InFlightRequests {
    /// A board for so many users.
    pub(crate) fn new(users: u32) -> Self {
        Self {
            slots: (0..users).map(|_| Arc::default()).collect(),
        }
    }

    /// The slot of each user.
    pub(crate) fn slots(&self) -> impl Iterator<Item = Arc<Slot>> + '_ {
        self.slots.iter().map(Arc::clone)
    }

    /// Where every request in flight stands.
    pub(crate) fn in_flight(&self) -> Vec<InFlight> {
        self.slots
            .iter()
            .filter_map(|slot| slot.in_flight())
            .collect()
    }

    fn find(&self, id: u64) -> Option<&Slot> {
        let holds = |slot: &&Arc<Slot>| slot.holds(id);
        self.slots.iter().find(holds).map(|slot| &**slot)
    }
}

/// The answers that can be looked at: of the requests in flight, and the last ones that ended.
#[derive(Debug, Default)]
pub(crate) struct AnswerCache {
    board: Mutex<Arc<InFlightRequests>>,
    ended: Mutex<VecDeque<(u64, Arc<Answer>)>>,
}

impl AnswerCache {
    /// How many requests are in flight.
    pub(crate) fn in_flight(&self) -> u32 {
        let board = self.board.lock().unwrap_or_else(PoisonError::into_inner);
        let board = Arc::clone(&board);
        u32_of(board.in_flight().len())
    }

    /// Another cycle begins.
    pub(crate) fn show(&self, board: &Arc<InFlightRequests>) {
        *self.board.lock().unwrap_or_else(PoisonError::into_inner) = Arc::clone(board);
    }

    /// Keeps an ended answer.
    pub(crate) fn keep(&self, id: u64, answer: Arc<Answer>) {
        let mut ended = self.ended.lock().unwrap_or_else(PoisonError::into_inner);
        if ended.len() >= ENDED {
            ended.pop_front();
        }
        ended.push_back((id, answer));
    }

    /// Calls `look` with the answer of a request, if it is still there.
    pub(crate) fn look<R>(&self, id: u64, look: impl FnOnce(&Answer) -> R) -> Option<R> {
        let board = Arc::clone(&self.board.lock().unwrap_or_else(PoisonError::into_inner));
        if let Some(slot) = board.find(id) {
            let answer = slot.answer();
            // It may have ended just now; its answer is then among those that ended, or soon will be.
            if slot.holds(id) {
                return Some(look(&answer));
            }
        }
        let ended = self.ended.lock().unwrap_or_else(PoisonError::into_inner);
        let (_, answer) = ended.iter().rev().find(|(ended, _)| *ended == id)?;
        Some(look(answer))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_part_has_its_time() {
        let mut answer = Answer::default();
        for (text, thinking, at) in [("a", true, 1), ("bc", true, 2), ("d", false, 3)] {
            append(&mut answer, text, thinking, at);
        }
        let parts: Vec<(&str, u64, bool)> = answer
            .parts()
            .map(|(text, piece)| (text, piece.at_us(), piece.is_thinking()))
            .collect();
        assert_eq!(parts, [("a", 1, true), ("bc", 2, true), ("d", 3, false)]);
        assert!(answer.has_times());
        let text = answer.without_times();
        let parts: Vec<(&str, bool)> = text
            .parts()
            .map(|(text, piece)| (text, piece.is_thinking()))
            .collect();
        assert_eq!(parts, [("abc", true), ("d", false)]);
    }

    #[test]
    fn the_times_of_256_users_stay_under_two_mebibytes() {
        // Those in flight, and as many that ended and can still be looked at; answers of 256 tokens.
        assert!(2 * 256 * 256 * size_of::<Piece>() < 2 << 20);
    }

    #[test]
    fn text_beyond_the_limit_is_not_kept() {
        let mut answer = Answer::default();
        let part = "x".repeat(1000);
        for _ in 0..100 {
            append(&mut answer, &part, false, 0);
        }
        assert!(answer.text.len() <= KEPT && answer.text.len() + 1000 > KEPT);
    }

    #[test]
    fn a_free_slot_is_not_in_flight() {
        let board = InFlightRequests::new(2);
        let slot = board.slots().next().unwrap();
        slot.begin(7, 8);
        slot.publish(3, true);
        let expected = InFlight {
            id: 7,
            tokens: 3,
            phase: Phase::Thinking,
        };
        assert_eq!(board.in_flight(), [expected]);
        append(&mut slot.answer(), "hm", true, 0);
        let answers = AnswerCache::default();
        answers.show(&Arc::new(board));
        assert_eq!(
            answers.look(7, |answer| answer.text.clone()).as_deref(),
            Some("hm")
        );
        let answer = slot.end();
        assert_eq!(answers.look(7, |answer| answer.text.clone()), None);
        answers.keep(7, Arc::new(answer));
        assert_eq!(
            answers.look(7, |answer| answer.text.clone()).as_deref(),
            Some("hm")
        );
    }
}
