//! The runner: a state machine of cycles that handles commands.
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

use crate::event::{ClientCost, CycleEnd, EventKind, RunEnd, WarningKind, failures_in_words};
use crate::metrics::verdict::settle::{Settle, Step};
use crate::plan::{CycleShape, Plan};
use crate::text::numbers::seconds;

use crate::load::Command;
use crate::load::absence::{Absence, Waiting};
use crate::load::descriptors::make_room;
use crate::load::in_flight::InFlightRequests;
use crate::load::pause::Pause;
use crate::load::presence::Presence;
use crate::load::request::RequestContext;
use crate::load::settling::{Feed, Settling};
use crate::load::socket::Connection;
use crate::load::users::{Score, User};
use crate::load::{connections, hopeless, warmup};

/// How often progress is reported.
const PROGRESS: Duration = Duration::from_millis(100);

/// What the runner asks of whoever watches the machine during a run.
pub(crate) trait MachineWatch: Clone + Send + Sync + 'static {
    /// A cycle of so many users begins.
    fn cycle(&self, users: u32);
    /// Whether there is reason to measure the idle machine for `seconds`.
    fn may_report_power(&self, seconds: f64) -> bool;
    /// Measures the idle machine for `seconds`, or until that is skipped.
    fn idle(self, seconds: f64, skipped: CancellationToken) -> impl Future<Output = ()> + Send;
    /// Waits for the reading that covers the last second, where power is known.
    fn last_reading(&self) -> impl Future<Output = ()> + Send;
    /// Takes the last readings; nothing is reported after this.
    fn stop(&self) -> impl Future<Output = ()> + Send;
}

/// One run, from its first event to its last.
pub(crate) struct Runner<W> {
    load: Arc<RequestContext>,
    plan: Plan,
    commands: mpsc::Receiver<Command>,
    watching: W,
    upcoming: VecDeque<u32>,
    paused: watch::Sender<Pause>,
    cycle: u32,
    last_users: Option<u32>,
    /// The most users for whom there is room.
    room: u32,
    /// What finds the levels, where they are not planned.
    settling: Option<Settling>,
    stop: Option<RunEnd>,
    /// What the users of a cycle found that the server left.
    lost: Option<Presence>,
}

impl<W: MachineWatch> Runner<W> {
    /// A run of `plan`.
    pub(crate) fn new(
        load: Arc<RequestContext>,
        plan: Plan,
        commands: mpsc::Receiver<Command>,
        watching: W,
    ) -> Self {
        Self {
            load,
            upcoming: if plan.settle.is_some() {
                VecDeque::new()
            } else {
                plan.levels.iter().copied().collect()
            },
            settling: None,
            room: plan.levels.iter().copied().max().unwrap_or(0),
            plan,
            commands,
            watching,
            paused: watch::Sender::default(),
            cycle: 0,
            last_users: None,
            stop: None,
            lost: None,
        }
    }

    /// The same run, which has had `cycle` cycles.
    pub(crate) fn starting_at_cycle(self, cycle: u32) -> Self {
        Self { cycle, ..self }
    }

    /// The same run, whose levels are found by `settle`; it has had `spent` output tokens.
    pub(crate) fn settling(self, settle: Option<Settle>, spent: u64) -> Self {
        let settling = settle.map(|settle| Settling::new(settle, &self.plan, spent));
        Self { settling, ..self }
    }

    /// Runs to the end; reports every event but the first, which its caller reports.
    pub(crate) async fn run(mut self) -> RunEnd {
        let why = if let Err(why) = self.warm_up().await {
            RunEnd::Failed(why)
        } else {
            self.idle().await;
            self.cycles().await
        };
        if why == RunEnd::Done {
            self.watching.last_reading().await;
        }
        self.report_cost();
        self.watching.stop().await;
        self.load
            .reporter
            .fact(EventKind::RunEnded { why: why.clone() });
        why
    }

    async fn warm_up(&mut self) -> Result<(), String> {
        let load = Arc::clone(&self.load);
        let warmup = self.plan.warmup;
        let cancel = CancellationToken::new();
        let warm = warmup::warm_up(load, warmup, self.paused.subscribe(), cancel.clone());
        match self.handle_commands_while(&cancel, warm).await {
            None | Some(Ok(Presence::Ready)) => {}
            Some(Err(why)) => return Err(why),
            Some(Ok(presence)) => self.await_server(presence).await,
        }
        Ok(())
    }

    /// Before the first cycle: the power of a machine that has the model in memory and nothing to do.
    async fn idle(&mut self) {
        let watching = self.watching.clone();
        let seconds = self.plan.energy.idle_s;
        if self.stop.is_some() || !watching.may_report_power(seconds) {
            return;
        }
        let over = CancellationToken::new();
        let idle = watching.idle(seconds, over.clone());
        self.handle_commands_while(&over, idle).await;
    }

    async fn cycles(&mut self) -> RunEnd {
        if let Some(settling) = self.settling.take() {
            return self.settle(settling).await;
        }
        while self.stop.is_none() {
            let Some(users) = self.upcoming.pop_front() else {
                break;
            };
            let (end, score) = self.run_cycle(users, None).await;
            if let Some(presence) = self.lost.take() {
                self.upcoming.push_front(users);
                self.await_server(presence).await;
                continue;
            }
            if end == CycleEnd::Done && self.plan.stop_when_hopeless {
                self.drop_hopeless(users, &score);
            }
            if self.stop.is_none() && !self.upcoming.is_empty() {
                self.rest().await;
            }
        }
        self.stop.take().unwrap_or(RunEnd::Done)
    }

    /// Levels until the answer is known, or the time is over.
    async fn settle(&mut self, mut settling: Settling) -> RunEnd {
        let mut next = self.next_step(&mut settling);
        while let Some(step) = next {
            if self.upcoming.front() == Some(&step.users) {
                self.upcoming.pop_front();
            }
            let (end, _) = self
                .run_cycle(step.users, Some((&mut settling, step)))
                .await;
            if let Some(presence) = self.lost.take() {
                let (gone, paused) = (Instant::now(), self.paused_so_far());
                self.await_server(presence).await;
                let away = gone.elapsed();
                let paused = self.paused_so_far().saturating_sub(paused);
                settling.leave_out(away.saturating_sub(paused));
                next = settling.again();
            }
            if self.stop.is_some() {
                break;
            }
            if end == CycleEnd::ServerGone {
                continue;
            }
            next = self.next_step(&mut settling);
            if next.is_some() {
                self.rest().await;
            }
        }
        self.stop.take().unwrap_or(RunEnd::Done)
    }

    fn paused_so_far(&self) -> Duration {
        self.paused.borrow().spent(Instant::now())
    }

    /// What comes next, a level that the user asked for first; it is reported as the one to come.
    fn next_step(&mut self, settling: &mut Settling) -> Option<Step> {
        if self.stop.is_some() {
            return None;
        }
        let step = match self.upcoming.front() {
            Some(users) => Some(settling.ask_for(*users)),
            None => settling.next(self.paused_so_far()),
        };
        if let Some(step) = &step
            && self.upcoming.is_empty()
        {
            self.upcoming.push_front(step.users);
        }
        self.report_levels();
        step
    }

    /// One cycle: connections, users, the end.
    async fn run_cycle(
        &mut self,
        users: u32,
        mut settling: Option<(&mut Settling, Step)>,
    ) -> (CycleEnd, Score) {
        let cycle = self.cycle;
        self.cycle += 1;
        self.last_users = Some(users);
        if users > self.room {
            make_room(users, self.load.serves_itself, &self.load.reporter);
            self.room = users;
        }
        self.load
            .reporter
            .fact(EventKind::CycleStarted { cycle, users });
        self.watching.cycle(users);
        let cancel = CancellationToken::new();
        let opening = connections::open(Arc::clone(&self.load), cycle, users, cancel.clone());
        let mut score = Score::default();
        let absence = Arc::new(Absence::new(users));
        if let Some(connections) = self.handle_commands_while(&cancel, opening).await {
            let settling = settling
                .as_mut()
                .map(|(settling, step)| (&mut **settling, *step));
            let asked = (connections, Arc::clone(&absence));
            self.ask_all(cycle, asked, &cancel, &mut score, settling)
                .await;
        }
        if self.stop.is_none() {
            self.lost = absence.found();
        }
        let why = match (&self.stop, cancel.is_cancelled()) {
            (Some(_), _) => CycleEnd::Stopped,
            (None, _) if self.lost.is_some() => CycleEnd::ServerGone,
            (None, true) => CycleEnd::Skipped,
            (None, false) => CycleEnd::Done,
        };
        self.report_failures(users, &score);
        self.report_cost();
        self.load
            .reporter
            .fact(EventKind::CycleEnded { cycle, why });
        (why, score)
    }

    /// Lets every user of a cycle ask, until all have what they came for.
    async fn ask_all(
        &mut self,
        cycle: u32,
        (connections, absence): (Vec<Option<Connection>>, Arc<Absence>),
        cancel: &CancellationToken,
        score: &mut Score,
        settling: Option<(&mut Settling, Step)>,
    ) {
        let users = crate::text::numbers::u32_of(connections.len());
        let board = Arc::new(InFlightRequests::new(users));
        self.load.answers.show(&board);
        let began = Instant::now();
        let paused_before = self.paused.borrow().spent(began);
        let shape = match &settling {
            Some((_, step)) if step.single_wave => CycleShape::Waves(1),
            Some(_) => CycleShape::Waves(u32::MAX),
            None => self.plan.shape,
        };
        let (feed, decided) = self.feed(settling, paused_before);
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
                paused_before,
                limits,
                paused: self.paused.subscribe(),
                cancel: cancel.clone(),
                absence: Arc::clone(&absence),
                feed: feed.clone(),
            };
            tasks.spawn(user.ask(slot, connection, self.plan.max_tokens));
        }
        drop(feed);
        let progress = report_progress(Arc::clone(&self.load), cycle, Arc::clone(&board));
        let all = async {
            tokio::select! {
                biased;
                // First, and without yielding: what the last user reports is received before the users are known to be done.
                () = tokio::task::unconstrained(decided) => Ok(()),
                broken = gather(&mut tasks, score) => broken,
                () = progress => Ok(()),
                () = absence.seen() => Ok(()),
            }
        };
        if let Some(Err(why)) = self.handle_commands_while(cancel, all).await {
            // Facts are lost: nothing that followed could be trusted.
            self.stop(RunEnd::Failed(why), cancel);
            let _ = gather(&mut tasks, score).await;
        } else if absence.found().is_some() {
            cancel.cancel();
            let _ = gather(&mut tasks, score).await;
        }
    }

    /// Waits for a server that went away or still loads, until it is warm, the patience is over or the user stops the run.
    async fn await_server(&mut self, presence: Presence) {
        let patience_s = self.plan.patience_s;
        let given_up = CancellationToken::new();
        let waiting = Waiting {
            load: Arc::clone(&self.load),
            warmup: self.plan.warmup,
            paused: self.paused.subscribe(),
            patience_s,
            given_up: given_up.clone(),
        };
        let ready = waiting.until_ready(presence);
        match self.handle_commands_while(&given_up, ready).await {
            Some(Ok(())) if self.stop.is_none() => self.load.reporter.fact(EventKind::ServerBack),
            Some(Err(Presence::Loading)) => {
                let patience = seconds(Some(patience_s));
                let why = format!(
                    "the server was still loading its model after {patience} (--patience waits longer)"
                );
                self.stop(RunEnd::Failed(why), &given_up);
            }
            Some(Err(_)) => self.stop(RunEnd::ServerGone, &given_up),
            Some(Ok(())) | None => {}
        }
    }

    /// What the users get where a level is asked until enough is known of it, and what decides that; it never ends.
    fn feed<'a>(
        &self,
        settling: Option<(&'a mut Settling, Step)>,
        paused_before: Duration,
    ) -> (Option<Feed>, impl Future<Output = ()> + 'a) {
        let asked = settling.map(|(settling, step)| {
            settling.begin(paused_before);
            let (feed, finished) = settling.feed(&step);
            (settling, feed, finished)
        });
        let feed = asked.as_ref().map(|(_, feed, _)| feed.clone());
        let paused = self.paused.subscribe();
        let decided = async move {
            if let Some((settling, feed, finished)) = asked {
                let Feed { enough, .. } = feed;
                let spent = move || paused.borrow().spent(Instant::now());
                settling.watch(finished, enough, spent).await;
            }
            std::future::pending::<()>().await;
        };
        (feed, decided)
    }

    /// Waits for `work` and handles commands meanwhile. Skipping or stopping cancels `cancel`; the work
    /// then ends on its own, soon. None if it was cancelled before it gave anything.
    async fn handle_commands_while<T>(
        &mut self,
        cancel: &CancellationToken,
        work: impl Future<Output = T>,
    ) -> Option<T> {
        let mut work = std::pin::pin!(work);
        loop {
            tokio::select! {
                biased;
                command = self.commands.recv() => match command {
                    Some(command) => self.apply(command, cancel),
                    // Nobody is left to stop it: the run continues to its end.
                    None => return Some(work.await),
                },
                done = &mut work => return Some(done),
            }
        }
    }

    fn apply(&mut self, command: Command, cancel: &CancellationToken) {
        match command {
            Command::TogglePause => {
                self.paused
                    .send_modify(|pause| pause.toggle(Instant::now()));
                let is_on = self.paused.borrow().is_on();
                self.load.reporter.fact(if is_on {
                    EventKind::Paused
                } else {
                    EventKind::Resumed
                });
            }
            Command::Skip => cancel.cancel(),
            Command::Repeat => {
                if let Some(users) = self.last_users {
                    self.upcoming.push_front(users);
                    self.report_levels();
                }
            }
            Command::Stop => self.stop(RunEnd::Stopped, cancel),
            Command::Signal(number) => self.stop(RunEnd::Signal(number), cancel),
            Command::AddLevel(users) => self.add_level(users),
            Command::RemoveLevel(users) => {
                self.upcoming.retain(|level| *level != users);
                self.report_levels();
            }
        }
    }

    fn stop(&mut self, why: RunEnd, cancel: &CancellationToken) {
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
        self.load
            .reporter
            .fact(EventKind::LevelsChanged { upcoming });
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
        let seconds = if self.plan.settle.is_some() {
            self.plan.rest_s / self.plan.time_scale
        } else {
            self.plan.rest_s
        };
        self.load.reporter.fact(EventKind::RestStarted {
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
                _ = paused.wait_for(|pause| !pause.is_on()) => {}
                () = skipped.cancelled() => {}
            }
        };
        self.handle_commands_while(&over, rest).await;
    }

    fn report_failures(&self, users: u32, score: &Score) {
        if score.failed > 0 {
            let text = format!(
                "{}: {} of {} requests failed ({})",
                crate::text::numbers::counted(users, "user", "users"),
                score.failed,
                score.finished(),
                failures_in_words(score.failures.iter().map(|(kind, n)| (kind, *n))),
            );
            self.load.warn(WarningKind::Failures, text);
        }
    }

    fn report_cost(&self) {
        let cost = client_cost(self.load.reporter.dropped());
        self.load.reporter.fact(EventKind::Client(cost));
    }
}

/// Waits for all users; stops at the first that broke down.
async fn gather(tasks: &mut JoinSet<Score>, score: &mut Score) -> Result<(), String> {
    while let Some(done) = tasks.join_next().await {
        match done {
            Ok(done) => score.add(&done),
            Err(error) if error.is_panic() => {
                return Err(format!("a load worker crashed: {error}"));
            }
            Err(_) => {}
        }
    }
    Ok(())
}

/// Reports how far the requests are, ten times a second, until it is stopped.
async fn report_progress(load: Arc<RequestContext>, cycle: u32, board: Arc<InFlightRequests>) {
    let mut tick = interval(PROGRESS);
    tick.set_missed_tick_behavior(MissedTickBehavior::Skip);
    loop {
        tick.tick().await;
        load.reporter.progress(EventKind::Progress {
            cycle,
            requests: board.in_flight(),
        });
    }
}

fn client_cost(dropped_progress: u64) -> ClientCost {
    let usage = crate::platform::own_usage();
    ClientCost {
        cpu_s: usage.cpu_s,
        rss_bytes: usage.rss_bytes,
        dropped_progress,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_user_that_breaks_down_is_told_and_the_others_are_still_counted() {
        let mut tasks = JoinSet::new();
        let one = || Score {
            answered: 1,
            ..Score::default()
        };
        tasks.spawn(async move { one() });
        let mut score = Score::default();
        assert_eq!(gather(&mut tasks, &mut score).await, Ok(()));
        tasks.spawn(async { panic!("a fault on purpose") });
        let why = gather(&mut tasks, &mut score).await.unwrap_err();
        assert!(why.starts_with("a load worker crashed"), "{why}");
        assert!(why.contains("a fault on purpose"), "{why}");
        tasks.spawn(async move { one() });
        assert_eq!(gather(&mut tasks, &mut score).await, Ok(()));
        assert_eq!(score.answered, 2);
    }
}
