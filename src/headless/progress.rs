//! The lines printed during a run.

use crate::dialect::{address, by_id};
use crate::event::{CycleEnd, Event, EventKind, RunEnd, Stamp, Target};
use crate::headless::plain;
use crate::metrics::spending;
use crate::metrics::state::{CycleState, RunState};
use crate::metrics::verdict::Verdict;
use crate::plan::{CycleShape, Plan};
use crate::text::numbers::{self, decimal, percent, users};

/// Time between two lines of a cycle, microseconds.
const EVERY_US: u64 = 5_000_000;

/// Decides which events are worth a line.
#[derive(Debug, Default)]
pub(super) struct ProgressLines {
    /// The latest line of the cycle that runs.
    last: Stamp,
    /// The latest line of a download: its status and tenths.
    pulled: (String, u64),
}

impl ProgressLines {
    /// The lines for one event, which `run` has taken in already.
    pub(super) fn lines(&mut self, run: &RunState, event: &Event) -> Vec<String> {
        let line = |text: String| format!("{:>8.1} s  {text}", event.at.secs());
        let texts = match &event.what {
            EventKind::CycleStarted { .. } => {
                self.last = event.at;
                run.current().map(started)
            }
            EventKind::CycleEnded { cycle, why } => {
                let cycle = run.cycles.iter().rev().find(|state| state.cycle == *cycle);
                let ended = cycle.map(|cycle| ended(cycle, *why));
                let so_far = run.is_settling().then(|| so_far(run)).flatten();
                return [ended, so_far].into_iter().flatten().map(line).collect();
            }
            // The next cycle starts at once and gets its own line.
            EventKind::LevelsChanged { .. } if run.is_settling() => None,
            EventKind::Progress { .. } | EventKind::RequestEnded(_) if self.is_due(event.at) => {
                self.last = event.at;
                run.current().map(|cycle| progress(cycle, event.at))
            }
            other => event_line(other),
        };
        texts.map(line).into_iter().collect()
    }

    fn is_due(&self, now: Stamp) -> bool {
        now.0 >= self.last.0.saturating_add(EVERY_US)
    }

    /// A line for a download, at each new status and each tenth of its bytes.
    pub(super) fn pulling(&mut self, status: &str, bytes: Option<(u64, u64)>) -> Option<String> {
        let tenth = bytes.map_or(0, |(done, all)| done.saturating_mul(10) / all.max(1));
        if (status, tenth) == (self.pulled.0.as_str(), self.pulled.1) {
            return None;
        }
        self.pulled = (status.to_owned(), tenth);
        let share = bytes.map_or_else(String::new, |(done, all)| {
            let share = done as f64 / all.max(1) as f64;
            format!(
                " {} of {}",
                percent(Some(share), 0),
                numbers::bytes(Some(all))
            )
        });
        Some(format!("{}{share}", plain(status)))
    }
}

/// The server, the model and the plan.
pub(super) fn heading(target: &Target, plan: &Plan) -> Vec<String> {
    let mut lines = Vec::new();
    if target.simulated {
        lines.push(
            "SIMULATED: the server is tokometer's own simulator; no model is measured.".to_owned(),
        );
    }
    let by_dialect = || by_id(&target.dialect).map_or("a server", |dialect| dialect.server());
    let server = target.server.as_deref().unwrap_or_else(by_dialect);
    let slots = target
        .slots
        .map(|slots| format!(" · {slots} slots"))
        .unwrap_or_default();
    lines.push(plain(&format!("server  {server} at {}{slots}", target.url)));
    let model = &target.model;
    let facts = [
        Some(model.short_name().to_owned()),
        model.quantization.clone(),
        model.parameters.clone(),
        model.size_bytes.map(|bytes| numbers::bytes(Some(bytes))),
        model.context.map(|tokens| format!("context {tokens}")),
    ];
    lines.push(plain(&format!("model   {}", numbers::joined(facts))));
    if address::is_near(&target.url) {
        lines.push(format!("plan    {}", plan_text(plan)));
    } else {
        let plan = plan.far_away();
        lines.push(format!("plan    {}", plan_text(&plan)));
        lines.push(format!("spends  {}", spending::sentence(&plan)));
    }
    lines
}

/// Levels that are planned, and how long each is.
fn planned(plan: &Plan) -> String {
    let load = match plan.levels.as_slice() {
        [level] => users(*level),
        levels => format!("{} users", list(levels)),
    };
    match plan.shape {
        CycleShape::Waves(1) => format!("{load}, each asks once"),
        CycleShape::Waves(times) => format!("{load}, each asks {times} times"),
        CycleShape::DurationS(seconds) => format!("{load}, for {seconds} s"),
    }
}

fn plan_text(plan: &Plan) -> String {
    let load = plan
        .settle
        .map_or_else(|| planned(plan), |settle| settle.sentence());
    let tokens = plan.max_tokens.map_or_else(
        || "answers of any length".to_owned(),
        |n| format!("answers up to {n} tokens"),
    );
    let limits = &plan.limits;
    format!(
        "{load} · {tokens} · rest {} s · limits: wait {} s, speed {} tok/s, {} of requests",
        plan.rest_s,
        limits.wait_s,
        limits.speed_tok_s,
        percent(Some(limits.share), 0)
    )
}

/// Which levels a resumed run already has.
pub(super) fn resumed(run: &RunState) -> String {
    let done = run.cycles.iter().filter(|cycle| cycle.is_whole());
    let done: Vec<String> = done.map(|cycle| cycle.users.to_string()).collect();
    let done = if done.is_empty() {
        "none".to_owned()
    } else {
        done.join(", ")
    };
    let id = run.info.as_ref().map_or("", |info| info.id.as_str());
    plain(&format!("resumed {id}; users done: {done}"))
}

/// The line of an event that gets one each time.
fn event_line(what: &EventKind) -> Option<String> {
    preparation(what).or_else(|| course(what))
}

/// What happens before a cycle.
fn preparation(what: &EventKind) -> Option<String> {
    Some(match what {
        EventKind::ModelLoaded { took_s, server_s } => {
            let server =
                server_s.map(|s| format!(" (the server reports {})", numbers::seconds(Some(s))));
            format!(
                "model loaded in {}{}",
                numbers::seconds(Some(*took_s)),
                server.unwrap_or_default()
            )
        }
        EventKind::WarmedUp {
            number,
            of,
            ttft_s,
            error,
        } => {
            let how = match (error, ttft_s) {
                (Some(error), _) => format!("failed: {}", plain(error)),
                (None, Some(ttft)) => {
                    format!("first token after {}", numbers::seconds(Some(*ttft)))
                }
                (None, None) => "no token".to_owned(),
            };
            format!("warm-up {number} of {of}: {how}")
        }
        EventKind::RestStarted {
            seconds,
            next_users,
        } => {
            format!("rest of {seconds} s, then {}", users(*next_users))
        }
        EventKind::IdleStarted { seconds } => {
            format!("idle for {seconds} s to measure idle power")
        }
        EventKind::Baseline(idle) => {
            let scope = idle.scope.map(|scope| format!(" ({scope})"));
            let scope = scope.unwrap_or_default();
            format!("idle power {} W{scope}", decimal(idle.watts, 1))
        }
        _ => return None,
    })
}

/// What happens to the run as a whole.
fn course(what: &EventKind) -> Option<String> {
    Some(match what {
        EventKind::Continued { gap_s, levels } => format!(
            "resumed {} after the interruption; users still to run: {}",
            numbers::seconds(Some(*gap_s)),
            list(levels)
        ),
        EventKind::Paused => "paused: requests in flight finish".to_owned(),
        EventKind::Resumed => "continued".to_owned(),
        EventKind::LevelsChanged { upcoming } if upcoming.is_empty() => {
            "no more levels queued".to_owned()
        }
        EventKind::LevelsChanged { upcoming } => format!("levels queued: {}", list(upcoming)),
        EventKind::Warning(warning) => format!("warning: {}", plain(&warning.text)),
        EventKind::RunEnded { why } => match why {
            RunEnd::Done => "done".to_owned(),
            RunEnd::Stopped => "stopped".to_owned(),
            RunEnd::Signal(number) => format!("stopped by signal {number}"),
            RunEnd::ServerGone => "the server did not come back".to_owned(),
            RunEnd::Failed(why) => format!("could not continue: {}", plain(why)),
        },
        EventKind::ServerGone { patience_s } => format!(
            "the server went away; waiting for it for at most {}",
            numbers::seconds(Some(*patience_s))
        ),
        EventKind::ServerLoading { patience_s } => format!(
            "the server is loading its model; waiting for it for at most {}",
            numbers::seconds(Some(*patience_s))
        ),
        EventKind::ServerBack => "the server is back".to_owned(),
        _ => return None,
    })
}

fn list(levels: &[u32]) -> String {
    let levels: Vec<String> = levels.iter().map(u32::to_string).collect();
    levels.join(", ")
}

/// How far the answer is known: the levels around it.
fn so_far(run: &RunState) -> Option<String> {
    let verdict = Verdict::from_run(run)?;
    let at = verdict.headline()?;
    let around = [Some(at), verdict.beyond()].into_iter().flatten();
    let lines = around.filter_map(|level| {
        let state = level.both.state?;
        let (met, of) = (level.both.met, level.both.of);
        Some(format!(
            "{}: {state}, {met} of {of} good",
            users(level.users)
        ))
    });
    let lines: Vec<String> = lines.collect();
    (!lines.is_empty()).then(|| format!("so far: {}", lines.join("; ")))
}

fn started(cycle: &CycleState) -> String {
    format!("cycle of {}", users(cycle.users))
}

fn progress(cycle: &CycleState, now: Stamp) -> String {
    let so_far = cycle.wait_so_far(now);
    let wait = so_far
        .mean_s
        .map_or_else(String::new, |_| format!(", wait {}", so_far.text()));
    let rate = cycle.current_system_tok_s();
    let rate = rate.map_or_else(String::new, |rate| {
        format!(", ~{} tok/s in total", decimal(rate, 1))
    });
    let waiting = cycle
        .in_flight
        .values()
        .filter(|live| live.first_token.is_none())
        .count();
    format!(
        "{}: {}, {} answering, {waiting} waiting{wait}{rate}",
        users(cycle.users),
        counts(cycle),
        cycle.in_flight.len().saturating_sub(waiting),
    )
}

fn ended(cycle: &CycleState, why: CycleEnd) -> String {
    let (speed, wait) = (cycle.mean_speed_tok_s(), cycle.mean_wait_s());
    let how = match why {
        CycleEnd::Done => "done",
        CycleEnd::Skipped => "skipped",
        CycleEnd::Stopped => "stopped",
        CycleEnd::ServerGone => "cut short: the server went away",
    };
    let speed = numbers::number(speed, 1, "");
    let wait = numbers::seconds(wait);
    let lasted = cycle.ended.unwrap_or(cycle.started).since(cycle.started);
    let lasted = numbers::seconds(Some(lasted));
    format!(
        "{} {how} after {lasted}: {}, speed {speed} tok/s, wait {wait}",
        users(cycle.users),
        counts(cycle)
    )
}

fn counts(cycle: &CycleState) -> String {
    let succeeded = cycle.succeeded().count();
    format!("{succeeded} succeeded, {} failed", cycle.failed())
}
