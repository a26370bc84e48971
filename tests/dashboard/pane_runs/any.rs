//! Events that no run would tell.

use proptest::prelude::*;
use tokometer::event::{
    CycleEnd, Event, EventKind, FailureKind, GpuSample, Stamp, Warning, WarningKind,
};

/// Events in any order, with any figures, mostly of cycles and requests that exist.
pub(crate) fn events() -> impl Strategy<Value = Vec<Event>> {
    let number = prop_oneof![
        any::<f64>(),
        Just(f64::NAN),
        Just(f64::INFINITY),
        0.0..100.0
    ];
    let what = prop_oneof![
        (0_u32..3, 0_u32..300).prop_map(|(cycle, users)| EventKind::CycleStarted { cycle, users }),
        (0_u32..3, 0_u64..9).prop_map(|(cycle, id)| EventKind::RequestStarted {
            id,
            cycle,
            user: 7,
            round: u32::MAX,
        }),
        (0_u32..3, 0_u64..9, any::<bool>()).prop_map(|(cycle, id, thinking)| {
            EventKind::FirstToken {
                id,
                cycle,
                ttft_us: 1,
                thinking,
            }
        }),
        (0_u32..3, 0_u64..9, 0_u64..90_000_000, 0.1..9000.0).prop_map(
            |(cycle, id, sent, speed)| {
                let mut record = super::record(id, cycle, 0, sent, 0.01, speed);
                record.connect_us = Some(sent);
                if id % 3 == 0 {
                    super::failed(&mut record, FailureKind::BadLine, "\u{1b}[");
                }
                EventKind::RequestEnded(Box::new(record))
            }
        ),
        (0_u32..3).prop_map(|cycle| EventKind::CycleEnded {
            cycle,
            why: CycleEnd::Done,
        }),
        (number.clone(), any::<u32>()).prop_map(|(seconds, next_users)| EventKind::RestStarted {
            seconds: seconds.min(1e9),
            next_users,
        }),
        prop::collection::vec(any::<u32>(), 0..20)
            .prop_map(|upcoming| EventKind::LevelsChanged { upcoming }),
        any::<String>().prop_map(|text| EventKind::Warning(Warning {
            kind: WarningKind::Other,
            text,
        })),
        (number, any::<u64>()).prop_map(|(x, n)| EventKind::Gpu(GpuSample {
            watts: Some(x),
            usage_percent: Some(x),
            vram_used_bytes: Some(n),
            vram_total_bytes: Some(n / 2),
            ..Default::default()
        })),
        Just(EventKind::Processes(super::machine::processes(1))),
        (0.0..500.0).prop_map(|watts| EventKind::Gpu(super::machine::gpu(watts))),
        any::<String>().prop_map(|text| super::machine::note(
            &text,
            tokometer::event::SourceState::Failing,
            &text,
            Some(&text),
        )),
    ];
    let event = (0_u64..100_000_000, what).prop_map(|(at, what)| Event {
        at: Stamp(at),
        what,
    });
    prop::collection::vec(event, 0..60)
}
