//! Runs whose machine is measured, wholly, partly, or not at all.

use tokometer::event::{
    EnergyBaseline, Event, EventKind, GpuSample, LoadedModel, PowerScope, ProcessSample, RunEnd,
    ServerSample, SourceName, SourceNote, SourceState, Stamp,
};

use super::loaded;
use crate::story::Story;

/// A GPU that tells everything.
pub(crate) fn gpu(watts: f64) -> GpuSample {
    GpuSample {
        source: "nvml:GPU-1234".to_owned(),
        name: Some("NVIDIA RTX 4090".to_owned()),
        watts: Some(watts),
        window_s: Some(1.0),
        mhz: Some(1400.0 + watts * 3.0),
        usage_percent: Some((watts / 3.2).min(100.0)),
        vram_used_bytes: Some(6_300_000_000),
        vram_total_bytes: Some(24_000_000_000),
        celsius: Some(64.0),
        limit_watts: Some(450.0),
        scope: Some(PowerScope::Gpu),
        bandwidth_bytes_s: Some(1.008e12),
        serves: Some(true),
        ..GpuSample::default()
    }
}

/// A server, its runner, and a client.
pub(crate) fn processes(runner_rss: u64) -> Vec<ProcessSample> {
    let server = ProcessSample {
        pid: 40163,
        name: "ollama serve".to_owned(),
        role: Some("server".to_owned()),
        threads: Some(21),
        descriptors: Some(56),
        rss_bytes: Some(82_000_000),
        vsz_bytes: Some(1_900_000_000),
        cpu_percent: Some(0.2),
        memory_percent: Some(0.3),
        age_s: Some(7384.0),
        ..ProcessSample::default()
    };
    let runner = ProcessSample {
        pid: 40377,
        parent: Some(40163),
        name: "llama-server".to_owned(),
        role: Some("runner".to_owned()),
        threads: Some(14),
        descriptors: Some(31),
        rss_bytes: Some(runner_rss),
        vsz_bytes: Some(61_000_000_000),
        cpu_percent: Some(98.4),
        memory_percent: Some(7.1),
        age_s: Some(93.0),
        slots: Some(2),
        context: Some(8192),
    };
    let client = ProcessSample {
        pid: 51,
        name: "ollama run".to_owned(),
        role: Some("client".to_owned()),
        ..ProcessSample::default()
    };
    vec![server, runner, client]
}

/// Puts a reading a second over the events of `story`; `say` makes it of the users that are served.
fn over(mut story: Story, say: impl Fn(u32) -> Vec<EventKind>) -> Story {
    let mut users = 0;
    let mut second = 1;
    let mut events = Vec::new();
    for event in std::mem::take(&mut story.events) {
        while Stamp(second * 1_000_000) <= event.at {
            let at = Stamp(second * 1_000_000);
            events.extend(say(users).into_iter().map(|what| Event { at, what }));
            second += 1;
        }
        match &event.what {
            EventKind::CycleStarted { users: now, .. } => users = *now,
            EventKind::CycleEnded { .. } => users = 0,
            _ => {}
        }
        events.push(event);
    }
    story.events = events;
    story
}

fn sweep() -> Story {
    let mut story = loaded(&[1, 4, 8]);
    story.cycle(1, &[4, 8], 54.2, 0.41, 0);
    story.cycle(4, &[8], 20.7, 0.61, 0);
    story.running(&[]);
    story
}

/// Everything is told.
pub(crate) fn measured() -> Story {
    let mut story = over(sweep(), |users| {
        let watts = 62.0 + 260.0 * (1.0 - (-f64::from(users) / 3.0).exp());
        let rss = 4_700_000_000 + u64::from(users) * 120_000_000;
        vec![
            EventKind::Gpu(gpu(watts)),
            EventKind::Processes(processes(rss)),
            EventKind::Server(ServerSample {
                source: "command line".to_owned(),
                slots: Some(2),
                ..ServerSample::default()
            }),
        ]
    });
    let baseline = EnergyBaseline {
        watts: 61.5,
        seconds: 10.0,
        scope: Some(PowerScope::Gpu),
    };
    let at = Stamp(3_900_000);
    let what = EventKind::Baseline(baseline);
    let place = story.events.iter().position(|event| event.at > at).unwrap();
    story.events.insert(place, Event { at, what });
    story
}

/// Only power is told, of the CPU beside a chip; a process of which little is known; a model that is
/// not wholly on the GPU.
pub(crate) fn partly_measured() -> Story {
    over(sweep(), |_| {
        let chip = GpuSample {
            source: "macmon".to_owned(),
            watts: Some(20.3),
            soc_watts: Some(31.4),
            system_watts: Some(44.0),
            scope: Some(PowerScope::Gpu),
            ..GpuSample::default()
        };
        let package = GpuSample {
            source: "rapl:0".to_owned(),
            watts: Some(41.0),
            scope: Some(PowerScope::Package),
            ..GpuSample::default()
        };
        let unknown = ProcessSample {
            pid: 7,
            name: "ollama serve".to_owned(),
            ..ProcessSample::default()
        };
        let models = vec![LoadedModel {
            name: "deepseek-r1:7b".to_owned(),
            size_bytes: Some(100),
            vram_bytes: Some(64),
            context: None,
        }];
        vec![
            EventKind::Gpu(chip),
            EventKind::Gpu(package),
            EventKind::Processes(vec![unknown]),
            EventKind::Server(ServerSample {
                source: "/api/ps".to_owned(),
                models,
                ..ServerSample::default()
            }),
        ]
    })
}

/// A note of a source.
pub(crate) fn note(source: &str, state: SourceState, why: &str, fix: Option<&str>) -> EventKind {
    EventKind::Source(SourceNote {
        source: SourceName::Source(source.to_owned()),
        state,
        why: Some(why.to_owned()),
        fix: fix.map(str::to_owned),
    })
}

/// No source has a reading.
pub(crate) fn unmeasured() -> Story {
    let mut story = sweep();
    story.push(note("amd", SourceState::Absent, "no AMD GPU in /sys", None));
    story.push(note(
        "nvidia",
        SourceState::Unusable,
        "the driver and its library do not fit",
        Some("restart the machine"),
    ));
    story.push(note("apple", SourceState::Late, "it does not answer", None));
    let why = "no process of the server is visible on this machine (it may run in a container or elsewhere)";
    let fix = Some("name it with --match REGEX");
    story.push(note("processes", SourceState::Failing, why, fix));
    story
}

/// Two cards; nothing was heard of them for four seconds.
pub(crate) fn two_cards() -> Story {
    let mut story = over(sweep(), |_| {
        let mut other = gpu(188.0);
        "nvml:GPU-5678".clone_into(&mut other.source);
        other.mhz = None;
        vec![EventKind::Gpu(gpu(311.4)), EventKind::Gpu(other)]
    });
    story.pass(4.0);
    let users = 1;
    let cycle = u32::MAX;
    story.push(EventKind::RequestStarted {
        id: u64::MAX,
        cycle,
        user: users,
        round: 0,
    });
    story
}

/// A run that is over: of its second cycle only the first seconds were measured.
pub(crate) fn broken_off() -> Story {
    let mut story = loaded(&[1, 4]);
    story.cycle(1, &[4], 54.2, 0.41, 0);
    story.cycle(4, &[], 20.7, 0.61, 0);
    let left = std::cell::Cell::new(3_u32);
    let mut story = over(story, |users| match (users, left.get()) {
        (4, 0) => Vec::new(),
        (4, more) => {
            left.set(more - 1);
            vec![EventKind::Gpu(gpu(200.0))]
        }
        _ => vec![EventKind::Gpu(gpu(200.0))],
    });
    story.end(RunEnd::Done);
    story
}
