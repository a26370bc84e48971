//! The fixed run on a machine that is measured.

use tokometer::event::{
    EnergyBaseline, Event, EventKind, GpuSample, PowerScope, ProcessSample, ServerSample,
};
use tokometer::plan::Price;

use crate::{small_run, story};

/// The small run on a machine of 200 W under load and 50 W at rest, a reading a second.
pub(crate) fn measured(simulated: bool) -> Vec<Event> {
    let mut info = story::info(simulated);
    info.plan.energy.price = Some(Price {
        per_kwh: 0.7,
        currency: "R$".to_owned(),
    });
    info.plan.energy.bandwidth_bytes_s = Some(100e9);
    let mut events = small_run::run(simulated);
    let first = story::event(0.0, EventKind::RunStarted(Box::new(info)));
    events.splice(..1, [first]);
    let baseline = EnergyBaseline {
        watts: 50.0,
        seconds: 10.0,
        scope: Some(PowerScope::Gpu),
    };
    events.push(story::event(4.9, EventKind::Baseline(baseline)));
    let loaded = |second: f64| {
        let cycles = [(5.1, 12.6), (15.7, 29.75), (33.1, 41.7)];
        cycles
            .iter()
            .any(|(from, to)| *from < second && second < to + 1.0)
    };
    let mut joules = 0.0;
    for second in 0..=42_u32 {
        let second = f64::from(second);
        joules += if loaded(second) { 200.0 } else { 50.0 };
        let sample = GpuSample {
            source: "nvml:a".to_owned(),
            watts: Some(if loaded(second) { 200.0 } else { 50.0 }),
            window_s: Some(1.0),
            mhz: Some(1000.0),
            energy_counter_j: Some(joules),
            scope: Some(PowerScope::Gpu),
            ..GpuSample::default()
        };
        events.push(story::event(second, EventKind::Gpu(sample)));
        let process = |role: &str, rss_bytes| ProcessSample {
            role: Some(role.to_owned()),
            threads: Some(10),
            rss_bytes: Some(rss_bytes),
            ..ProcessSample::default()
        };
        let table = vec![
            process("server", 100),
            process("runner", 1000),
            process("client", 9),
        ];
        events.push(story::event(second, EventKind::Processes(table)));
    }
    let slots = ServerSample {
        source: "command line".to_owned(),
        slots: Some(2),
        ..ServerSample::default()
    };
    events.push(story::event(6.0, EventKind::Server(slots)));
    events.sort_by_key(|event| event.at);
    events
}
