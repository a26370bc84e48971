//! A made-up run with everything a report can show: many levels, failures, GPU and process samples.

use tokometer::event::{
    Event, EventKind, GpuSample, PowerScope, ProcessSample, RequestRecord, RunEnd, RunInfo,
};
use tokometer::plan::Plan;
use tokometer::platform::Machine;

use crate::{small_run, story};

/// Levels, with the speed of one answer (tokens a second) that the made-up server reaches.
const LEVELS: [(u32, f64); 9] = [
    (1, 54.0),
    (2, 30.7),
    (4, 20.7),
    (8, 12.8),
    (16, 9.8),
    (32, 8.0),
    (64, 7.1),
    (128, 6.5),
    (256, 6.3),
];
/// Answers the made-up server writes at once.
const SLOTS: u32 = 19;

/// Numbers that look random and are always the same, 0–1.
pub(crate) struct Dice(pub(crate) u64);

impl Dice {
    pub(crate) fn roll(&mut self) -> f64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 40) as f64 / (1_u64 << 24) as f64
    }
}

pub(crate) fn info(simulated: bool) -> RunInfo {
    let base = story::info(simulated);
    RunInfo {
        plan: Plan {
            levels: LEVELS.map(|(users, _)| users).to_vec(),
            ..base.plan
        },
        machine: Machine {
            os: Some("macOS 26.5.2".to_owned()),
            arch: "aarch64".to_owned(),
            cpu: Some("Apple M2 Pro".to_owned()),
            cores: Some(12),
            memory_bytes: Some(17_179_869_184),
        },
        ..base
    }
}

/// The whole run.
pub(crate) fn run(simulated: bool) -> Vec<Event> {
    let mut dice = Dice(7);
    let mut events = vec![story::event(
        0.0,
        EventKind::RunStarted(Box::new(info(simulated))),
    )];
    let mut now = 4.0;
    let mut id = 0;
    for (number, (users, speed)) in (0..).zip(LEVELS) {
        let requests: Vec<RequestRecord> = (0..users)
            .map(|user| {
                id += 1;
                request(&mut dice, id, number, user, now + 0.2, speed)
            })
            .collect();
        let cycle = small_run::cycle(number, users, now, &requests);
        // Like a log: progress once a second.
        let mut progress = 0_u32;
        let kept = cycle.into_iter().filter(|event| {
            let is_progress = matches!(event.what, EventKind::Progress { .. });
            progress += u32::from(is_progress);
            !is_progress || progress.is_multiple_of(10)
        });
        events.extend(kept.map(|mut event| {
            pace(&mut event, &requests);
            event
        }));
        now = events.last().unwrap().at.secs() + 8.0;
    }
    let end = now;
    events.extend(samples(&mut dice, end, &events));
    events.push(story::event(end, EventKind::RunEnded { why: RunEnd::Done }));
    events.sort_by_key(|event| event.at);
    events
}

/// Lets each request in flight stream at the speed that its record tells.
fn pace(event: &mut Event, requests: &[RequestRecord]) {
    let EventKind::Progress {
        requests: flying, ..
    } = &mut event.what
    else {
        return;
    };
    for now in flying {
        let record = requests
            .iter()
            .find(|request| request.id == now.id)
            .unwrap();
        let streamed = record
            .first_token
            .map_or(0.0, |first| event.at.since(first));
        let tokens = streamed * record.speed_tok_s().unwrap_or(0.0);
        now.tokens = u32::try_from(tokometer::text::numbers::floor_u64(tokens)).unwrap();
    }
}

fn request(
    dice: &mut Dice,
    id: u64,
    cycle: u32,
    user: u32,
    sent: f64,
    speed: f64,
) -> RequestRecord {
    let (wave, tokens) = (user / SLOTS, 160.0 + 90.0 * dice.roll());
    let speed = speed * (0.85 + 0.3 * dice.roll());
    let wait = 0.4 + dice.roll() * 0.4 + f64::from(wave) * 205.0 / speed;
    if wave >= 11 && user.is_multiple_of(2) {
        return small_run::refused(id, cycle, sent, sent + wait);
    }
    let first = sent + wait;
    let tokens = tokens.floor();
    let count = u32::try_from(tokometer::text::numbers::floor_u64(tokens)).unwrap();
    let last = first + (tokens - 1.0) / speed;
    RequestRecord {
        user,
        answer: None,
        ..story::answered(id, cycle, [sent, first, last], count)
    }
}

fn samples(dice: &mut Dice, end: f64, events: &[Event]) -> Vec<Event> {
    let cycles: Vec<(f64, bool)> = events
        .iter()
        .filter_map(|event| match event.what {
            EventKind::CycleStarted { .. } => Some((event.at.secs(), true)),
            EventKind::CycleEnded { .. } => Some((event.at.secs(), false)),
            _ => None,
        })
        .collect();
    let mut out = Vec::new();
    for second in 0..tokometer::text::numbers::floor_u64(end) {
        let at = second as f64;
        let latest = cycles.iter().rev().find(|(since, _)| *since <= at);
        let busy = latest.is_some_and(|(_, busy)| *busy);
        let watts = if busy { 19.5 + 2.0 * dice.roll() } else { 0.05 };
        let gpu = GpuSample {
            source: "macmon:0".to_owned(),
            scope: Some(PowerScope::Gpu),
            name: Some("Apple M2 Pro".to_owned()),
            watts: Some(watts),
            mhz: Some(if busy {
                1_390.0 + 10.0 * dice.roll()
            } else {
                444.0
            }),
            usage_percent: Some(if busy { 99.0 } else { 1.0 }),
            celsius: Some(61.0 + 8.0 * dice.roll()),
            ..GpuSample::default()
        };
        out.push(story::event(at, EventKind::Gpu(gpu)));
        let process = |pid, name: &str, role: &str, cpu: f64, rss| ProcessSample {
            pid,
            name: name.to_owned(),
            role: Some(role.to_owned()),
            threads: Some(21),
            descriptors: Some(if busy { 69 } else { 24 }),
            rss_bytes: Some(rss),
            vsz_bytes: Some(rss + 400_000_000_000),
            cpu_percent: Some(if busy {
                cpu * (0.8 + 0.4 * dice.roll())
            } else {
                0.1
            }),
            memory_percent: Some(rss as f64 / 171_798_691.84),
            ..ProcessSample::default()
        };
        let mut process = process;
        let server = process(40_163, "ollama", "server", 0.5, 86_992_000);
        let runner = process(42_567, "ollama_llama_server", "runner", 10.4, 2_402_912_000);
        out.push(story::event(at, EventKind::Processes(vec![server, runner])));
    }
    out
}
