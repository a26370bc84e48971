//! Servers in simulated time, without sockets: slots, a queue, prefill, speeds that fall as they are shared, slow
//! phases, outliers, failures at random and in bursts.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};

use tokometer::event::Stamp;
use tokometer::metrics::sample::Sample;
use tokometer::metrics::verdict::settle::Settle;
use tokometer::plan::Limits;

/// Random numbers that a seed decides (`SplitMix64`).
#[derive(Debug, Clone)]
pub(crate) struct Chance(u64);

impl Chance {
    pub(crate) fn new(seed: u64, thing: u64) -> Self {
        let mut chance = Self(
            seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ thing.wrapping_mul(0xd1b5_4a32_d192_ed03),
        );
        chance.next();
        chance.next();
        chance
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    pub(crate) fn unit(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1_u64 << 53) as f64
    }

    pub(crate) fn between(&mut self, from: f64, to: f64) -> f64 {
        from + (to - from) * self.unit()
    }

    /// As often near the small end as near the large one, by ratio.
    pub(crate) fn by_ratio(&mut self, from: f64, to: f64) -> f64 {
        self.between(from.ln(), to.ln()).exp()
    }

    pub(crate) fn one_of(&mut self, all: &[u32]) -> u32 {
        all[usize::try_from(self.next() % all.len() as u64).unwrap()]
    }

    fn normal(&mut self) -> f64 {
        let radius = (-2.0 * (1.0 - self.unit()).ln()).sqrt();
        radius * (std::f64::consts::TAU * self.unit()).cos()
    }

    fn after(&mut self, mean: f64) -> f64 {
        -mean * (1.0 - self.unit()).ln()
    }
}

/// How long it is well, and how long it is not, in the mean; seconds.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Phases {
    pub(crate) well_s: f64,
    pub(crate) ill_s: f64,
}

/// What a server is like.
#[derive(Debug, Clone)]
pub(crate) struct Server {
    pub(crate) kind: &'static str,
    pub(crate) slots: u32,
    /// Tokens a second of one request at each number of busy slots, from 1; the last for all beyond.
    pub(crate) speeds: Vec<f64>,
    /// Standard deviation of the speed between requests, as a share of it.
    pub(crate) spread: f64,
    pub(crate) prefill_s: [f64; 2],
    /// Tokens of an answer: mean and standard deviation.
    pub(crate) tokens: [f64; 2],
    /// Share of requests that fail half-way.
    pub(crate) failing: f64,
    /// When all that begin fail.
    pub(crate) failing_phases: Option<Phases>,
    /// When all are slow, and by which factor.
    pub(crate) slow_phases: Option<(Phases, f64)>,
    /// Share of requests that wait longer, and how long in the mean, seconds.
    pub(crate) outliers: (f64, f64),
    pub(crate) limits: Limits,
}

impl Server {
    fn speed(&self, busy: usize) -> f64 {
        let at = busy.clamp(1, self.speeds.len()) - 1;
        self.speeds[at]
    }

    /// How long a round of so many users takes, about; seconds.
    fn round_s(&self, users: u32) -> f64 {
        let busy = users.min(self.slots);
        let request_s =
            self.prefill_s[1] + self.tokens[0] / self.speed(usize::try_from(busy).unwrap());
        request_s * f64::from(users) / f64::from(busy.max(1))
    }
}

/// A request that ended.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Ended {
    pub(crate) user: u32,
    pub(crate) is_first: bool,
    pub(crate) sent_s: f64,
    pub(crate) at_s: f64,
    pub(crate) sample: Sample,
}

#[derive(Debug, Clone, Copy)]
struct Request {
    user: u32,
    is_first: bool,
    sent_s: f64,
    first_token_s: f64,
    tokens: f64,
    factor: f64,
    fails: bool,
}

/// A heap's entry: when, and of which request.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Due(f64, usize);

impl Eq for Due {}
impl PartialOrd for Due {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}
impl Ord for Due {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.0.total_cmp(&other.0)
    }
}

/// Something that is well and ill in turn.
#[derive(Debug)]
struct Turn {
    phases: Option<Phases>,
    is_ill: bool,
    until_s: f64,
}

impl Turn {
    fn new(phases: Option<Phases>, chance: &mut Chance) -> Self {
        let until_s = phases.map_or(f64::INFINITY, |phases| chance.after(phases.well_s));
        Self {
            phases,
            is_ill: false,
            until_s,
        }
    }

    fn turn(&mut self, now_s: f64, chance: &mut Chance) {
        let Some(phases) = self.phases else { return };
        if now_s >= self.until_s {
            self.is_ill = !self.is_ill;
            let mean = if self.is_ill {
                phases.ill_s
            } else {
                phases.well_s
            };
            self.until_s = now_s + chance.after(mean);
        }
    }
}

/// A server at work.
#[derive(Debug)]
pub(crate) struct World<'a> {
    server: &'a Server,
    chance: Chance,
    pub(crate) now_s: f64,
    /// Tokens that a request of average speed has had since the start: all answer at the same pace.
    progress: f64,
    answering: BinaryHeap<Reverse<Due>>,
    prefilling: BinaryHeap<Reverse<Due>>,
    queue: VecDeque<usize>,
    requests: Vec<Request>,
    free: Vec<usize>,
    busy: usize,
    slow: Turn,
    failing: Turn,
}

impl<'a> World<'a> {
    pub(crate) fn new(server: &'a Server, seed: u64, thing: u64) -> Self {
        let mut chance = Chance::new(seed, thing);
        let slow = Turn::new(server.slow_phases.map(|(phases, _)| phases), &mut chance);
        let failing = Turn::new(server.failing_phases, &mut chance);
        Self {
            server,
            chance,
            now_s: 0.0,
            progress: 0.0,
            answering: BinaryHeap::new(),
            prefilling: BinaryHeap::new(),
            queue: VecDeque::new(),
            requests: Vec::new(),
            free: Vec::new(),
            busy: 0,
            slow,
            failing,
        }
    }

    pub(crate) fn send(&mut self, user: u32, is_first: bool) {
        let [mean, sd] = self.server.tokens;
        let tokens = (mean + sd * self.chance.normal()).clamp(mean * 0.3, mean * 3.0);
        let request = Request {
            user,
            is_first,
            sent_s: self.now_s,
            first_token_s: 0.0,
            factor: (1.0 + self.server.spread * self.chance.normal()).max(0.3),
            fails: self.failing.is_ill || self.chance.unit() < self.server.failing,
            tokens,
        };
        let id = self.free.pop().unwrap_or(self.requests.len());
        if id < self.requests.len() {
            self.requests[id] = request;
        } else {
            self.requests.push(request);
        }
        if self.busy < usize::try_from(self.server.slots).unwrap() {
            self.serve(id);
        } else {
            self.queue.push_back(id);
        }
    }

    fn serve(&mut self, id: usize) {
        self.busy += 1;
        let [least, most] = self.server.prefill_s;
        let (share, longer_s) = self.server.outliers;
        let more = if self.chance.unit() < share {
            longer_s * self.chance.between(0.5, 1.5)
        } else {
            0.0
        };
        let prefill_s = self.chance.between(least, most) + more;
        self.prefilling
            .push(Reverse(Due(self.now_s + prefill_s, id)));
    }

    fn pace(&self) -> f64 {
        let slow = self.server.slow_phases.filter(|_| self.slow.is_ill);
        self.server.speed(self.busy) * slow.map_or(1.0, |(_, factor)| factor)
    }

    /// The next request that ends, or None at `horizon_s`.
    pub(crate) fn step(&mut self, horizon_s: f64) -> Option<Ended> {
        loop {
            let pace = self.pace();
            let answered = self.answering.peek();
            let answered_s = answered.map_or(f64::INFINITY, |Reverse(due)| {
                self.now_s + (due.0 - self.progress).max(0.0) / pace
            });
            let filled = self.prefilling.peek();
            let filled_s = filled.map_or(f64::INFINITY, |Reverse(due)| due.0);
            let turn_s = self.slow.until_s.min(self.failing.until_s);
            let next_s = answered_s.min(filled_s).min(turn_s).min(horizon_s);
            self.progress += (next_s - self.now_s).max(0.0) * pace;
            self.now_s = next_s;
            if next_s >= horizon_s {
                return None;
            }
            if next_s >= turn_s {
                self.slow.turn(next_s, &mut self.chance);
                self.failing.turn(next_s, &mut self.chance);
            } else if filled_s <= answered_s {
                let Reverse(Due(_, id)) = self.prefilling.pop()?;
                let request = &mut self.requests[id];
                request.first_token_s = next_s;
                let tokens = if request.fails { 0.5 } else { 1.0 } * request.tokens;
                let due = self.progress + tokens / request.factor;
                self.answering.push(Reverse(Due(due, id)));
            } else {
                let Reverse(Due(_, id)) = self.answering.pop()?;
                return Some(self.end(id));
            }
        }
    }

    fn end(&mut self, id: usize) -> Ended {
        self.busy -= 1;
        let request = self.requests[id];
        self.free.push(id);
        if let Some(next) = self.queue.pop_front() {
            self.serve(next);
        }
        let speed = (request.tokens - 1.0) / (self.now_s - request.first_token_s).max(1e-9);
        Ended {
            user: request.user,
            is_first: request.is_first,
            sent_s: request.sent_s,
            at_s: self.now_s,
            sample: Sample {
                failed: request.fails,
                wait_s: Some(request.first_token_s - request.sent_s),
                speed_tok_s: Some(speed).filter(|_| !request.fails),
            },
        }
    }
}

/// How the users of a true share begin.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Start {
    Together,
    /// Each at random within a round, another one for each number.
    Spread(u64),
}

/// The true share of good requests with so many users that always ask.
pub(crate) fn truth(server: &Server, users: u32, seed: u64, start: Start, requests: usize) -> f64 {
    let mut world = World::new(server, seed, 77 + u64::from(users));
    let mut starts: Vec<(f64, u32)> = match start {
        Start::Together => (0..users).map(|user| (0.0, user)).collect(),
        Start::Spread(number) => {
            let mut chance = Chance::new(seed, 9000 + number);
            let round_s = server.round_s(users);
            (0..users)
                .map(|user| (round_s * chance.unit(), user))
                .collect()
        }
    };
    starts.sort_by(|a, b| a.0.total_cmp(&b.0));
    let mut starts = VecDeque::from(starts);
    let begun = usize::try_from(users * 5).unwrap().max(200);
    let (mut number, mut met) = (0, 0);
    while number < begun + requests {
        let begins_s = starts.front().map_or(f64::INFINITY, |(at_s, _)| *at_s);
        let Some(ended) = world.step(begins_s) else {
            let (_, user) = starts.pop_front().unwrap();
            world.send(user, true);
            continue;
        };
        world.send(ended.user, false);
        if number >= begun && ended.sample.meets_both(&server.limits) == Some(true) {
            met += 1;
        }
        number += 1;
    }
    f64::from(met) / requests as f64
}

/// A run against a server; how many requests it spent.
pub(crate) fn run(server: &Server, seed: u64, within_s: f64, settle: &mut Settle) -> u64 {
    const REST_S: f64 = 1.0;
    let stamp = |s: f64| Stamp((s * 1e6) as u64);
    let (mut clock_s, mut spent, mut visit) = (0.0, 0, 1000);
    while let Some(step) = settle.next(clock_s) {
        visit += 1;
        let mut world = World::new(server, seed, visit);
        let mut chance = Chance::new(seed, 31 + visit);
        let begin = |user| (step.begin_over_s * chance.unit(), user);
        let mut starts: Vec<(f64, u32)> = (0..step.users).map(begin).collect();
        starts.sort_by(|a, b| a.0.total_cmp(&b.0));
        let mut starts = VecDeque::from(starts);
        let (mut in_flight, mut since, mut is_enough) = (0, 0, false);
        loop {
            if is_enough && in_flight == 0 {
                break;
            }
            let end_s = if is_enough {
                f64::INFINITY
            } else {
                within_s - clock_s
            };
            let begins_s = starts.front().map_or(f64::INFINITY, |(at_s, _)| *at_s);
            let Some(ended) = world.step(end_s.min(begins_s)) else {
                if world.now_s >= end_s {
                    is_enough = true;
                    starts.clear();
                } else if let Some((_, user)) = starts.pop_front() {
                    world.send(user, true);
                    in_flight += 1;
                    spent += 1;
                }
                continue;
            };
            in_flight -= 1;
            if is_enough {
                continue;
            }
            let times = (stamp(ended.sent_s), stamp(ended.at_s));
            settle.observe(ended.user, ended.is_first, times.0, times.1, ended.sample);
            since += 4;
            if since >= step.users {
                since = 0;
                is_enough = settle.is_enough(clock_s + world.now_s);
                if is_enough {
                    starts.clear();
                }
            }
            if !is_enough && !step.single_wave {
                world.send(ended.user, false);
                in_flight += 1;
                spent += 1;
            } else if in_flight == 0 && starts.is_empty() {
                break;
            }
        }
        clock_s += world.now_s + REST_S;
    }
    spent
}
