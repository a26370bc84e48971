use super::*;
use crate::event::CycleEnd;
use crate::event::{ClientCost, Event, EventKind, GpuSample, HostSample, Imported, RunInfo, Stamp};
use crate::metrics::level::cycle::ClientTime;
use crate::metrics::level::tests::{answered, at};
use crate::metrics::verdict::Verdict;

fn run(requests: Vec<RequestRecord>) -> RunState {
    let cycle = CycleState {
        users: 4,
        opened: Some(at(0.0)),
        ended: Some(at(100.0)),
        end: Some(CycleEnd::Done),
        chunks: requests.iter().map(|r| u64::from(r.chunks)).sum(),
        requests,
        ..CycleState::default()
    };
    RunState {
        cycles: vec![cycle],
        info: Some(info()),
        ..RunState::default()
    }
}

fn info() -> RunInfo {
    let json = include_str!("../../tests/fixtures/run-info.json");
    serde_json::from_str(json).unwrap()
}

fn kinds(run: &RunState) -> Vec<WarningKind> {
    from_run(run).iter().map(|warning| warning.kind).collect()
}

fn requests(waits: &[f64]) -> Vec<RequestRecord> {
    let one = |(id, wait): (u64, &f64)| answered(id, 0, 0.0, *wait, wait + 10.0, 200);
    (1..).zip(waits).map(one).collect()
}

#[test]
fn a_quiet_run_needs_no_from_run() {
    assert_eq!(kinds(&run(requests(&[0.4, 0.5, 0.4, 0.5, 0.4]))), []);
    assert_eq!(kinds(&RunState::default()), []);
}

#[test]
fn a_cycle_that_was_cut_short() {
    for end in [None, Some(CycleEnd::Skipped), Some(CycleEnd::Stopped)] {
        let mut cut = run(requests(&[0.4, 0.5]));
        cut.cycles[0].end = end;
        let found = from_run(&cut);
        assert_eq!(found[0].kind, WarningKind::CutShort);
        assert!(
            found[0]
                .text
                .starts_with("The cycle with 4 users is incomplete")
        );
        let verdict = Verdict::from_run(&cut).unwrap();
        assert_eq!(verdict.by_share.both_users, None);
        assert_eq!(verdict.sentence, "No verdict: no cycle is complete.");
        cut.cycles[0].end = Some(CycleEnd::Done);
        let verdict = Verdict::from_run(&cut).unwrap();
        assert_eq!(verdict.by_share.both_users, Some(4));
    }
}

#[test]
fn a_model_that_was_loaded_within_a_cycle() {
    let mut cold = requests(&[0.4, 0.5]);
    cold[0].server.load_s = Some(4.2);
    // A look at a model that is in memory is most of a short wait, and a second is little of a long one.
    cold[1].server.load_s = Some(0.3);
    cold.push(answered(3, 2, 0.0, 12.0, 20.0, 200));
    cold[2].server.load_s = Some(1.0);
    let found = from_run(&run(cold));
    assert_eq!(found[0].kind, WarningKind::ColdLoad);
    assert!(
        found[0]
            .text
            .starts_with("1 request waited for the model to load, up to 4.20 s")
    );
}

#[test]
fn a_slow_first_request_needs_others_to_be_seen() {
    assert_eq!(
        kinds(&run(requests(&[3.0, 0.5, 0.4, 0.5]))),
        [WarningKind::SlowFirst]
    );
    assert_eq!(kinds(&run(requests(&[3.0, 0.5, 0.4]))), []);
    assert_eq!(kinds(&run(requests(&[0.5, 3.0, 3.0, 3.0]))), []);
    let mut imported = run(requests(&[3.0, 0.5, 0.4, 0.5]));
    if let Some(info) = &mut imported.info {
        info.imported = Some(Imported {
            tool: "a tool".to_owned(),
            folder: "here".to_owned(),
        });
    }
    assert_eq!(kinds(&imported), []);
}

#[test]
fn a_first_request_that_waits_for_a_slot_is_not_cold() {
    let with_slots = |slots| {
        let mut run = run(requests(&[3.0, 0.5, 0.4, 0.5]));
        if let Some(info) = &mut run.info {
            info.target.slots = slots;
        }
        kinds(&run)
    };
    assert_eq!(with_slots(Some(3)), []);
    assert_eq!(with_slots(Some(4)), [WarningKind::SlowFirst]);
    assert_eq!(with_slots(None), [WarningKind::SlowFirst]);
}

#[test]
fn a_client_that_takes_nearly_a_core() {
    let took = |cpu_s| {
        let mut late = run(requests(&[0.4, 0.5]));
        let seconds = 10.0;
        late.cycles[0].client = Some(ClientTime { cpu_s, seconds });
        late
    };
    assert_eq!(kinds(&took(7.9)), []);
    assert_eq!(kinds(&took(8.0)), [WarningKind::ClientLate]);
    let text = from_run(&took(9.0)).remove(0).text;
    assert!(text.starts_with("The client used 90 % of a core at 4 users"));
    let mut simulated = took(9.0);
    simulated.info.as_mut().unwrap().simulated = true;
    assert_eq!(kinds(&simulated), [], "the server is in it");
    let mut failing = took(9.0);
    failing.cycles[0].client = None;
    failing.cycles[0].requests.clear();
    assert_eq!(kinds(&failing), []);
}

/// The process reports its time at the end of each cycle; one that resumes the run begins again.
#[test]
fn the_clients_time_is_that_of_each_cycle() {
    let mut state = RunState::default();
    let mut apply = |second: f64, what: EventKind| {
        state.apply(&Event {
            at: at(second),
            what,
        });
    };
    let started = |cycle| EventKind::CycleStarted { cycle, users: 2 };
    let ended = |cycle| EventKind::CycleEnded {
        cycle,
        why: CycleEnd::Done,
    };
    let cost = |cpu_s| {
        EventKind::Client(ClientCost {
            cpu_s: Some(cpu_s),
            ..ClientCost::default()
        })
    };
    apply(2.0, started(0));
    apply(10.0, cost(1.0));
    apply(10.0, ended(0));
    apply(13.0, started(1));
    apply(23.0, cost(3.5));
    apply(23.0, ended(1));
    apply(23.0, cost(3.6));
    let levels = vec![2];
    apply(
        100.0,
        EventKind::Continued {
            gap_s: 77.0,
            levels,
        },
    );
    apply(101.0, started(2));
    apply(110.0, cost(0.5));
    let of_cycle = |cycle: &CycleState| cycle.client.map(|client| (client.cpu_s, client.seconds));
    let all: Vec<_> = state.cycles.iter().map(of_cycle).collect();
    assert_eq!(
        all,
        [Some((1.0, 10.0)), Some((2.5, 10.0)), Some((0.5, 10.0))]
    );
}

#[test]
fn counts_that_differ() {
    let mut two = requests(&[0.4, 0.5]);
    two[0].chunks = 197;
    assert_eq!(kinds(&run(two.clone())), []);
    two[0].chunks = 100;
    assert_eq!(kinds(&run(two)), [WarningKind::TokenCounts]);
}

#[test]
fn parts_that_were_not_read_and_tokens_that_came_in_bursts() {
    let mut two = requests(&[0.4, 0.5]);
    two[0].unread_parts = Some(2);
    let found = from_run(&run(two.clone()));
    assert!(
        found[0].text.starts_with("2 parts of the answers"),
        "{}",
        found[0].text
    );
    two[0].unread_parts = None;
    for request in &mut two {
        request.itl_us = vec![3, 190, 400_000, 9];
    }
    assert_eq!(kinds(&run(two.clone())), [WarningKind::Buffered]);
    // Several tokens a step are no burst of a whole answer.
    two[0].itl_us = vec![3, 100, 40_000, 99];
    assert_eq!(kinds(&run(two)), []);
}

#[test]
fn gaps_of_the_sampler_within_a_cycle_and_others_on_the_gpu() {
    let mut gappy = run(requests(&[0.4]));
    let mut sample = GpuSample {
        source: "a".to_owned(),
        watts: Some(10.0),
        ..GpuSample::default()
    };
    for second in [1.0, 2.0, 9.0, 10.0, 110.0] {
        gappy.machine.meter.push(at(second), &sample);
    }
    let found = from_run(&gappy);
    assert_eq!(found.len(), 1);
    assert!(
        found[0]
            .text
            .contains("missing 1 time within cycles, for up to 7.00 s"),
        "{}",
        found[0].text
    );
    sample.other_processes = Some(2);
    gappy
        .machine
        .gpus
        .insert("a".to_owned(), (Stamp(0), sample));
    assert_eq!(
        kinds(&gappy),
        [WarningKind::SamplerGap, WarningKind::OtherProcess]
    );
}

#[test]
fn others_that_leave_no_processor() {
    let mut run = run(requests(&[0.4, 0.5]));
    let mut read = |second: f64, others: f64| {
        run.apply(&Event {
            at: at(second),
            what: EventKind::Host(HostSample {
                cores: Some(2),
                cpu_percent: Some(198.0),
                others_percent: Some(others),
                ..HostSample::default()
            }),
        });
        kinds(&run)
    };
    assert_eq!(read(120.0, 150.0), [], "the cycle is over");
    read(120.0, 150.0);
    assert_eq!(read(120.0, 150.0), []);
    run.cycles[0].ended = None;
    let mut read = |others: f64| {
        run.apply(&Event {
            at: at(130.0),
            what: EventKind::Host(HostSample {
                cores: Some(2),
                cpu_percent: Some(198.0),
                others_percent: Some(others),
                ..HostSample::default()
            }),
        });
        from_run(&run)
    };
    read(140.0);
    assert_eq!(read(150.0).len(), 0, "two readings");
    let found = read(160.0);
    assert_eq!(found[0].kind, WarningKind::OtherProcess);
    assert!(
        found[0].text.starts_with(
            "Other processes used 75 % of the 2 cores at 4 users, which left none free"
        )
    );
}
