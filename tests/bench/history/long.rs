//! A run as long as anyone will make one.

use std::fs::File;
use std::io::{BufWriter, Write as _};
use std::path::{Path, PathBuf};

use tokometer::event::{
    CycleEnd, Event, EventKind, GpuSample, InFlight, Phase, ProcessSample, RequestRecord, RunEnd,
    RunInfo,
};
use tokometer::plan::{CycleShape, Plan};
use tokometer::store::RunDirectory;

use crate::story;

/// Users of the one cycle.
const USERS: u32 = 256;
/// How long it goes on, seconds.
const LONG_S: u32 = 3_600;

/// Makes a run of so many requests with an hour of samples below `root`, as its log would be.
pub(crate) fn make(root: &Path, requests: u32) -> PathBuf {
    let mut info = story::info(false);
    info.plan = Plan {
        levels: vec![USERS],
        shape: CycleShape::Waves(requests.div_ceil(USERS)),
        ..Plan::default()
    };
    let directory = RunDirectory::create(root, &info).unwrap();
    let file = File::create(directory.path().join("events.jsonl")).unwrap();
    let mut log = BufWriter::new(file);
    for event in events(directory.info(), requests) {
        serde_json::to_writer(&mut log, &event).unwrap();
        log.write_all(b"\n").unwrap();
    }
    log.flush().unwrap();
    directory.path().to_owned()
}

fn events(info: &RunInfo, requests: u32) -> Vec<Event> {
    let started = EventKind::CycleStarted {
        cycle: 0,
        users: USERS,
    };
    let opened = EventKind::ConnectionsOpened {
        cycle: 0,
        connect_us: (0..u64::from(USERS)).map(|user| 80 + user).collect(),
        tls_us: Vec::new(),
        failed: 0,
    };
    let mut events = vec![
        story::event(0.0, EventKind::RunStarted(Box::new(info.clone()))),
        story::event(1.0, started),
        story::event(1.1, opened),
    ];
    let records: Vec<RequestRecord> = (0..requests).map(|id| record(id, requests)).collect();
    for record in &records {
        let (id, cycle) = (record.id, 0);
        let started = EventKind::RequestStarted {
            id,
            cycle,
            user: record.user,
            round: record.round,
        };
        events.push(Event {
            at: record.sent,
            what: started,
        });
        let first = record.first_token.unwrap();
        let first_token = EventKind::FirstToken {
            id,
            cycle,
            ttft_us: first.0 - record.sent.0,
            thinking: true,
        };
        events.push(Event {
            at: first,
            what: first_token,
        });
    }
    events.extend((1..=LONG_S).map(|second| progress(second, &records)));
    events.extend((0..=LONG_S).flat_map(samples));
    events.extend(records.into_iter().map(|record| Event {
        at: record.ended,
        what: EventKind::RequestEnded(Box::new(record)),
    }));
    events.sort_by_key(|event| event.at);
    let end = f64::from(LONG_S) + 2.0;
    let why = CycleEnd::Done;
    events.push(story::event(end, EventKind::CycleEnded { cycle: 0, why }));
    events.push(story::event(end, EventKind::RunEnded { why: RunEnd::Done }));
    events
}

/// Each user asks again when the answer is there.
fn record(number: u32, requests: u32) -> RequestRecord {
    let (round, user) = (number / USERS, number % USERS);
    let each = f64::from(LONG_S) / f64::from(requests.div_ceil(USERS));
    let part = |of: u32| f64::from(number.wrapping_mul(2_654_435_761) >> 8 & of) / f64::from(of);
    let sent = 1.2 + f64::from(round) * each + f64::from(user) * 0.001;
    let first = sent + each * (0.05 + 0.1 * part(1023));
    let last = sent + each * (0.8 + 0.15 * part(511));
    // As many different gaps as a real answer of 256 tokens has.
    let gap = (last - first) / 255.0 * 1e6;
    let gaps = (0..90_u64).flat_map(|step| {
        let micros = tokometer::text::numbers::floor_u64(gap * (0.55 + step as f64 * 0.01));
        [micros / 10 * 10, if step % 6 == 0 { 3 } else { 2 }]
    });
    RequestRecord {
        user,
        round,
        itl_us: gaps.collect(),
        answer: None,
        ..story::answered(u64::from(number) + 1, 0, [sent, first, last], 256)
    }
}

/// What is in flight at a second: the round of then, of every user.
fn progress(second: u32, records: &[RequestRecord]) -> Event {
    let at = story::at(f64::from(second));
    let rounds = records.len().div_ceil(USERS as usize);
    let round = second as usize * rounds / (LONG_S as usize + 1);
    let from = (round * USERS as usize).min(records.len());
    let until = (from + USERS as usize).min(records.len());
    let flying = records[from..until]
        .iter()
        .filter(|record| record.sent <= at && at < record.ended);
    let requests = flying.map(|record| {
        let first = record.first_token.unwrap();
        let share = at.since(first) / record.ended.since(first);
        InFlight {
            id: record.id,
            tokens: u32::try_from(tokometer::text::numbers::floor_u64(256.0 * share)).unwrap(),
            phase: Phase::Answering,
        }
    });
    let requests = requests.collect();
    Event {
        at,
        what: EventKind::Progress { cycle: 0, requests },
    }
}

/// A GPU and the server's processes at a second.
fn samples(second: u32) -> [Event; 2] {
    let at = f64::from(second) + 0.5;
    let gpu = GpuSample {
        source: "nvml:0".to_owned(),
        name: Some("A card".to_owned()),
        watts: Some(280.0 + f64::from(second % 13)),
        mhz: Some(1_800.0 + f64::from(second % 7)),
        usage_percent: Some(97.0),
        celsius: Some(66.0),
        ..GpuSample::default()
    };
    let process = |pid: u32| ProcessSample {
        pid,
        name: "ollama".to_owned(),
        role: Some("runner".to_owned()),
        threads: Some(20 + pid % 5),
        descriptors: Some(300),
        rss_bytes: Some(4_000_000_000 + u64::from(second) * 1_000),
        vsz_bytes: Some(40_000_000_000),
        cpu_percent: Some(f64::from(second % 90)),
        memory_percent: Some(12.0),
        ..ProcessSample::default()
    };
    let table = (1..=4).map(process).collect();
    [
        story::event(at, EventKind::Gpu(gpu)),
        story::event(at, EventKind::Processes(table)),
    ]
}
