//! How often the verdict is wrong: `cargo bench --bench verdict`, about a minute, in simulated time and without sockets.
//!
//! 207 servers of nine kinds, ten runs of each with the default plan. A server's true share of good requests is that of
//! many thousands with so many users who always ask, over many starts where their pattern stays; what a run says is held against it. Other numbers of servers,
//! another time, or other servers, which begin at another number: `cargo bench --bench verdict -- SERVERS MINUTES FIRST`.

#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::indexing_slicing,
    reason = "a bench stops where it cannot measure, and prints what it measured"
)]

mod world;

use std::collections::{BTreeMap, HashMap};

use tokometer::metrics::verdict::State;
use tokometer::metrics::verdict::settle::Settle;
use tokometer::plan::{Limits, SettlePlan};
use world::{Chance, Phases, Server, Start, run, truth};

const SEEDS: u64 = 10;
/// Runs of the simulator's own default.
const STUDIES: u64 = 200;
const MOST: u32 = 256;
/// A server answers so many requests at each deciding level in half of the time, or its runs are listed apart.
const ENOUGH: f64 = 150.0;

fn main() {
    let mut numbers = std::env::args().filter_map(|argument| argument.parse::<f64>().ok());
    let servers = numbers.next().unwrap_or(207.0) as u64;
    let within_s = numbers.next().unwrap_or(5.0) * 60.0;
    let first = numbers.next().unwrap_or(0.0) as u64;
    let mut all: BTreeMap<&str, Tally> = BTreeMap::new();
    let mut near = Tally::default();
    for number in first..first + servers {
        let server = server(number);
        let mut truths = Truths::new(&server, number);
        let capacity = truths.capacity();
        let is_easy = truths.is_easy(capacity, within_s);
        for seed in 0..SEEDS {
            let seen = Seen::of_run(&server, seed * 7919 + number, within_s);
            let tally = all.entry(server.kind).or_default();
            tally.add(&seen, &mut truths, is_easy, capacity);
            near.add_near(&seen, &mut truths);
        }
    }
    let mut total = Tally::default();
    println!(
        "{servers} servers, {SEEDS} runs of each, {} min\n",
        within_s / 60.0
    );
    println!(
        "| servers | runs | *holds* | of these false | *fails* | of these false | right number | undecided | decidable runs | of these undecided | requests a run |"
    );
    println!("|---|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|");
    for (kind, tally) in &all {
        tally.print(kind);
        total.merge(tally);
    }
    total.print("**all**");
    println!(
        "\nTrue share within a point of the limit: of {} runs whose answer is such a level, {} said *holds* falsely and {} *fails* falsely.",
        near.runs, near.false_holds, near.false_fails
    );
    println!(
        "Requests of a decided run, to all whole numbers up to the first failing one asked as often: {:.2} (median of {}).",
        total.ratio(),
        total.ratios.len()
    );
    study();
}

/// The simulator's own default, which a study measured: three users, by speed.
fn study() {
    for minutes in [5.0, 10.0] {
        let server = m2_pro();
        let mut found: BTreeMap<u32, u32> = BTreeMap::new();
        let mut four_holds = 0;
        for seed in 0..STUDIES {
            let seen = Seen::of_run(&server, seed, minutes * 60.0);
            *found.entry(seen.answer.unwrap_or(0)).or_default() += 1;
            four_holds += u32::from(seen.held.is_some_and(|users| users >= 4));
        }
        println!(
            "m2-pro, {minutes} min, {STUDIES} runs: answers {found:?} (users: runs), 4 holds in {four_holds}"
        );
    }
}

/// What a run said.
#[derive(Debug, Default)]
struct Seen {
    answer: Option<u32>,
    held: Option<u32>,
    failed: Option<u32>,
    requests: u64,
    asked_at_held: u64,
}

impl Seen {
    fn of_run(server: &Server, seed: u64, within_s: f64) -> Self {
        let plan = SettlePlan {
            within_s,
            first: 1,
            most: MOST,
            budget_tokens: None,
        };
        let mut settle = Settle::new(plan, server.limits, 1.0);
        let requests = run(server, seed, within_s, &mut settle);
        let levels = settle.judged();
        let answer = levels.iter().take_while(|level| level.is_carried()).last();
        let held = levels.iter().rfind(|level| level.state() == State::Holds);
        let failed = levels.iter().find(|level| level.state() == State::Fails);
        let deciding = held.into_iter().chain(failed);
        Self {
            answer: answer.map(|level| level.users),
            held: held.map(|level| level.users),
            failed: failed.map(|level| level.users),
            requests,
            asked_at_held: deciding
                .map(tokometer::metrics::verdict::settle::Judged::requests)
                .max()
                .unwrap_or(0),
        }
    }

    fn is_decided(&self) -> bool {
        match (self.held, self.failed) {
            (Some(held), Some(failed)) => is_close(held, failed),
            (Some(held), None) => held == MOST,
            (None, Some(failed)) => failed == 1,
            (None, None) => false,
        }
    }
}

fn is_close(low: u32, high: u32) -> bool {
    high <= low + 1 || f64::from(high) <= 1.1 * f64::from(low)
}

/// The true shares of a server, found once.
struct Truths<'a> {
    server: &'a Server,
    seed: u64,
    known: HashMap<u32, f64>,
}

impl<'a> Truths<'a> {
    fn new(server: &'a Server, seed: u64) -> Self {
        let known = HashMap::new();
        Self {
            server,
            seed,
            known,
        }
    }

    fn share(&mut self, users: u32) -> f64 {
        let (server, seed) = (self.server, self.seed);
        *self.known.entry(users).or_insert_with(|| {
            if server.kind == "in step" {
                let starts = 0..40;
                let shares = starts
                    .clone()
                    .map(|start| truth(server, users, seed, Start::Spread(start), 2_000));
                return shares.sum::<f64>() / starts.count() as f64;
            }
            let rough = truth(server, users, seed, Start::Together, 3_000);
            if (rough - server.limits.share).abs() < 0.03 {
                truth(server, users, seed, Start::Together, 40_000)
            } else {
                rough
            }
        })
    }

    fn reaches(&mut self, users: u32) -> bool {
        self.share(users) >= self.server.limits.share
    }

    fn capacity(&mut self) -> u32 {
        let mut low = 0;
        let mut high = 1;
        while high <= MOST && self.reaches(high) {
            low = high;
            high *= 2;
        }
        if high > MOST {
            return MOST;
        }
        while high - low > 1 {
            let middle = low.midpoint(high);
            if self.reaches(middle) {
                low = middle;
            } else {
                high = middle;
            }
        }
        low
    }

    /// Whether two levels that would decide it lie clear of the limit, and it answers enough requests at each in half of the time.
    fn is_easy(&mut self, capacity: u32, within_s: f64) -> bool {
        let above = |low: u32| (low + 1).max((f64::from(low) * 1.1) as u32);
        let mut clear = |users: u32| !(0.75..=0.98).contains(&self.share(users));
        let mut lows = (0..=capacity)
            .rev()
            .take_while(|low| above(*low) > capacity);
        let is_clear =
            lows.any(|low| (low == 0 || clear(low)) && (low >= MOST || clear(above(low))));
        let users = capacity.max(1);
        let mut world = world::World::new(self.server, self.seed, 5);
        for user in 0..users {
            world.send(user, true);
        }
        for _ in 0..200 + users {
            let ended = world.step(f64::INFINITY).unwrap();
            world.send(ended.user, false);
        }
        is_clear && f64::from(200 + users) / world.now_s * within_s / 4.0 >= ENOUGH
    }
}

/// What the runs of a kind of server said, and how often that was false.
#[derive(Debug, Default)]
struct Tally {
    runs: u32,
    holds: u32,
    false_holds: u32,
    fails: u32,
    false_fails: u32,
    right: u32,
    undecided: u32,
    easy: u32,
    easy_undecided: u32,
    requests: u64,
    ratios: Vec<f64>,
}

impl Tally {
    fn add(&mut self, seen: &Seen, truths: &mut Truths<'_>, is_easy: bool, capacity: u32) {
        self.runs += 1;
        self.requests += seen.requests;
        if let Some(held) = seen.held {
            self.holds += 1;
            self.false_holds += u32::from(!truths.reaches(held));
        }
        if let Some(failed) = seen.failed {
            self.fails += 1;
            self.false_fails += u32::from(truths.reaches(failed));
        }
        let answer = f64::from(seen.answer.unwrap_or(0));
        let off = (answer - f64::from(capacity)).abs();
        self.right += u32::from(off <= 0.1 * f64::from(capacity));
        let is_open = u32::from(!seen.is_decided());
        self.undecided += is_open;
        if is_easy {
            self.easy += 1;
            self.easy_undecided += is_open;
        }
        if is_open == 0 && capacity < MOST {
            let exhaustive = seen.asked_at_held * u64::from(capacity + 1);
            self.ratios.push(seen.requests as f64 / exhaustive as f64);
        }
    }

    fn add_near(&mut self, seen: &Seen, truths: &mut Truths<'_>) {
        let limit = truths.server.limits.share;
        let mut is_near = |users: Option<u32>| {
            users.is_some_and(|users| (truths.share(users) - limit).abs() <= 0.01)
        };
        let (held, failed) = (is_near(seen.held), is_near(seen.failed));
        if held || failed || is_near(seen.answer) {
            self.runs += 1;
        }
        let reaches = |truths: &mut Truths<'_>, users: Option<u32>| {
            users.is_some_and(|users| truths.reaches(users))
        };
        self.false_holds += u32::from(held && !reaches(truths, seen.held));
        self.false_fails += u32::from(failed && reaches(truths, seen.failed));
    }

    fn merge(&mut self, other: &Self) {
        self.runs += other.runs;
        self.holds += other.holds;
        self.false_holds += other.false_holds;
        self.fails += other.fails;
        self.false_fails += other.false_fails;
        self.right += other.right;
        self.undecided += other.undecided;
        self.easy += other.easy;
        self.easy_undecided += other.easy_undecided;
        self.requests += other.requests;
        self.ratios.extend(&other.ratios);
    }

    fn ratio(&self) -> f64 {
        let mut ratios = self.ratios.clone();
        ratios.sort_unstable_by(f64::total_cmp);
        ratios.get(ratios.len() / 2).copied().unwrap_or(f64::NAN)
    }

    fn print(&self, kind: &str) {
        let part = |some: u32, all: u32| {
            if all == 0 {
                return "–".to_owned();
            }
            let (low, high) = interval(some, all);
            format!(
                "{some} = {:.1} % ({:.1}–{:.1})",
                100.0 * f64::from(some) / f64::from(all),
                100.0 * low,
                100.0 * high
            )
        };
        println!(
            "| {kind} | {} | {} | {} | {} | {} | {:.0} % | {:.0} % | {} | {} | {} |",
            self.runs,
            self.holds,
            part(self.false_holds, self.holds),
            self.fails,
            part(self.false_fails, self.fails),
            100.0 * f64::from(self.right) / f64::from(self.runs.max(1)),
            100.0 * f64::from(self.undecided) / f64::from(self.runs.max(1)),
            self.easy,
            part(self.easy_undecided, self.easy),
            self.requests / u64::from(self.runs.max(1)),
        );
    }
}

/// Wilson's interval of a share, 95 %.
fn interval(some: u32, all: u32) -> (f64, f64) {
    let (n, z) = (f64::from(all), 1.959_964);
    let p = f64::from(some) / n;
    let center = (p + z * z / (2.0 * n)) / (1.0 + z * z / n);
    let half = z * (p * (1.0 - p) / n + z * z / (4.0 * n * n)).sqrt() / (1.0 + z * z / n);
    ((center - half).max(0.0), (center + half).min(1.0))
}

/// One of the servers: nine kinds in turn.
fn server(number: u64) -> Server {
    let mut chance = Chance::new(4711, number);
    let alone = chance.between(30.0, 200.0);
    let (slowing, power) = (chance.by_ratio(0.03, 1.5), chance.between(0.7, 1.1));
    let slots = chance.one_of(&[4, 8, 16, 32, 64]);
    let tokens = chance.by_ratio(16.0, 160.0);
    let varies = chance.unit() < 0.6;
    let speed = |busy: u32| alone / (1.0 + slowing * f64::from(busy - 1).powf(power));
    let mut server = Server {
        kind: "speed shared",
        slots,
        speeds: (1..=slots).map(speed).collect(),
        spread: chance.between(0.02, 0.12),
        prefill_s: [0.1, chance.between(0.2, 1.0)],
        tokens: [
            tokens,
            if varies {
                tokens * chance.between(0.1, 0.3)
            } else {
                0.0
            },
        ],
        failing: 0.0,
        failing_phases: None,
        slow_phases: None,
        outliers: (0.0, 0.0),
        limits: Limits {
            wait_s: chance.between(2.0, 10.0),
            speed_tok_s: chance.between(10.0, 22.0),
            share: 0.9,
        },
    };
    match number % 9 {
        0 => {}
        1 => {
            server.kind = "few slots";
            server.slots = chance.one_of(&[2, 4, 8]);
            server.limits.speed_tok_s = 1.0;
        }
        2 => {
            server.kind = "uneven speeds";
            server.spread = chance.between(0.1, 0.25);
        }
        3 => {
            server.kind = "slow phases";
            let phases = Phases {
                well_s: chance.between(6.0, 20.0),
                ill_s: chance.between(0.5, 4.0),
            };
            server.slow_phases = Some((phases, chance.between(0.4, 0.8)));
        }
        4 => {
            server.kind = "outliers";
            server.outliers = (chance.between(0.01, 0.12), chance.between(3.0, 15.0));
        }
        5 => {
            server.kind = "failures";
            server.failing = chance.between(0.005, 0.15);
        }
        6 => {
            server.kind = "failures in bursts";
            server.failing_phases = Some(Phases {
                well_s: chance.between(6.0, 30.0),
                ill_s: chance.between(0.3, 2.0),
            });
        }
        7 => {
            server.kind = "in step";
            server.slots = chance.one_of(&[2, 4, 8]);
            server.limits.speed_tok_s = 1.0;
            server.spread = chance.between(0.0, 0.01);
            server.tokens[1] = 0.0;
            server.prefill_s[1] = server.prefill_s[0] * 1.02;
        }
        _ => {
            server.kind = "near the limit";
            server.failing = chance.between(0.085, 0.115);
        }
    }
    server
}

/// `assets/sim/m2-pro.toml` with answers of 256 tokens.
fn m2_pro() -> Server {
    let points = [
        (1, 54.2),
        (2, 30.7),
        (4, 20.7),
        (5, 19.2),
        (8, 12.8),
        (16, 9.8),
        (19, 9.1),
    ];
    let speed = |busy: u32| {
        let above = points.iter().position(|(at, _)| *at >= busy).unwrap();
        let (b, v) = points[above];
        let (a, u) = points[above.saturating_sub(1)];
        let part = f64::from(busy - a) / f64::from((b - a).max(1));
        u + (v - u) * part
    };
    Server {
        kind: "m2-pro",
        slots: 19,
        speeds: (1..=19).map(speed).collect(),
        spread: 0.05,
        prefill_s: [0.4, 0.95],
        tokens: [256.0, 0.0],
        failing: 0.0,
        failing_phases: None,
        slow_phases: None,
        outliers: (0.0, 0.0),
        limits: Limits::default(),
    }
}
