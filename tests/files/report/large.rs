//! A run of very many requests: the report stays small. How quick it is, `cargo bench --bench history` says.

use tokometer::event::{Event, EventKind, RunEnd};
use tokometer::report::Report;

use super::big;
use crate::story;

/// Users of the one cycle.
const USERS: u32 = 256;

/// A run in which users ask again and again, with a sample a second.
pub(crate) fn events(requests: u64) -> Vec<Event> {
    let mut dice = big::Dice(11);
    let start = EventKind::CycleStarted {
        cycle: 0,
        users: USERS,
    };
    let mut events = vec![
        story::event(0.0, EventKind::RunStarted(Box::new(big::info(false)))),
        story::event(1.0, start),
    ];
    for id in 0..requests {
        let sent = 1.0 + (id / u64::from(USERS)) as f64 * 9.0 + dice.roll();
        let times = [sent, sent + 0.3 + dice.roll(), sent + 8.0];
        let mut record = story::answered(id, 0, times, 120);
        record.itl_us = (20..50).flat_map(|ms| [ms * 1_000, 4]).collect();
        record.answer = None;
        events.push(Event {
            at: record.ended,
            what: EventKind::RequestEnded(Box::new(record)),
        });
    }
    events.sort_by_key(|event| event.at);
    let end = events.last().unwrap().at.secs();
    events.push(story::event(end, EventKind::RunEnded { why: RunEnd::Done }));
    events
}

#[test]
fn twenty_thousand_requests_make_no_larger_report_than_a_few_hundred() {
    let report = Report::from_events(&events(20_000));
    let page = report.html();
    assert!(page.len() < 600_000, "{} bytes", page.len());
    assert!(page.contains("20,000"));
}
