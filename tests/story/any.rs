//! Events that no run would tell.

use proptest::prelude::*;
use tokometer::event::{
    CycleEnd, Event, FailureKind, GpuSample, Stamp, Warning, WarningKind, What,
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
        (0_u32..3, 0_u32..300).prop_map(|(cycle, users)| What::CycleStarted { cycle, users }),
        (0_u32..3, 0_u64..9).prop_map(|(cycle, id)| What::RequestStarted {
            id,
            cycle,
            user: 7,
            round: u32::MAX,
        }),
        (0_u32..3, 0_u64..9, any::<bool>()).prop_map(|(cycle, id, thinking)| What::FirstToken {
            id,
            cycle,
            ttft_us: 1,
            thinking,
        }),
        (0_u32..3, 0_u64..9, 0_u64..90_000_000, 0.1..9000.0).prop_map(
            |(cycle, id, sent, speed)| {
                let mut record = super::record(id, cycle, 0, sent, 0.01, speed);
                record.connect_us = Some(sent);
                if id % 3 == 0 {
                    super::failed(&mut record, FailureKind::BadLine, "\u{1b}[");
                }
                What::RequestEnded(Box::new(record))
            }
        ),
        (0_u32..3).prop_map(|cycle| What::CycleEnded {
            cycle,
            why: CycleEnd::Done,
        }),
        (number.clone(), any::<u32>()).prop_map(|(seconds, next_users)| What::RestStarted {
            seconds: seconds.min(1e9),
            next_users,
        }),
        prop::collection::vec(any::<u32>(), 0..20)
            .prop_map(|upcoming| What::LevelsChanged { upcoming }),
        any::<String>().prop_map(|text| What::Warning(Warning {
            kind: WarningKind::Other,
            text,
        })),
        (number, any::<u64>()).prop_map(|(x, n)| What::Gpu(GpuSample {
            watts: Some(x),
            usage_percent: Some(x),
            vram_used_bytes: Some(n),
            vram_total_bytes: Some(n / 2),
            ..Default::default()
        })),
        Just(What::Processes(super::machine::processes(1))),
        (0.0..500.0).prop_map(|watts| What::Gpu(super::machine::gpu(watts))),
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
