//! Starting a run: everything it needs, from the address to the recorder.

use std::future::Future;
use std::path::PathBuf;
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, OnceLock};

use bytes::Bytes;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use crate::dialect::{Access, Dialect, body as request_body, by_id};
use crate::event::{EventKind, RunEnd, Target, WarningKind};
use crate::metrics::state::RunState;
use crate::metrics::verdict;
use crate::metrics::verdict::settle::Settle;
use crate::plan::Plan;
use crate::probe::setup::Setup;

use crate::load::Command;
use crate::load::connector::Connector;
use crate::load::descriptors::{make_room, warn};
use crate::load::in_flight::AnswerCache;
use crate::load::request::RequestContext;
use crate::load::runner::Runner;
use crate::load::timeline::{Reporter, WeakReporter, timeline};
use crate::session::monitors::Monitors;
use crate::session::run_setup::RunSetup;
use crate::session::{SessionEvent, dispatcher};

/// The error of a run whose server did not come back.
const GONE: &str =
    "the server went away and did not come back; `tokometer resume` continues the run";
/// Commands that wait for the runner.
const COMMANDS: usize = 64;

/// A run in progress.
pub(crate) struct Running {
    pub(crate) commands: mpsc::Sender<Command>,
    pub(crate) answers: Arc<AnswerCache>,
    reporter: WeakReporter,
}

impl Running {
    /// Adds a warning to the log of the run, unless the run is over.
    pub(crate) fn warn(&self, text: &str) {
        if let Some(reporter) = self.reporter.upgrade() {
            warn(&reporter, WarningKind::Other, text.to_owned());
        }
    }
}

/// Starts a run, against a server in this process if `serves_itself`. The future yields its last event once everything
/// is written.
pub(crate) async fn start(
    run: RunSetup,
    (serves_itself, access): (bool, Access),
    monitors: Option<Setup>,
    session_events: mpsc::Sender<SessionEvent>,
) -> Result<(Running, impl Future<Output = SessionEvent>), String> {
    let most_users = run.most_users();
    let RunSetup {
        plan,
        target,
        clock,
        recorder,
        history,
        first,
        warnings,
        cycle,
        request,
    } = run;
    let so_far = RunState::from_events(&history);
    let settle = settle(&plan, &so_far);
    let endpoint = Endpoint::find(&target, access).await?;
    if !history.is_empty() {
        // Fails only if nobody listens any more.
        let _ = session_events.send(SessionEvent::Resumed(history)).await;
    }
    let (reporter, events) = timeline(clock);
    let dispatcher = dispatcher::spawn(events, recorder, session_events, clock)
        .map_err(|error| error.to_string())?;
    reporter.fact(first);
    for warning in warnings {
        reporter.fact(EventKind::Warning(warning));
    }
    make_room(most_users, serves_itself, &reporter);
    let weak = reporter.downgrade();
    let answers = Arc::<AnswerCache>::default();
    let monitors = monitors.map(|mut setup| {
        setup.access.clone_from(&endpoint.access);
        let (reporter, answers) = (reporter.clone(), Arc::clone(&answers));
        Monitors::start(setup, endpoint.dialect, &target, reporter, answers)
    });
    let watching = monitors.as_ref().map(|monitors| monitors.watching.clone());
    let final_reporter = reporter.clone();
    endpoint.warn(&plan, &reporter);
    let context = RequestContext {
        serves_itself,
        next_id: AtomicU64::new(request),
        ..endpoint.context(&target, &plan, reporter, Arc::clone(&answers))
    };
    let (commands, receiver) = mpsc::channel(COMMANDS);
    let monitored = watching.unwrap_or_default();
    let runner = Runner::new(Arc::new(context), plan, receiver, monitored)
        .starting_at_cycle(cycle)
        .settling(settle, so_far.output_tokens());
    let runner = tokio::spawn(runner.run());
    let over = until_over(runner, monitors, final_reporter, dispatcher);
    let running = Running {
        commands,
        answers,
        reporter: weak,
    };
    Ok((running, over))
}

/// The state of a run that finds its own levels, with the levels of its timeline so far.
fn settle(plan: &Plan, so_far: &RunState) -> Option<Settle> {
    let settle = plan.settle?;
    let known = verdict::levels(so_far, &plan.limits);
    Some(Settle::new(settle, plan.limits, plan.time_scale).with_levels(known))
}

/// Where requests go, and in which API.
struct Endpoint {
    dialect: &'static dyn Dialect,
    access: Access,
    connector: Connector,
}

impl Endpoint {
    async fn find(target: &Target, access: Access) -> Result<Self, String> {
        let dialect = by_id(&target.dialect)
            .ok_or_else(|| format!("this version does not know the API `{}`", target.dialect))?;
        let connector = Connector::find(&target.url, &access).await?;
        Ok(Self {
            dialect,
            access,
            connector,
        })
    }

    /// Warns of what bears on the numbers, or on who was asked.
    fn warn(&self, plan: &Plan, reporter: &Reporter) {
        let host = self.connector.host();
        let warn = |text| warn(reporter, WarningKind::Other, text);
        if self.access.has_secret() && self.connector.is_readable_on_the_way() {
            warn(format!(
                "The key goes to {host} over plain http: whoever is on the way can read it"
            ));
        }
        for flag in self.dialect.unsupported(plan) {
            let path = self.dialect.path(plan.api);
            warn(format!(
                "{flag} changes nothing: {path} has no way to ask for it (--body adds fields of a server's own)"
            ));
        }
        let route = self.access.route();
        if route.is_unchecked {
            warn(
                "The server's certificate is not checked (--insecure): it may be another server"
                    .to_owned(),
            );
        }
        if let Some(proxy) = &route.proxy {
            warn(format!(
                "Requests go through the proxy {proxy}: its time is part of all waits"
            ));
        }
        if let Some(variable) = self.access.unused_proxy(self.connector.url().as_str()) {
            warn(format!(
                "{variable} is set, but requests go directly to the server, which is what is measured (--proxy URL \
                 goes through a proxy)"
            ));
        }
    }

    fn context(
        self,
        target: &Target,
        plan: &Plan,
        reporter: Reporter,
        answers: Arc<AnswerCache>,
    ) -> RequestContext {
        let Self {
            dialect,
            connector,
            access,
        } = self;
        let base = connector.url().path().trim_end_matches('/');
        let body =
            |prompt: &String| Bytes::from(request_body(dialect, &target.model.name, prompt, plan));
        RequestContext {
            dialect,
            path: format!("{base}{}", dialect.path(plan.api)),
            redirected: OnceLock::new(),
            told_http2: OnceLock::new(),
            light_path: format!("{base}{}", dialect.light_path()),
            access,
            health_path: format!("{base}{}", dialect.health_path()),
            url: target.url.clone(),
            model: target.model.name.clone(),
            connector,
            bodies: plan.prompts.iter().map(body).collect(),
            timeouts: plan.timeouts,
            reporter,
            answers,
            serves_itself: false,
            next_id: AtomicU64::default(),
        }
    }
}

/// Waits for the end of the run, until everything is written.
async fn until_over(
    runner: JoinHandle<RunEnd>,
    monitors: Option<Monitors>,
    final_reporter: Reporter,
    timeline: std::thread::JoinHandle<Option<PathBuf>>,
) -> SessionEvent {
    let ended = runner.await;
    if let Some(monitors) = monitors {
        monitors.end().await;
    }
    let error = match ended {
        Ok(RunEnd::Failed(why)) => Some(why),
        Ok(RunEnd::ServerGone) => Some(GONE.to_owned()),
        Ok(_) => None,
        Err(error) => {
            let why = format!("a load worker crashed: {error}");
            final_reporter.fact(EventKind::RunEnded {
                why: RunEnd::Failed(why.clone()),
            });
            Some(why)
        }
    };
    // No other reporter is left, so the timeline ends.
    drop(final_reporter);
    let directory = tokio::task::spawn_blocking(move || timeline.join()).await;
    let directory = directory.ok().and_then(Result::ok).flatten();
    SessionEvent::Finished {
        directory,
        error,
        report: None,
    }
}
