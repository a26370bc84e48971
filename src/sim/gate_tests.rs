//! How often the gate of CI is wrong: runs of the engine in simulated time, without sockets, compared with each other.

use std::collections::HashMap;
use std::time::Duration;

use crate::event::{CycleEnd, Outcome, RequestRecord, RunInfo, ServerFigures, Stamp};
use crate::metrics::condition::Condition;
use crate::metrics::gate::{Decision, changes};
use crate::metrics::state::{CycleState, RunState};
use crate::plan::{CycleShape, DEFAULT_LEVELS, Plan};
use crate::sim::chance::Chance;
use crate::sim::draft::Draft;
use crate::sim::engine::{Engine, JobId};
use crate::sim::profile::Profile;

/// A server and what is asked of it.
struct Load<'a> {
    profile: &'a Profile,
    seed: u64,
    waves: u32,
    max_tokens: u32,
    /// Requests so far, over all levels: each is drawn by its number.
    asked: u64,
}

impl Load<'_> {
    fn submit(&mut self, engine: &mut Engine, now: Duration) -> (JobId, u32) {
        let draft = Draft::new(self.profile, self.seed, self.asked);
        self.asked += 1;
        let tokens = draft.extent(true, Some(self.max_tokens)).tokens;
        let job = draft.job(tokens, 16, Duration::ZERO);
        (engine.submit(now, job).unwrap(), tokens)
    }

    /// A cycle in which each user asks again as soon as its answer is complete.
    fn cycle(&mut self, number: u32, users: u32) -> CycleState {
        let mut engine = Engine::new(self.profile, 1.0);
        let mut live: HashMap<JobId, RequestRecord> = HashMap::new();
        for user in 0..users {
            let (id, tokens) = self.submit(&mut engine, Duration::ZERO);
            live.insert(id, asked(number, user, 0, Duration::ZERO, tokens));
        }
        let (mut requests, mut dues) = (Vec::new(), Vec::new());
        while let Some(now) = engine.next_due() {
            dues.clear();
            engine.advance(now, &mut dues);
            for due in dues.clone() {
                let record = live.get_mut(&due.id).unwrap();
                if due.index == 0 {
                    record.first_token = Some(stamp(due.at));
                }
                if !due.last {
                    continue;
                }
                let mut record = live.remove(&due.id).unwrap();
                record.last_token = Some(stamp(due.at));
                record.ended = stamp(due.at);
                let (user, round) = (record.user, record.round + 1);
                requests.push(record);
                if round < self.waves {
                    let (id, tokens) = self.submit(&mut engine, now);
                    live.insert(id, asked(number, user, round, now, tokens));
                }
            }
        }
        CycleState {
            cycle: number,
            users,
            end: Some(CycleEnd::Done),
            requests,
            ..CycleState::default()
        }
    }
}

fn stamp(at: Duration) -> Stamp {
    Stamp(u64::try_from(at.as_micros()).unwrap())
}

fn asked(cycle: u32, user: u32, round: u32, sent: Duration, tokens: u32) -> RequestRecord {
    RequestRecord {
        id: 0,
        cycle,
        user,
        round,
        prompt: 0,
        sent: stamp(sent),
        head: None,
        first_byte: None,
        first_token: None,
        first_answer: None,
        last_token: None,
        ended: stamp(sent),
        chunks: tokens,
        thinking_chunks: None,
        itl_us: vec![],
        connect_us: None,
        tls_us: None,
        retries: None,
        unread_parts: None,
        server: ServerFigures::default(),
        outcome: Outcome::Done { reason: None },
        answer: None,
    }
}

/// `--waves 4` over the levels of a run that names none.
fn run(profile: &Profile, seed: u64, max_tokens: u32) -> RunState {
    let plan = Plan {
        shape: CycleShape::Waves(4),
        ..Plan::default()
    };
    let info = include_str!("../../tests/fixtures/run-info.json");
    let info: RunInfo = serde_json::from_str(info).unwrap();
    let mut load = Load {
        profile,
        seed,
        waves: 4,
        max_tokens,
        asked: 0,
    };
    let levels = (0..).zip(DEFAULT_LEVELS);
    RunState {
        info: Some(RunInfo { plan, ..info }),
        cycles: levels
            .map(|(number, users)| load.cycle(number, users))
            .collect(),
        ..RunState::default()
    }
}

/// A server whose tokens take longer.
fn slowed(profile: &Profile, factor: f64) -> Profile {
    let mut slow = profile.clone();
    for speed in &mut slow.decode.speeds {
        speed.tok_s *= factor;
    }
    slow
}

/// Pairs that failed, that stayed undecided, and all of them.
fn judged<'a>(condition: &str, pairs: impl Iterator<Item = [&'a RunState; 2]>) -> [usize; 3] {
    let condition = Condition::for_change(condition).unwrap();
    let mut counts = [0; 3];
    for pair in pairs {
        let rulings = changes(std::slice::from_ref(&condition), &pair);
        assert_eq!(rulings.len(), 1, "{rulings:?}");
        let is = |decision| usize::from(rulings[0].decision == decision);
        counts[0] += is(Decision::Failed);
        counts[1] += is(Decision::Inconclusive);
        counts[2] += 1;
    }
    counts
}

/// The 56 ordered pairs of 8 runs.
fn ordered(runs: &[RunState]) -> impl Iterator<Item = [&RunState; 2]> {
    let numbered = || runs.iter().enumerate();
    numbered().flat_map(move |(a, one)| {
        let others = numbered().filter(move |(b, _)| a != *b);
        others.map(move |(_, other)| [one, other])
    })
}

/// Failed, undecided and all pairs of a server against itself, and those of itself against one that is 10 % slower.
fn tried(profile: &Profile, max_tokens: u32) -> [[usize; 3]; 2] {
    let runs = |profile: &Profile, first: u64| -> Vec<RunState> {
        let seeds = first..first + 8;
        seeds.map(|seed| run(profile, seed, max_tokens)).collect()
    };
    let (usual, slow) = (runs(profile, 1), runs(&slowed(profile, 0.9), 11));
    let each = usual.iter().flat_map(|a| slow.iter().map(move |b| [a, b]));
    [
        judged("speed < -5%", ordered(&usual)),
        judged("speed < -5%", each),
    ]
}

#[test]
fn a_server_against_itself_passes_and_a_slower_one_is_found() {
    let usual = Profile::default();
    // Short answers of a server whose requests differ twice as much.
    let mut uneven = usual.clone();
    uneven.decode.spread *= 2.0;
    for (profile, tokens) in [(usual, 256), (uneven, 48)] {
        let [[alarms, open, pairs], [found, _, slow_pairs]] = tried(&profile, tokens);
        assert!(
            alarms <= 3 && open <= 12,
            "{alarms} alarms and {open} undecided of {pairs}"
        );
        assert!(
            found * 10 >= slow_pairs * 9,
            "{found} of {slow_pairs} found"
        );
        assert_eq!((pairs, slow_pairs), (56, 64));
    }
}

/// Where whole rounds are slow or fast together, many requests say little: the interval must know.
#[test]
fn rounds_that_are_slow_together_raise_no_alarms() {
    let info = include_str!("../../tests/fixtures/run-info.json");
    let info: RunInfo = serde_json::from_str(info).unwrap();
    let noisy = |seed: u64| {
        let mut chance = Chance::new(seed, 0);
        let levels = (0..).zip(DEFAULT_LEVELS);
        let cycles = levels.map(|(number, users)| {
            let mut requests = Vec::new();
            for round in 0..4_u32 {
                let of_round = 0.08 * chance.normal();
                for user in 0..users {
                    let speed = 20.0 * (1.0 + of_round + 0.03 * chance.normal());
                    let sent = Duration::from_secs(u64::from(round) * 10);
                    let mut record = asked(number, user, round, sent, 101);
                    record.first_token = Some(stamp(sent));
                    record.ended = stamp(sent + Duration::from_secs_f64(100.0 / speed));
                    record.last_token = Some(record.ended);
                    requests.push(record);
                }
            }
            CycleState {
                cycle: number,
                users,
                end: Some(CycleEnd::Done),
                requests,
                ..CycleState::default()
            }
        });
        RunState {
            info: Some(info.clone()),
            cycles: cycles.collect(),
            ..RunState::default()
        }
    };
    let runs: Vec<[RunState; 2]> = (0..400).map(|n| [noisy(2 * n), noisy(2 * n + 1)]).collect();
    // Half of them are slower by chance; an interval of 95 % shows it in one of forty.
    let [alarms, _, pairs] = judged("speed < 0%", runs.iter().map(|[a, b]| [a, b]));
    assert!((1..=18).contains(&alarms), "{alarms} of {pairs}");
    let [alarms, ..] = judged("speed < -5%", runs.iter().map(|[a, b]| [a, b]));
    assert!(alarms <= 4, "{alarms} of {pairs}");
}
