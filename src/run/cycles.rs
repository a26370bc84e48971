//! The runner: a state machine of cycles that obeys commands.
//!
//! ```text
//!   warm up ──> connect ──> cycle ──> rest ──> connect ──> … ──> ended
//!                  │          │ ▲      │ n: at once
//!                  └── n, x ──┘ └ space: nothing new starts
//! ```

use std::collections::VecDeque;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use tokio::time::{Instant, MissedTickBehavior, interval, sleep_until};
use tokio_util::sync::CancellationToken;

use crate::event::{CycleEnd, RunEnd, WarningKind, What};
use crate::plan::{CycleShape, Plan};

use super::Command;
use super::board::Board;
use super::request::Load;
use super::socket::Connection;
use super::users::{Score, User};
use super::{connections, hopeless, warm};

/// How often progress is reported.
const PROGRESS: Duration = Duration::from_millis(100);

/// One run, from its first event to its last.
pub(crate) struct Runner {
    load: Arc<Load>,
    plan: Plan,
    loader: Option<warm::Loader>,
    commands: mpsc::Receiver<Command>,
    upcoming: VecDeque<u32>,
    paused: watch::Sender<bool>,
    cycle: u32,
    last_users: Option<u32>,
    answered: u64,
    stop: Option<RunEnd>,
}

impl Runner {
    /// A run of `plan`. `loader` loads the model, where the dialect has such a request.
    pub(crate) fn new(
        load: Arc<Load>,
        plan: Plan,
        loader: Option<warm::Loader>,
        commands: mpsc::Receiver<Command>,
    ) -> Self {
        Self {
            load,
            upcoming: plan.levels.iter().copied().collect(),
            plan,
            loader,
            commands,
            paused: watch::Sender::new(false),
            cycle: 0,
            last_users: None,
            answered: 0,
            stop: None,
        }
    }

    /// Runs to the end; reports every event but the first, which its caller reports.
    pub(crate) async fn run(mut self) -> RunEnd {
        let warmed = self.warm_up().await;
        let why = match warmed {
            Err(why) => RunEnd::Failed(why),
            Ok(()) => self.cycles().await,
        };
        self.report_cost();
        self.load.reporter.fact(What::RunEnded { why: why.clone() });
        why
    }

    async fn warm_up(&mut self) -> Result<(), String> {
        let load = Arc::clone(&self.load);
        let (loader, warmup) = (self.loader.take(), self.plan.warmup);
        let cancel = CancellationToken::new();
        let warm = warm::warm_up(load, loader, warmup, cancel.clone());
        let result = self.obey_while(&cancel, warm).await;
        result.unwrap_or(Ok(()))
    }

    async fn cycles(&mut self) -> RunEnd {
        while self.stop.is_none() {
            let Some(users) = self.upcoming.pop_front() else {
                break;
            };
            let (end, score) = self.run_cycle(users).await;
            self.answered += score.answered;
            if end == CycleEnd::Done && self.plan.stop_when_hopeless {
                self.drop_hopeless(users, &score);
            }
            if self.stop.is_none() && !self.upcoming.is_empty() {
                self.rest().await;
            }
        }
        self.stop.take().unwrap_or(RunEnd::Done)
    }

    /// One cycle: connections, users, the end.
    async fn run_cycle(&mut self, users: u32) -> (CycleEnd, Score) {
        let cycle = self.cycle;
        self.cycle += 1;
        self.last_users = Some(users);
        self.load.reporter.fact(What::CycleStarted { cycle, users });
        let cancel = CancellationToken::new();
        let opening = connections::open(Arc::clone(&self.load), cycle, users, cancel.clone());
        let mut score = Score::default();
        if let Some(connections) = self.obey_while(&cancel, opening).await {
            self.ask_all(cycle, connections, &cancel, &mut score).await;
        }
        let why = match (&self.stop, cancel.is_cancelled()) {
            (Some(_), _) => CycleEnd::Stopped,
            (None, true) => CycleEnd::Skipped,
            (None, false) => CycleEnd::Done,
        };
        self.report_failures(users, &score);
        self.report_cost();
        self.load.reporter.fact(What::CycleEnded { cycle, why });
        (why, score)
    }

    /// Lets every user of a cycle ask, until all have what they came for.
    async fn ask_all(
        &mut self,
        cycle: u32,
        connections: Vec<Option<Connection>>,
        cancel: &CancellationToken,
        score: &mut Score,
    ) {
        let users = crate::units::u32_of(connections.len());
        let board = Arc::new(Board::new(users));
        self.load.gallery.show(&board);
        let began = Instant::now();
        let shape = self.plan.shape;
        let limits = self.plan.limits;
        let mut tasks = JoinSet::new();
        for ((number, slot), connection) in (0..).zip(board.slots()).zip(connections) {
            let user = User {
                load: Arc::clone(&self.load),
                cycle,
                number,
                users,
                shape,
                began,
                limits,
                paused: self.paused.subscribe(),
                cancel: cancel.clone(),
            };
            tasks.spawn(user.ask(slot, connection, self.plan.max_tokens));
        }
        let progress = report_progress(Arc::clone(&self.load), cycle, Arc::clone(&board));
        let all = async {
            while let Some(done) = tasks.join_next().await {
                match done {
                    Ok(done) => score.add(&done),
                    // A worker that panicked has lost facts: the run cannot be trusted any more.
                    Err(error) if error.is_panic() => std::panic::resume_unwind(error.into_panic()),
                    Err(_) => {}
                }
            }
        };
        let all = async {
            tokio::select! {
                biased;
                () = all => {}
                () = progress => {}
            }
        };
        self.obey_while(cancel, all).await;
    }

    /// Waits for `work` and obeys commands meanwhile. Skipping or stopping cancels `cancel`; the work
    /// then ends by itself, soon. None if it was cancelled before it gave anything.
    async fn obey_while<T>(
        &mut self,
        cancel: &CancellationToken,
        work: impl Future<Output = T>,
    ) -> Option<T> {
        let mut work = std::pin::pin!(work);
        loop {
            tokio::select! {
                biased;
                command = self.commands.recv() => match command {
                    Some(command) => self.obey(command, cancel),
                    // Nobody is left to stop it: the run goes on to its end.
                    None => return Some(work.await),
                },
                done = &mut work => return Some(done),
            }
        }
    }

    fn obey(&mut self, command: Command, cancel: &CancellationToken) {
        match command {
            Command::TogglePause => {
                let pause = !*self.paused.borrow();
                self.paused.send_replace(pause);
                self.load
                    .reporter
                    .fact(if pause { What::Paused } else { What::Resumed });
            }
            Command::Skip => cancel.cancel(),
            Command::Repeat => {
                if let Some(users) = self.last_users {
                    self.upcoming.push_front(users);
                    self.report_levels();
                }
            }
            Command::Stop => self.stop_because(RunEnd::Stopped, cancel),
            Command::Signal(number) => self.stop_because(RunEnd::Signal(number), cancel),
            Command::AddLevel(users) => self.add_level(users),
            Command::RemoveLevel(users) => {
                self.upcoming.retain(|level| *level != users);
                self.report_levels();
            }
            Command::Watch(_) => {}
        }
    }

    fn stop_because(&mut self, why: RunEnd, cancel: &CancellationToken) {
        // What came first is the reason; leaving sends a stop behind a signal.
        self.stop.get_or_insert(why);
        cancel.cancel();
    }

    fn add_level(&mut self, users: u32) {
        if users == 0 || self.upcoming.contains(&users) {
            return;
        }
        let larger = self.upcoming.iter().position(|level| *level > users);
        self.upcoming
            .insert(larger.unwrap_or(self.upcoming.len()), users);
        self.report_levels();
    }

    fn report_levels(&self) {
        let upcoming = self.upcoming.iter().copied().collect();
        self.load.reporter.fact(What::LevelsChanged { upcoming });
    }

    fn drop_hopeless(&mut self, users: u32, score: &Score) {
        let larger = |level: &u32| *level > users;
        if !self.upcoming.iter().any(larger) {
            return;
        }
        if let Some(text) = hopeless::why(users, score, self.plan.limits, &self.upcoming) {
            self.upcoming.retain(|level| !larger(level));
            self.report_levels();
            self.load.warn(WarningKind::Hopeless, text);
        }
    }

    /// The pause between two cycles; a paused run stays in it.
    async fn rest(&mut self) {
        let Some(next_users) = self.upcoming.front().copied() else {
            return;
        };
        let seconds = self.plan.rest_s;
        self.load.reporter.fact(What::RestStarted {
            seconds,
            next_users,
        });
        let until = Instant::now() + Duration::try_from_secs_f64(seconds).unwrap_or_default();
        let over = CancellationToken::new();
        let mut paused = self.paused.subscribe();
        let skipped = over.clone();
        let rest = async move {
            tokio::select! {
                () = sleep_until(until) => {}
                () = skipped.cancelled() => {}
            }
            tokio::select! {
                _ = paused.wait_for(|paused| !paused) => {}
                () = skipped.cancelled() => {}
            }
        };
        self.obey_while(&over, rest).await;
    }

    fn report_failures(&self, users: u32, score: &Score) {
        if score.failed > 0 {
            let kinds: Vec<String> = score
                .failures
                .iter()
                .map(|(kind, count)| format!("{count} × {kind}"))
                .collect();
            let text = format!(
                "{users} users: {} of {} requests failed ({})",
                score.failed,
                score.finished(),
                kinds.join(", "),
            );
            self.load.warn(WarningKind::Failures, text);
        }
    }

    fn report_cost(&self) {
        let cost = crate::platform::client_cost(self.load.reporter.dropped());
        self.load.reporter.fact(What::Client(cost));
    }
}

/// Reports where the requests stand, ten times a second, for ever.
async fn report_progress(load: Arc<Load>, cycle: u32, board: Arc<Board>) {
    let mut tick = interval(PROGRESS);
    tick.set_missed_tick_behavior(MissedTickBehavior::Skip);
    loop {
        tick.tick().await;
        load.reporter.progress(What::Progress {
            cycle,
            requests: board.in_flight(),
        });
    }
}

/// How a user of a cycle decides whether to ask once more.
pub(crate) fn asks_again(shape: CycleShape, round: u32, elapsed: Duration) -> bool {
    match shape {
        CycleShape::Waves(waves) => round < waves,
        CycleShape::DurationS(seconds) => elapsed.as_secs_f64() < seconds,
    }
}
