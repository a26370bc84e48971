//! A run in which 4 users did clearly worse than 8.

use tokometer::event::{CycleEnd, Event, EventKind, RunEnd};

use crate::story::{Story, answered, at, info};

/// Cycles of 2, 4 and 8 users who keep asking; so many of ten answers are fast enough.
const LEVELS: [(u32, u64); 3] = [(2, 10), (4, 5), (8, 10)];
/// Requests of each level, and seconds of each.
const REQUESTS: u32 = 160;
const EACH_S: f64 = 2.0;

/// The events of the run, its end among them.
pub(crate) fn run() -> Vec<Event> {
    let mut story = Story::new(info(false));
    let mut id = 0;
    for (users, good) in LEVELS {
        let start = story.now.secs() + 1.0;
        story.now = at(start);
        story.open(users);
        for number in 0..REQUESTS {
            let (user, round) = (number % users, number / users);
            let sent = start + f64::from(round) * EACH_S;
            // Mixed, so that neither a user nor a time stands out.
            let is_good = u64::from(number) * 7919 % 101 % 10 < good;
            let tokens = if is_good { 60 } else { 20 };
            let mut record = answered(id, story.cycle, [sent, sent + 0.2, sent + EACH_S], tokens);
            (record.user, record.round, record.answer) = (user, round, None);
            story.answer(record);
            id += 1;
        }
        story.close(CycleEnd::Done);
    }
    story.tell(EventKind::RunEnded { why: RunEnd::Done });
    story.events
}
