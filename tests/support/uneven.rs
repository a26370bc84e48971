//! Runs of users who keep asking, some of whose answers are too slow.

use tokometer::event::{CycleEnd, Event, EventKind, RunEnd};

use crate::story::{Story, answered, at, info};

/// Seconds of a request.
const EACH_S: f64 = 2.0;

/// A cycle in which the users keep asking, until so many requests have ended; so many of ten are fast enough. It is not
/// closed.
pub(crate) fn keep_asking(story: &mut Story, users: u32, good_of_ten: u64, requests: u32) {
    let start = story.now.secs() + 1.0;
    story.now = at(start);
    story.open(users);
    story.connect(users, 0.0, 200);
    let first = 1000 * u64::from(story.cycle);
    for number in 0..requests {
        let (user, round) = (number % users, number / users);
        let sent = start + f64::from(round) * EACH_S;
        // Mixed, so that neither a user nor a time stands out.
        let is_good = u64::from(number) * 7919 % 101 % 10 < good_of_ten;
        let tokens = if is_good { 60 } else { 20 };
        let id = first + u64::from(number);
        let mut record = answered(id, story.cycle, [sent, sent + 0.2, sent + EACH_S], tokens);
        (record.user, record.round, record.answer) = (user, round, None);
        story.answer(record);
    }
}

/// A run in which 4 users did clearly worse than 8, with its end.
pub(crate) fn run() -> Vec<Event> {
    let mut story = Story::new(info(false));
    for (users, good) in [(2, 10), (4, 5), (8, 10)] {
        keep_asking(&mut story, users, good, 160);
        story.close(CycleEnd::Done);
    }
    story.push(EventKind::RunEnded { why: RunEnd::Done });
    story.events
}
