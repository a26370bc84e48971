use super::*;
use crate::event::{
    FailureKind, GpuSample, HostSample, Outcome, PowerScope, RequestRecord, RunInfo, Stamp,
};
use crate::metrics::level::cycle::ClientTime;
use crate::metrics::level::levels;
use crate::metrics::level::tests::{answered, at};
use crate::metrics::state::CycleState;
use rstest::rstest;

/// Rounds of each user.
const ROUNDS: u32 = 10;

/// Users who ask ten times, one after another: each waits so long and is answered at so many tokens a second, both varying
/// by up to 4 %. Every other one begins half a request later, so that not all are answered at once.
fn level(number: u32, users: u32, wait: f64, speed: f64) -> CycleState {
    let mut requests = Vec::new();
    for user in 0..users {
        let mut now = f64::from(user % 2) * (wait + 99.0 / speed) / 2.0;
        for round in 0..ROUNDS {
            let varied = 1.0 + 0.02 * (f64::from((user + round) % 5) - 2.0);
            let first = now + wait * varied;
            let last = first + 99.0 / (speed * varied);
            let id = u64::from(number * 1000 + user * ROUNDS + round);
            let record = answered(id, user, now, first, last, 100);
            requests.push(RequestRecord {
                cycle: number,
                round,
                ..record
            });
            now = last;
        }
    }
    cycle(number, users, requests)
}

fn cycle(number: u32, users: u32, mut requests: Vec<RequestRecord>) -> CycleState {
    requests.sort_by_key(|request| request.ended);
    let mut cycle = CycleState {
        cycle: number,
        users,
        opened: Some(at(0.0)),
        ended: requests.iter().map(|request| request.ended).max(),
        end: Some(crate::event::CycleEnd::Done),
        requests,
        ..CycleState::default()
    };
    cycle.machine.kv_cache_percent.push(Some(40.0));
    cycle
}

/// A run with these cycles; limits: a wait of 10 s, 19.9 tok/s, 90 %. No slots are reported.
fn run(cycles: Vec<CycleState>) -> RunState {
    let json = include_str!("../../../tests/fixtures/run-info.json");
    let mut info: RunInfo = serde_json::from_str(json).unwrap();
    info.target.slots = None;
    RunState {
        cycles,
        info: Some(info),
        ..RunState::default()
    }
}

fn reasons(run: &RunState) -> Vec<Reason> {
    let limits = run.info.as_ref().unwrap().plan.limits;
    let levels = levels(&run.cycles, &limits);
    why(run, &levels, &Verdict::from_run(run).unwrap(), &limits)
}

fn kinds(run: &RunState) -> Vec<(ReasonKind, Limit, u32)> {
    let reasons = reasons(run);
    reasons
        .iter()
        .map(|r| (r.kind, r.limit, r.at.users))
        .collect()
}

/// 4 users who wait 1 s, 8 users who wait 12 s, all as fast.
fn late_at_eight() -> RunState {
    run(vec![level(0, 4, 1.0, 30.0), level(1, 8, 12.0, 30.0)])
}

fn change(run: &mut RunState, each: impl Fn(usize, &mut RequestRecord)) {
    let requests = run.cycles[1].requests.iter_mut();
    requests
        .enumerate()
        .for_each(|(i, request)| each(i, request));
}

#[rstest]
#[case::fewer_than_users(
    Some(4),
    Some("more users than slots (4), so the rest wait in the queue")
)]
#[case::as_many_as_users(Some(8), None)]
#[case::not_known(None, None)]
fn slots_are_blamed_only_where_they_are_fewer_than_the_users(
    #[case] slots: Option<u32>,
    #[case] blamed: Option<&str>,
) {
    let mut run = late_at_eight();
    run.info.as_mut().unwrap().target.slots = slots;
    assert_eq!(kinds(&run), [(ReasonKind::Queue, Limit::Wait, 8)]);
    let reasons = reasons(&run);
    let text = reasons[0].text.as_str();
    assert!(
        text.starts_with(
            "wait grows (1.00 s at 4 → 12.0 s at 8 users) while speed holds \
             (30.0 tok/s at 4 → 30.0 tok/s at 8 users)"
        ),
        "{text}"
    );
    match blamed {
        Some(blamed) => assert!(text.ends_with(blamed), "{text}"),
        None => assert!(!text.contains("slots"), "{text}"),
    }
    assert_eq!(reasons[0].before.unwrap().users, 4);
}

/// Two slots, four users, answers of 12 s: each waits until the one before has its answer.
#[test]
fn slots_are_inferred_from_what_is_answered_at_once() {
    let mut requests = Vec::new();
    for slot in 0..2 {
        for turn in 0..20_u32 {
            let user = slot + 2 * (turn % 2);
            let begin = f64::from(turn) * 12.0;
            let sent = (begin - 12.0).max(0.0);
            let id = u64::from(turn * 2 + slot);
            let record = answered(id, user, sent, begin + 0.1, begin + 12.0, 400);
            let round = turn / 2;
            requests.push(RequestRecord { round, ..record });
        }
    }
    let mut run = run(vec![cycle(0, 4, requests)]);
    assert_eq!(kinds(&run), [(ReasonKind::Queue, Limit::Wait, 4)]);
    // What the server reports is less than what it did.
    run.info.as_mut().unwrap().target.slots = Some(1);
    let text = &reasons(&run)[0].text;
    assert!(
        text.starts_with(
            "4 users wait 11.5 s: at most 2 were answered at once, so the rest wait in the queue"
        ),
        "{text}"
    );
}

#[test]
fn the_parts_of_a_wait_that_the_server_reports_name_its_cause() {
    let reported = |load: f64, prefill: f64| {
        let mut run = late_at_eight();
        change(&mut run, |_, request| {
            request.server.load_s = Some(load);
            request.server.prompt_eval_s = Some(prefill);
        });
        run
    };
    let cause = |load, prefill| {
        let reasons = reasons(&reported(load, prefill));
        (reasons[0].kind, reasons[0].text.clone())
    };
    let (kind, text) = cause(0.1, 9.0);
    assert_eq!(kind, ReasonKind::Prefill);
    assert!(
        text.starts_with("the server reads the prompt for 9.00 s of a wait of 12.0 s at 8 users")
    );
    let (kind, text) = cause(0.1, 0.4);
    assert_eq!(kind, ReasonKind::Queue);
    assert!(
        text.starts_with(
            "requests spend 11.5 s of 12.0 s waiting before the server reads their prompt at 8"
        ),
        "{text}"
    );
    let (kind, text) = cause(7.0, 0.4);
    assert_eq!(kind, ReasonKind::Reload);
    assert!(
        text.starts_with(
            "80 of 80 requests that waited too long at 8 users waited for the model to load, \
             up to 7.00 s"
        ),
        "{text}"
    );
    // A tenth of the wait is little, and half a second is a look at a model that is there.
    assert_eq!(cause(1.1, 0.4).0, ReasonKind::Queue);
    let mut queued = reported(0.1, 0.4);
    queued.info.as_mut().unwrap().target.slots = Some(4);
    assert!(
        reasons(&queued)[0]
            .text
            .contains("more users than slots (4)")
    );
    let mut read = reported(0.1, 9.0);
    read.info.as_mut().unwrap().target.slots = Some(4);
    assert_eq!(kinds(&read), [(ReasonKind::Prefill, Limit::Wait, 8)]);
}

#[test]
fn a_cold_prompt_is_told_from_one_that_is_always_slow() {
    let mut run = late_at_eight();
    change(&mut run, |i, request| {
        let is_cold = i % 3 == 0;
        let (wait, read) = if is_cold { (12.0, 11.0) } else { (1.5, 0.3) };
        let first = request.sent.0 + crate::text::numbers::floor_u64(wait * 1e6);
        request.first_token = Some(Stamp(first));
        request.last_token = Some(Stamp(first + 3_000_000));
        request.server.prompt_eval_s = Some(read);
    });
    assert_eq!(kinds(&run), [(ReasonKind::ColdPrompt, Limit::Wait, 8)]);
    let text = &reasons(&run)[0].text;
    assert!(
        text.starts_with(
            "27 of 27 requests that waited too long at 8 users: the server took 11.0 s to read a prompt that usually takes 300 ms"
        ),
        "{text}"
    );
    // Prompts of which each was read once: there is nothing to compare.
    change(&mut run, |i, request| {
        request.prompt = crate::text::numbers::u32_of(i);
    });
    assert_eq!(kinds(&run), [(ReasonKind::Prefill, Limit::Wait, 8)]);
}

#[test]
fn prompts_are_blamed_where_waits_grow_with_them() {
    let varied = |grows: bool| {
        let mut run = late_at_eight();
        change(&mut run, |i, request| {
            let tokens = [500_u64, 1000, 2000, 4000][i % 4];
            let wait = if grows { tokens as f64 / 250.0 } else { 12.0 };
            let first = request.sent.0 + crate::text::numbers::floor_u64(wait * 1e6);
            request.first_token = Some(Stamp(first));
            request.last_token = Some(Stamp(first + 3_000_000));
            request.server.prompt_tokens = Some(tokens);
        });
        run
    };
    let run = varied(true);
    assert_eq!(kinds(&run), [(ReasonKind::Prefill, Limit::Wait, 8)]);
    let text = &reasons(&run)[0].text;
    assert!(
        text.starts_with(
            "wait grows with the prompt (2.00 s at 500 tokens → 16.0 s at 4,000 tokens, with 8 users)"
        ),
        "{text}"
    );
    let same = varied(false);
    assert_eq!(kinds(&same), [(ReasonKind::Queue, Limit::Wait, 8)]);
    assert!(!reasons(&same)[0].text.contains("prompt"));
}

#[test]
fn bandwidth_is_shared_and_thrash_takes_from_all() {
    let shared = run(vec![level(0, 4, 0.5, 24.0), level(1, 8, 0.5, 12.0)]);
    assert_eq!(kinds(&shared), [(ReasonKind::Bandwidth, Limit::Speed, 8)]);
    let text = &reasons(&shared)[0].text;
    assert!(
        text.starts_with(
            "speed falls with more users (24.0 tok/s at 4 → 12.0 tok/s at 8 users) while total throughput "
        ),
        "{text}"
    );
    let thrash = run(vec![level(0, 4, 0.5, 24.0), level(1, 8, 0.5, 6.0)]);
    assert_eq!(kinds(&thrash), [(ReasonKind::Thrash, Limit::Speed, 8)]);
    assert!(
        reasons(&thrash)[0]
            .text
            .starts_with("total throughput falls (")
    );
}

#[test]
fn what_the_noise_can_explain_is_no_cause() {
    // 21 tok/s and 19 tok/s, where single answers vary from 9 to 33 and from 7 to 31.
    let noisy = |number, users, speed: f64| {
        let mut cycle = level(number, users, 0.5, speed);
        for (i, request) in cycle.requests.iter_mut().enumerate() {
            let speed = speed + if i % 2 == 0 { 12.0 } else { -12.0 };
            let first = request.first_token.unwrap();
            request.last_token = Some(Stamp(
                first.0 + crate::text::numbers::floor_u64(99.0 / speed * 1e6),
            ));
        }
        cycle
    };
    assert_eq!(kinds(&run(vec![noisy(0, 2, 21.0), noisy(1, 4, 19.0)])), []);
    assert_eq!(
        kinds(&run(vec![level(0, 2, 0.5, 21.0), level(1, 4, 0.5, 19.0)])),
        [(ReasonKind::Bandwidth, Limit::Speed, 4)],
        "the same without the noise"
    );
}

fn fail(request: &mut RequestRecord, kind: FailureKind, message: &str) {
    request.first_token = None;
    request.last_token = None;
    request.outcome = Outcome::Failed {
        kind,
        message: message.to_owned(),
    };
}

#[test]
fn failures_go_before_and_speak_in_the_servers_words() {
    let mut failing = run(vec![level(0, 4, 0.5, 30.0), level(1, 8, 0.5, 29.0)]);
    change(&mut failing, |i, request| {
        if i % 2 == 0 {
            fail(
                request,
                FailureKind::Http(503),
                "server busy\u{1b}[31m, try again",
            );
        }
    });
    assert_eq!(
        kinds(&failing),
        [
            (ReasonKind::Errors, Limit::Wait, 8),
            (ReasonKind::Errors, Limit::Speed, 8)
        ]
    );
    assert_eq!(
        sentences(&reasons(&failing)),
        [
            "Limited by errors: 40 of 80 requests failed at 8 users (HTTP 503: “server busy␛[31m, try again”)"
        ]
    );
    change(&mut failing, |i, request| {
        if i % 4 == 0 {
            fail(request, FailureKind::TimeoutNext, "no token for 60 s");
        }
    });
    assert_eq!(
        reasons(&failing)[0].text,
        "40 of 80 requests failed at 8 users (20 × HTTP 503, 20 × stalled: “server busy␛[31m, try \
         again” 20 times)"
    );
}

#[test]
fn a_server_that_went_away_is_no_wait() {
    let mut gone = run(vec![level(0, 4, 0.5, 30.0), level(1, 8, 0.5, 29.0)]);
    change(&mut gone, |_, request| {
        request.ended = Stamp(request.sent.0 + 1000);
        fail(
            request,
            FailureKind::Refused,
            "connection refused (os error 111)",
        );
    });
    assert_eq!(
        sentences(&reasons(&gone)),
        [
            "Limited by errors: the server went away: 80 of 80 requests failed at 8 users \
          (connection refused)"
        ]
    );
    assert_eq!(reasons(&gone)[0].kind, ReasonKind::ServerGone);
}

#[test]
fn too_much_for_the_server_only_where_one_user_fails() {
    let alone = run(vec![level(0, 1, 0.5, 5.0)]);
    assert_eq!(kinds(&alone), [(ReasonKind::Alone, Limit::Speed, 1)]);
    assert_eq!(
        reasons(&alone)[0].text,
        "even 1 user gets 5.00 tok/s: this model is too much for this server"
    );
    assert_eq!(kinds(&run(vec![level(0, 2, 0.5, 5.0)])), [], "two users");
    let mut few = level(0, 1, 0.5, 5.0);
    few.requests.truncate(1);
    assert_eq!(kinds(&run(vec![few])), [], "one request");
}

/// A level with these readings of its GPU.
fn with_gpu(mut run: RunState, usage: &[f64]) -> RunState {
    let sample = |percent: f64| GpuSample {
        source: "nvml:a".to_owned(),
        usage_percent: Some(percent),
        scope: Some(PowerScope::Gpu),
        ..GpuSample::default()
    };
    for percent in usage {
        for cycle in &mut run.cycles {
            cycle.machine.gpus.push(&sample(*percent));
        }
        run.machine
            .gpus
            .insert("nvml:a".to_owned(), (Stamp(0), sample(*percent)));
    }
    run
}

#[test]
fn no_gpu_is_blamed_without_a_gpu() {
    let slow = || run(vec![level(0, 1, 0.5, 5.0)]);
    let idle = with_gpu(slow(), &[0.0, 6.0, 30.0]);
    assert_eq!(kinds(&idle), [(ReasonKind::GpuIdle, Limit::Speed, 1)]);
    let busy = with_gpu(slow(), &[99.0, 98.0, 97.0]);
    assert_eq!(kinds(&busy), [(ReasonKind::Alone, Limit::Speed, 1)]);
    let once = with_gpu(slow(), &[0.0]);
    assert_eq!(kinds(&once), [(ReasonKind::Alone, Limit::Speed, 1)]);
    let in_memory = |mut run: RunState, inside: u64| {
        let model = &mut run.info.as_mut().unwrap().target.model;
        (model.vram_bytes, model.memory_bytes) = (Some(inside), Some(5_000_000_000));
        kinds(&run)
            .into_iter()
            .map(|(kind, ..)| kind)
            .collect::<Vec<_>>()
    };
    let alone = ReasonKind::Alone;
    let both = [alone, ReasonKind::NotOnGpu];
    assert_eq!(in_memory(slow(), 0), [alone], "there is no GPU");
    assert_eq!(in_memory(slow(), 2_000_000_000), both);
    assert_eq!(in_memory(slow(), 5_000_000_000), [alone]);
    let unused = with_gpu(slow(), &[0.0, 0.0, 0.0]);
    assert_eq!(in_memory(unused, 0), both, "a GPU that is not used");
}

/// The causes at 1 user, which misses a limit, after a change to the run.
fn kinds_of(change: &dyn Fn(&mut RunState)) -> Vec<ReasonKind> {
    let mut run = run(vec![level(0, 1, 0.5, 5.0)]);
    change(&mut run);
    kinds(&run).into_iter().map(|(kind, ..)| kind).collect()
}

#[test]
fn a_busy_client_is_named_unless_the_server_is_in_it() {
    let client = |cpu_s: f64| {
        move |run: &mut RunState| {
            let seconds = 10.0;
            run.cycles[0].client = Some(ClientTime { cpu_s, seconds });
        }
    };
    assert_eq!(kinds_of(&client(7.9)), [ReasonKind::Alone]);
    assert_eq!(kinds_of(&client(9.5)), [ReasonKind::Client]);
    let own = |run: &mut RunState| {
        client(9.5)(run);
        run.info.as_mut().unwrap().simulated = true;
    };
    assert_eq!(kinds_of(&own), [ReasonKind::Alone], "the server is in it");
}

#[test]
fn a_full_cache_is_named() {
    let cache = |percent| {
        move |run: &mut RunState| {
            let machine = &mut run.cycles[0].machine;
            machine.kv_cache_percent.push(Some(percent));
        }
    };
    assert_eq!(kinds_of(&cache(98.0)), [ReasonKind::Alone]);
    assert_eq!(kinds_of(&cache(100.0)), [ReasonKind::Memory]);
}

#[test]
fn other_processes_and_swapping_are_named_where_they_were_seen() {
    let host = |busy: f64, others: f64, pages: f64| {
        move |run: &mut RunState| {
            for _ in 0..3 {
                run.cycles[0].machine.host.push(&HostSample {
                    cores: Some(2),
                    cpu_percent: Some(busy),
                    others_percent: Some(others),
                    swapped_pages_s: Some(pages),
                    swap_used_bytes: None,
                });
            }
        }
    };
    assert_eq!(
        kinds_of(&host(200.0, 120.0, 0.0)),
        [ReasonKind::OtherProcess]
    );
    assert_eq!(
        kinds_of(&host(200.0, 19.0, 0.0)),
        [ReasonKind::Alone],
        "the server's own"
    );
    assert_eq!(
        kinds_of(&host(150.0, 120.0, 0.0)),
        [ReasonKind::Alone],
        "some is left"
    );
    assert_eq!(kinds_of(&host(150.0, 0.0, 4000.0)), [ReasonKind::Memory]);
    assert_eq!(kinds_of(&host(150.0, 0.0, 99.0)), [ReasonKind::Alone]);
}

#[test]
fn swap_that_grows_is_named() {
    let swap = |used: [u64; 3]| {
        move |run: &mut RunState| {
            for used in used {
                run.cycles[0].machine.host.push(&HostSample {
                    swap_used_bytes: Some(used),
                    ..HostSample::default()
                });
            }
        }
    };
    // Only what goes there meanwhile counts, not what is there.
    let mega = 1_000_000;
    assert_eq!(kinds_of(&swap([900 * mega; 3])), [ReasonKind::Alone]);
    assert_eq!(
        kinds_of(&swap([900 * mega, 950 * mega, 990 * mega])),
        [ReasonKind::Alone]
    );
    let grows = swap([900 * mega, 950 * mega, 1200 * mega]);
    assert_eq!(kinds_of(&grows), [ReasonKind::Memory]);
}

#[test]
fn other_processes_on_a_busy_gpu_are_named() {
    let others = |usage: &'static [f64]| {
        move |run: &mut RunState| {
            *run = with_gpu(std::mem::take(run), usage);
            for (_, sample) in run.machine.gpus.values_mut() {
                sample.other_processes = Some(1);
            }
        }
    };
    assert_eq!(
        kinds_of(&others(&[99.0, 99.0, 99.0])),
        [ReasonKind::OtherProcess]
    );
    assert_eq!(kinds_of(&others(&[1.0, 2.0, 1.0])), [ReasonKind::GpuIdle]);
}

#[test]
fn a_server_that_meets_the_limits_stops_nowhere() {
    let good = run(vec![level(0, 1, 0.5, 50.0), level(1, 2, 0.5, 45.0)]);
    assert_eq!(reasons(&good), []);
    assert_eq!(reasons(&run(Vec::new())), []);
}
