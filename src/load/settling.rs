//! A run that finds its own levels: the clock and the channel between the users and what decides.

use tokio::sync::mpsc;
use tokio::time::{Duration, Instant, MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;

use crate::event::RequestRecord;
use crate::metrics::sample::Sample;
use crate::metrics::verdict::settle::{Settle, Step};
use crate::plan::Plan;

/// How often it is asked whether a level has been asked enough.
const LOOK: Duration = Duration::from_millis(100);

/// How the users of a cycle begin and end, where that is not a matter of rounds.
#[derive(Debug, Clone)]
pub(crate) struct Feed {
    /// Where each finished request goes.
    finished: mpsc::UnboundedSender<RequestRecord>,
    /// Cancelled once the level has been asked enough: what is in flight ends, nothing new starts.
    pub(crate) enough: CancellationToken,
    /// Over how long the users begin.
    pub(crate) begin_over: Duration,
}

impl Feed {
    /// Tells what came of a request.
    pub(crate) fn record(&self, record: &RequestRecord) {
        // Its answer is of no interest here, and may be long.
        let record = RequestRecord {
            answer: None,
            itl_us: Vec::new(),
            ..record.clone()
        };
        self.finished.send(record).ok();
    }
}

/// What decides, with its clock: seconds of the server since the first measured request, pauses left out.
#[derive(Debug)]
pub(crate) struct Settling {
    settle: Settle,
    time_scale: f64,
    began: Option<Instant>,
    paused_before: Duration,
    /// How long there was no server.
    away: Duration,
    /// Output tokens so far, and how many there may be.
    tokens: u64,
    budget_tokens: Option<u64>,
}

impl Settling {
    /// `spent` are the output tokens of the run so far, where it continues.
    pub(crate) fn new(settle: Settle, plan: &Plan, spent: u64) -> Self {
        Self {
            tokens: spent,
            budget_tokens: plan.settle.and_then(|settle| settle.budget_tokens),
            time_scale: plan.time_scale,
            settle,
            began: None,
            paused_before: Duration::ZERO,
            away: Duration::ZERO,
        }
    }

    /// The next level; `paused` is how long the run has been paused so far.
    pub(crate) fn next(&mut self, paused: Duration) -> Option<Step> {
        if self.is_spent() {
            return None;
        }
        let elapsed_s = self.elapsed_s(paused);
        self.settle.next(elapsed_s)
    }

    /// Whether the tokens are spent.
    fn is_spent(&self) -> bool {
        self.budget_tokens
            .is_some_and(|budget| self.tokens >= budget)
    }

    /// A level that the user wants.
    pub(crate) fn ask_for(&mut self, users: u32) -> Step {
        self.settle.ask_for(users)
    }

    /// The level that was cut short, once more.
    pub(crate) fn again(&mut self) -> Option<Step> {
        self.settle.again()
    }

    /// Leaves out the time in which there was no server.
    pub(crate) fn leave_out(&mut self, away: Duration) {
        self.away = self.away.saturating_add(away);
    }

    /// Measuring begins.
    pub(crate) fn begin(&mut self, paused: Duration) {
        if self.began.is_none() {
            self.began = Some(Instant::now());
            self.paused_before = paused;
        }
    }

    fn elapsed_s(&self, paused: Duration) -> f64 {
        self.began.map_or(0.0, |began| {
            let paused = paused.saturating_sub(self.paused_before) + self.away;
            began.elapsed().saturating_sub(paused).as_secs_f64() * self.time_scale
        })
    }

    /// What the users of the next cycle get, and the channel of their records.
    pub(crate) fn feed(&self, step: &Step) -> (Feed, mpsc::UnboundedReceiver<RequestRecord>) {
        let (sender, records) = mpsc::unbounded_channel();
        let begin_over = step.begin_over_s / self.time_scale;
        let feed = Feed {
            finished: sender,
            enough: CancellationToken::new(),
            begin_over: Duration::try_from_secs_f64(begin_over).unwrap_or_default(),
        };
        (feed, records)
    }

    /// Takes what the users report, until the level has been asked enough; `paused` is asked each time.
    pub(crate) async fn watch(
        &mut self,
        mut records: mpsc::UnboundedReceiver<RequestRecord>,
        enough: CancellationToken,
        paused: impl Fn() -> Duration,
    ) {
        let mut look = interval(LOOK);
        look.set_missed_tick_behavior(MissedTickBehavior::Skip);
        let mut is_new = false;
        loop {
            tokio::select! {
                record = records.recv() => match record {
                    Some(record) => {
                        is_new = true;
                        self.tokens += record.output_tokens();
                        if self.is_spent() {
                            enough.cancel();
                        }
                        if !enough.is_cancelled() && let Some(sample) = Sample::from_request(&record) {
                            let first = record.round == 0;
                            self.settle.observe(record.user, first, record.sent, record.ended, sample);
                        }
                    }
                    None => break,
                },
                _ = look.tick() => {
                    let elapsed_s = self.elapsed_s(paused());
                    if (is_new || self.settle.is_over(elapsed_s)) && self.settle.is_enough(elapsed_s) {
                        enough.cancel();
                    }
                    is_new = false;
                }
            }
        }
    }
}
