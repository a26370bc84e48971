//! A small run with a failure, for the tests of its readers.

use tokometer::event::{
    ClientCost, CycleEnd, Event, EventKind, FailureKind, InFlight, Phase, RequestRecord, RunEnd,
    Warning, WarningKind,
};

use crate::story::{Story, answered, at, event, fail, info};

/// A request that the server turned away.
pub(crate) fn refused(id: u64, cycle: u32, sent: f64, ended: f64) -> RequestRecord {
    let mut record = answered(id, cycle, [sent, sent + 0.1, ended], 1);
    record.head = Some(at(ended));
    record.answer = None;
    let message = "=server busy,\u{1b}[2J\nplease try again";
    fail(&mut record, FailureKind::Http(503), message);
    record
}

/// The events of a cycle that starts at `start` and holds these requests.
pub(crate) fn cycle(number: u32, users: u32, start: f64, requests: &[RequestRecord]) -> Vec<Event> {
    let mut story = Story::from_cycle(number);
    story.now = at(start);
    story.open(users);
    story.connect(users, 0.1, 210);
    for request in requests {
        story.now = request.sent;
        story.ask(request.id, request.user);
        if let Some(first) = request.first_token {
            let what = EventKind::FirstToken {
                id: request.id,
                cycle: number,
                ttft_us: first.0 - request.sent.0,
                thinking: true,
            };
            story.push_at(first, what);
        }
        story.answer(request.clone());
    }
    let end = requests
        .iter()
        .map(|r| r.ended.secs())
        .fold(start, f64::max);
    for tenths in 0..tokometer::text::numbers::floor_u64((end - start - 0.1) * 10.0) {
        let now = start + 0.2 + tenths as f64 / 10.0;
        story.events.push(progress(number, now, requests));
    }
    story.events.sort_by_key(|event| event.at);
    story.now = at(end);
    story.close(CycleEnd::Done);
    story.events
}

fn progress(cycle: u32, now: f64, requests: &[RequestRecord]) -> Event {
    let flying = requests
        .iter()
        .filter(|r| r.sent <= at(now) && at(now) < r.ended);
    let requests = flying.map(|request| {
        let streamed = request
            .first_token
            .map_or(0.0, |first| at(now).since(first));
        InFlight {
            id: request.id,
            tokens: u32::try_from(tokometer::text::numbers::floor_u64(streamed * 20.0)).unwrap(),
            phase: Phase::Thinking,
        }
    });
    let requests = requests.collect();
    event(now, EventKind::Progress { cycle, requests })
}

/// A run of 1 and 2 users, the second with a failure, and then 1 again.
pub(crate) fn run(simulated: bool) -> Vec<Event> {
    let mut story = Story::new(info(simulated));
    let loaded = EventKind::ModelLoaded {
        took_s: 3.25,
        server_s: Some(3.2),
    };
    story.push_at(at(3.25), loaded);
    let warm = EventKind::WarmedUp {
        number: 1,
        of: 1,
        ttft_s: Some(0.41),
        error: None,
    };
    story.push_at(at(4.5), warm);
    let one = [answered(1, 0, [5.1, 5.6, 12.6], 256)];
    story.events.extend(cycle(0, 1, 5.0, &one));
    story.now = at(12.6);
    story.rest(3.0, 2);
    let two = [
        answered(2, 1, [16.0, 17.0, 29.75], 256),
        refused(3, 1, 16.0, 16.2),
    ];
    story.events.extend(cycle(1, 2, 15.6, &two));
    let failures = Warning {
        kind: WarningKind::Failures,
        text: "1 of 2 requests failed at 2 users: server\u{9b}31m busy.".to_owned(),
    };
    story.push_at(at(29.8), EventKind::Warning(failures));
    let again = [answered(4, 2, [33.1, 33.7, 41.7], 256)];
    story.events.extend(cycle(2, 1, 33.0, &again));
    let cost = ClientCost {
        cpu_s: Some(0.12),
        rss_bytes: Some(31_000_000),
        dropped_progress: 0,
    };
    story.push_at(at(41.8), EventKind::Client(cost));
    story.push(EventKind::RunEnded { why: RunEnd::Done });
    story.events
}
