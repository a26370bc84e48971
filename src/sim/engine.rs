//! The model behind the server, as a state machine over plain instants: a queue before slots,
//! prefill, then tokens at a speed that depends on how many slots are busy. It never sleeps and
//! knows no socket; its caller passes the time.
//!
//! ```text
//! submit ─> waiting (FIFO) ─> prefilling ─> decoding ─> done
//!             │ full: refused    first token ┘  │ tokens
//! ```
//!
//! The speed changes whenever a slot is taken or freed, also in the middle of an answer. So tokens
//! are not kept by due time but by *work*: a clock that runs at the present speed of a slot, in
//! tokens. A request whose speed is `f` times the usual makes a token every `1/f` of work, whatever
//! happens to the others: nothing is ever rescheduled, and nothing drifts.

use crate::sim::profile::Profile;
use std::cmp::{Ordering, Reverse};
use std::collections::{BinaryHeap, HashMap, VecDeque};
use std::time::Duration;

/// A request inside the engine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct JobId(u64);

/// What a request asks of the engine.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Job {
    /// Tokens to make; at least 1 is made.
    pub(super) tokens: u32,
    /// Slot given → first token, seconds of the unscaled server.
    pub(super) prefill_s: f64,
    /// Its speed, as a factor of the curve's.
    pub(super) speed: f64,
    /// When it may start: when its model is loaded.
    pub(super) not_before: Duration,
}

/// A token that is due.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Due {
    /// Whose.
    pub(super) id: JobId,
    /// When it was due.
    pub(super) at: Duration,
    /// Which, from 0.
    pub(super) index: u32,
    /// Whether it is the last one.
    pub(super) last: bool,
}

/// The queue is full.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Full;

/// A number that can be ordered.
#[derive(Debug, Clone, Copy, PartialEq)]
struct At(f64);

impl Eq for At {}

impl PartialOrd for At {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for At {
    fn cmp(&self, other: &Self) -> Ordering {
        self.0.total_cmp(&other.0)
    }
}

#[derive(Debug)]
struct Active {
    tokens: u32,
    made: u32,
    step: f64,
}

#[derive(Debug, Clone, Copy)]
enum Next {
    Admit,
    First(JobId),
    Token(JobId, f64),
}

type Agenda = BinaryHeap<Reverse<(At, JobId)>>;

/// See the module. All `Duration`s are since the same start, on the clock of the client.
#[derive(Debug)]
pub(super) struct Engine {
    scale: f64,
    slots: usize,
    room: usize,
    /// Tokens a second of a slot by busy slots; 0 busy is never asked.
    speeds: Vec<f64>,
    /// Seconds of the unscaled server.
    clock: f64,
    /// Tokens that a slot of the usual speed would have made.
    work: f64,
    ids: u64,
    waiting: VecDeque<(JobId, Job, f64)>,
    active: HashMap<JobId, Active>,
    prefilling: Agenda,
    decoding: Agenda,
}

impl Engine {
    /// An idle engine that is `scale` times faster than its profile.
    pub(super) fn new(profile: &Profile, scale: f64) -> Self {
        Self {
            scale,
            slots: profile.slots.try_into().unwrap_or(usize::MAX),
            room: profile.queue.try_into().unwrap_or(usize::MAX),
            speeds: (0..=profile.slots)
                .filter_map(|busy| profile.speed_at(busy))
                .collect(),
            clock: 0.0,
            work: 0.0,
            ids: 0,
            waiting: VecDeque::new(),
            active: HashMap::new(),
            prefilling: Agenda::new(),
            decoding: Agenda::new(),
        }
    }

    /// Takes a request in, or refuses it. Call [`Self::advance`] with the same instant before, so
    /// that slots freed by now count.
    pub(super) fn submit(&mut self, now: Duration, job: Job) -> Result<JobId, Full> {
        if self.active.len() + self.waiting.len() >= self.slots.saturating_add(self.room) {
            return Err(Full);
        }
        let id = JobId(self.ids);
        self.ids += 1;
        let ready = now.max(job.not_before).as_secs_f64() * self.scale;
        self.waiting.push_back((id, job, ready));
        Ok(id)
    }

    /// Forgets a request and frees its slot. As with `submit`, advance first.
    pub(super) fn cancel(&mut self, id: JobId) {
        if self.active.remove(&id).is_none() {
            self.waiting.retain(|(waiting, ..)| *waiting != id);
        }
    }

    /// Lets time pass until `now` and appends what fell due, in order. How often it is called
    /// changes nothing in what falls due when.
    pub(super) fn advance(&mut self, now: Duration, out: &mut Vec<Due>) {
        let end = now.as_secs_f64() * self.scale;
        while let Some((at, next)) = self.next() {
            if at > end {
                break;
            }
            self.step_to(at);
            match next {
                Next::Admit => self.admit(),
                Next::First(id) => {
                    self.prefilling.pop();
                    self.make(id, self.work, out);
                }
                Next::Token(id, work) => {
                    self.decoding.pop();
                    self.work = self.work.max(work);
                    self.make(id, work, out);
                }
            }
        }
        self.step_to(end);
    }

    /// When to advance next; None while nothing is to come.
    pub(super) fn next_due(&mut self) -> Option<Duration> {
        let (at, _) = self.next()?;
        // A nanosecond later, so that rounding never makes it too early by one.
        Duration::try_from_secs_f64(at / self.scale)
            .ok()?
            .checked_add(Duration::from_nanos(1))
    }

    fn speed(&self) -> f64 {
        self.speeds
            .get(self.active.len())
            .or(self.speeds.last())
            .copied()
            .unwrap_or(1.0)
    }

    fn step_to(&mut self, at: f64) {
        if at > self.clock {
            self.work += (at - self.clock) * self.speed();
            self.clock = at;
        }
    }

    fn next(&mut self) -> Option<(f64, Next)> {
        let admit = self
            .waiting
            .front()
            .filter(|_| self.active.len() < self.slots)
            .map(|(_, _, ready)| (ready.max(self.clock), Next::Admit));
        let first = live(&mut self.prefilling, &self.active).map(|(at, id)| (at, Next::First(id)));
        let token = live(&mut self.decoding, &self.active).map(|(work, id)| {
            let ahead = (work - self.work).max(0.0);
            (self.clock + ahead / self.speed(), Next::Token(id, work))
        });
        [admit, first, token]
            .into_iter()
            .flatten()
            .min_by(|(a, _), (b, _)| a.total_cmp(b))
    }

    fn admit(&mut self) {
        let Some((id, job, _)) = self.waiting.pop_front() else {
            return;
        };
        let first = self.clock + job.prefill_s.max(0.0);
        self.prefilling.push(Reverse((At(first), id)));
        let active = Active {
            tokens: job.tokens.max(1),
            made: 0,
            step: 1.0 / job.speed.max(1e-3),
        };
        self.active.insert(id, active);
    }

    fn make(&mut self, id: JobId, work: f64, out: &mut Vec<Due>) {
        let Some(active) = self.active.get_mut(&id) else {
            return;
        };
        let index = active.made;
        active.made += 1;
        let last = active.made == active.tokens;
        if last {
            self.active.remove(&id);
        } else {
            self.decoding.push(Reverse((At(work + active.step), id)));
        }
        let at = Duration::try_from_secs_f64(self.clock / self.scale).unwrap_or(Duration::MAX);
        out.push(Due {
            id,
            at,
            index,
            last,
        });
    }
}

/// The head of an agenda, cancelled requests dropped.
fn live(agenda: &mut Agenda, active: &HashMap<JobId, Active>) -> Option<(f64, JobId)> {
    while let Some(Reverse((At(at), id))) = agenda.peek() {
        if active.contains_key(id) {
            return Some((*at, *id));
        }
        agenda.pop();
    }
    None
}

#[cfg(test)]
#[path = "engine_tests.rs"]
mod tests;
