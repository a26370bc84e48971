//! Finding a server and running against it: what the dashboard and the headless printer talk to.
//!
//! The session lives on a runtime and threads of its own, so nothing that draws can delay a stamp.

use std::future::Future;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use tokio::runtime::Runtime;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::{MissedTickBehavior, interval};

use crate::dialect::{Access, Dialect, Discovery, Ollama, client};
use crate::event::{Simulation, Target};
use crate::probe::setup::Setup;
use crate::sim::{SimConfig, Simulator};

use crate::load::Command;
use crate::session::answers::AnswerPump;
use crate::session::idle::Idle;
use crate::session::launch;
use crate::session::launch::Running;
use crate::session::run_setup::RunSetup;
use crate::session::search::Search;
use crate::session::{SessionCommand, SessionEvent};

/// News that wait for a screen.
const NEWS: usize = 256;
/// Asks that wait for the session.
const COMMANDS: usize = 64;
/// How long a run may take to stop and to write what it has.
pub const LAST_WORDS: Duration = Duration::from_secs(10);
/// How often servers are looked for, and while one loads its model.
const LOOK_EVERY: Duration = Duration::from_secs(2);
const LOADING_EVERY: Duration = Duration::from_secs(1);
/// How often the watched answer is sent on.
const ANSWER_EVERY: Duration = Duration::from_millis(100);

/// Where to look and where to write.
#[derive(Debug, Clone)]
pub struct SessionOptions {
    /// The server's base address, if somebody named it; else it is looked for.
    pub url: Option<String>,
    /// What lets the session in there; sent to no other server.
    pub access: Access,
    /// Its dialect, if the user said so.
    pub dialect: Option<&'static dyn Dialect>,
    /// The simulated server, should it be asked for.
    pub simulator: SimConfig,
    /// Where runs are written; None to write none.
    pub runs: Option<PathBuf>,
    /// Writes the reports of a run that is over into its directory; None to write none.
    pub reports: Option<WriteReports>,
}

/// Writes the reports of the run in this directory; returns the one to look at first, or what went wrong in a sentence.
pub type WriteReports = fn(&Path) -> Result<PathBuf, String>;

/// A session that continues until it is dropped.
#[derive(Debug)]
pub struct Session {
    /// What a screen commands.
    pub commands: mpsc::Sender<SessionCommand>,
    /// Where commands go.
    pub events: mpsc::Receiver<SessionEvent>,
    /// The threads that do it.
    pub work: Work,
}

/// The threads of the load. Dropped, they end without waiting for anything.
#[derive(Debug)]
pub struct Work {
    runtime: Option<Runtime>,
    worker: JoinHandle<()>,
}

impl Work {
    /// Waits until the run that may still be in progress is stopped and written. Every sender of commands must be
    /// gone: that is what stops it. Not longer than [`LAST_WORDS`].
    pub async fn finish(mut self) {
        // A worker that broke down has nothing left to write.
        let _ = tokio::time::timeout(LAST_WORDS, &mut self.worker).await;
    }
}

impl Drop for Work {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

/// Starts a session; it looks for nothing until it is asked. Its runs have no monitors.
pub fn start(options: SessionOptions) -> std::io::Result<Session> {
    start_with(options, None)
}

/// Starts a session whose runs are watched by `monitors`; their target is filled in at each start.
pub fn start_with(options: SessionOptions, monitors: Option<Setup>) -> std::io::Result<Session> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .thread_name("load")
        .enable_all()
        .build()?;
    let (commands, receiver) = mpsc::channel(COMMANDS);
    let (sender, events) = mpsc::channel(NEWS);
    let (inner, inner_receiver) = mpsc::channel(COMMANDS);
    let worker = Worker {
        options,
        monitors,
        events: sender,
        inner,
        servers: Vec::new(),
        found: None,
        looking: None,
        simulator: None,
        running: None,
        idle: None,
        pump: AnswerPump::default(),
    };
    let worker = runtime.spawn(worker.work(receiver, inner_receiver));
    let work = Work {
        runtime: Some(runtime),
        worker,
    };
    Ok(Session {
        commands,
        events,
        work,
    })
}

/// What the session's own tasks tell it.
enum Inner {
    Found(Vec<Discovery>),
    Over,
}

/// Makes a run of the target that is there.
type Begin = Box<dyn FnOnce(Target) -> Result<RunSetup, String> + Send>;

struct Worker {
    options: SessionOptions,
    monitors: Option<Setup>,
    events: mpsc::Sender<SessionEvent>,
    inner: mpsc::Sender<Inner>,
    /// Those that were found.
    servers: Vec<Discovery>,
    /// The one in use.
    found: Option<Discovery>,
    /// The task that keeps looking.
    looking: Option<JoinHandle<()>>,
    simulator: Option<Simulator>,
    running: Option<Running>,
    idle: Option<Idle>,
    pump: AnswerPump,
}

impl Worker {
    async fn work(
        mut self,
        mut receiver: mpsc::Receiver<SessionCommand>,
        mut inner_receiver: mpsc::Receiver<Inner>,
    ) {
        let mut tick = interval(ANSWER_EVERY);
        tick.set_missed_tick_behavior(MissedTickBehavior::Skip);
        loop {
            tokio::select! {
                biased;
                // First what the session must know to handle the commands that follow from it.
                Some(inner) = inner_receiver.recv() => match inner {
                    Inner::Found(servers) => self.take(servers).await,
                    Inner::Over => self.running = None,
                },
                command = receiver.recv() => match command {
                    // With no run to end, a signal ends the session.
                    Some(SessionCommand::Run(Command::Signal(_))) if self.running.is_none() => break,
                    Some(command) => self.handle(command).await,
                    None => break,
                },
                _ = tick.tick(), if self.pump.is_watching() => self.pump.send(&self.events),
            }
        }
        self.end(inner_receiver).await;
    }

    /// Stops the run that may still be in progress, and waits until it is written.
    async fn end(mut self, mut came: mpsc::Receiver<Inner>) {
        self.rest().await;
        if let Some(running) = self.running.take() {
            let _ = running.commands.send(Command::Stop).await;
            while let Some(inner) = came.recv().await {
                if matches!(inner, Inner::Over) {
                    break;
                }
            }
        }
    }

    async fn handle(&mut self, command: SessionCommand) {
        match command {
            SessionCommand::Search => self.search(self.options.url.clone(), self.options.dialect),
            SessionCommand::Use(url) => self.use_server(&url).await,
            SessionCommand::Simulate => self.simulate().await,
            SessionCommand::Observe => self.observe().await,
            SessionCommand::Start { plan, model } => {
                let runs = self.options.runs.clone();
                let simulation = self.simulation();
                let begin = move |target: Target| {
                    let simulation = simulation.filter(|(url, _)| *url == target.url);
                    let simulation = simulation.map(|(_, simulation)| simulation);
                    Ok(RunSetup::fresh(*plan, target, runs.as_deref(), simulation))
                };
                self.start(*model, Box::new(begin)).await;
            }
            SessionCommand::Resume { directory, model } => {
                let begin = move |target| RunSetup::resumed(&directory, target);
                self.start(*model, Box::new(begin)).await;
            }
            SessionCommand::Watch(id) => self.pump.watch(id),
            SessionCommand::Run(command) => {
                if let Some(running) = &self.running {
                    // A run that is over needs no more commands.
                    let _ = running.commands.send(command).await;
                }
            }
            SessionCommand::Pull(model) => self.pull(model),
        }
    }

    /// How the simulated server of this session is set, and its address.
    fn simulation(&self) -> Option<(String, Simulation)> {
        let simulator = self.simulator.as_ref()?;
        let SimConfig {
            profile, faults, ..
        } = &self.options.simulator;
        let simulation = Simulation {
            profile: profile.name.clone(),
            faults: faults.iter().map(ToString::to_string).collect(),
        };
        Some((simulator.url(), simulation))
    }

    /// The simulated server gets none.
    fn access(&self, url: &str) -> Access {
        let own = self.simulator.as_ref().map(Simulator::url);
        if own.is_some_and(|own| own == url) {
            Access::default()
        } else {
            self.options.access.clone()
        }
    }

    /// Looks for servers, and keeps looking until a run starts.
    fn search(&mut self, url: Option<String>, dialect: Option<&'static dyn Dialect>) {
        self.look_no_more();
        let access = url.as_deref().map(|url| self.access(url));
        let search = Search {
            access: access.unwrap_or_default(),
            url,
            dialect,
        };
        let (events, inner) = (self.events.clone(), self.inner.clone());
        self.looking = Some(tokio::spawn(keep_looking(search, events, inner)));
    }

    fn look_no_more(&mut self) {
        if let Some(looking) = self.looking.take() {
            looking.abort();
        }
    }

    /// Takes the servers that were found. The one in use stays so while it is there.
    async fn take(&mut self, servers: Vec<Discovery>) {
        let used = self.found.as_ref().map(|found| found.url.clone());
        let used = servers
            .iter()
            .find(|server| Some(&server.url) == used.as_ref());
        self.found = used.or(servers.first()).cloned();
        self.servers.clone_from(&servers);
        if servers.len() > 1 {
            send(&self.events, SessionEvent::Servers(servers)).await;
        }
        self.tell_found().await;
    }

    async fn use_server(&mut self, url: &str) {
        if let Some(server) = self.servers.iter().find(|server| server.url == url) {
            self.found = Some(server.clone());
            self.tell_found().await;
        }
    }

    async fn tell_found(&self) {
        if let Some(found) = self.found.clone() {
            send(&self.events, SessionEvent::Found(found)).await;
        }
    }

    async fn simulate(&mut self) {
        if self.simulator.is_none() {
            match Simulator::start(self.options.simulator.clone(), 0) {
                Ok(simulator) => self.simulator = Some(simulator),
                Err(error) => {
                    let tried = vec![(
                        "the built-in simulated server".to_owned(),
                        error.to_string(),
                    )];
                    return send(&self.events, SessionEvent::NotFound { tried }).await;
                }
            }
        }
        if let Some(simulator) = &self.simulator {
            self.search(Some(simulator.url()), Some(&Ollama));
        }
    }

    /// Starts the run that `begin` makes of the target, unless one is in progress.
    async fn start(&mut self, model: crate::event::Model, begin: Begin) {
        if let Some(running) = &self.running {
            return running.warn("a run is already in progress: stop it before you start another");
        }
        self.look_no_more();
        self.rest().await;
        match Box::pin(self.begin(model, begin)).await {
            Err(error) => send(&self.events, not_started(error)).await,
            Ok((running, over)) => {
                self.pump.show(Arc::clone(&running.answers));
                self.running = Some(running);
                let (events, inner) = (self.events.clone(), self.inner.clone());
                let reports = self.options.reports;
                tokio::spawn(async move {
                    let finished = reported(over.await, reports).await;
                    // The session knows it before the screen, which may ask for another run at once.
                    let _ = inner.send(Inner::Over).await;
                    send(&events, finished).await;
                });
            }
        }
    }

    /// Looks at the machine of the server that was found, while nothing runs.
    async fn observe(&mut self) {
        let (Some(found), Some(setup)) = (&self.found, &self.monitors) else {
            return;
        };
        let is_new = self.idle.as_ref().is_none_or(|idle| idle.url != found.url);
        if self.running.is_some() || !is_new {
            return;
        }
        let (mut setup, events) = (setup.clone(), self.events.clone());
        setup.access = self.access(&found.url);
        let idle = Idle::start(setup, found, events);
        if let Some(before) = self.idle.replace(idle) {
            before.end().await;
        }
    }

    /// Looks no longer.
    async fn rest(&mut self) {
        if let Some(idle) = self.idle.take() {
            idle.end().await;
        }
    }

    async fn begin(
        &self,
        model: crate::event::Model,
        begin: Begin,
    ) -> Result<(Running, impl Future<Output = SessionEvent> + use<>), String> {
        let found = self.found.as_ref().ok_or("no server has been found yet")?;
        let target = found.target(&model);
        let own = self.simulator.as_ref().map(Simulator::url);
        let serves_itself = own.is_some_and(|url| url == target.url);
        let access = self.access(&target.url);
        // It reads and writes files.
        let made = tokio::task::spawn_blocking(move || begin(target)).await;
        let made = made.map_err(|error| error.to_string())??;
        let monitors = self.monitors.clone();
        launch::start(made, (serves_itself, access), monitors, self.events.clone()).await
    }

    fn pull(&mut self, model: String) {
        let (events, inner) = (self.events.clone(), self.inner.clone());
        let Some(found) = &self.found else {
            let why = "no server has been found yet".to_owned();
            tokio::spawn(async move { send(&events, SessionEvent::Pulled(Err(why))).await });
            return;
        };
        let (url, dialect) = (found.url.clone(), found.dialect);
        let access = self.access(&url);
        tokio::spawn(async move {
            let mut progress = |status: &str, bytes| {
                let (model, status) = (model.clone(), status.to_owned());
                // The next line reports the same, a little later.
                let _ = events.try_send(SessionEvent::Pulling {
                    model,
                    status,
                    bytes,
                });
            };
            let result = match client(&access, &url) {
                Ok(http) => match dialect.pull(&http, http.base(), &model, &mut progress) {
                    Some(pulling) => pulling.await.map_err(|error| error.to_string()),
                    None => Err(format!("{} cannot download models", dialect.server())),
                },
                Err(error) => Err(error.to_string()),
            };
            let succeeded = result.is_ok();
            send(&events, SessionEvent::Pulled(result)).await;
            if succeeded {
                let search = Search {
                    url: Some(url),
                    dialect: Some(dialect),
                    access,
                };
                if let Ok(found) = search.look().await {
                    let _ = inner.send(Inner::Found(found)).await;
                }
            }
        });
    }
}

/// Writes the reports of a run that is over, where there is something to report.
async fn reported(mut over: SessionEvent, reports: Option<WriteReports>) -> SessionEvent {
    if let SessionEvent::Finished {
        directory: Some(directory),
        report,
        ..
    } = &mut over
        && let Some(write) = reports
    {
        let directory = directory.clone();
        let written = tokio::task::spawn_blocking(move || write(&directory)).await;
        *report = Some(written.unwrap_or_else(|broken| Err(broken.to_string())));
    }
    over
}

/// The events of a run that could not begin.
fn not_started(error: String) -> SessionEvent {
    SessionEvent::Finished {
        directory: None,
        error: Some(error),
        report: None,
    }
}

/// Sends events; a screen that is gone needs none.
async fn send(events: &mpsc::Sender<SessionEvent>, what: SessionEvent) {
    let _ = events.send(what).await;
}

/// Looks at once, and again and again: tells what was found whenever it is something else, and once that there is nothing.
async fn keep_looking(
    search: Search,
    events: mpsc::Sender<SessionEvent>,
    inner: mpsc::Sender<Inner>,
) {
    let url = search.url.clone();
    send(&events, SessionEvent::Searching { url }).await;
    let mut known: Option<Vec<Discovery>> = None;
    let mut misses = 0;
    loop {
        let mut pause = LOOK_EVERY;
        match search.look().await {
            Ok(found) => {
                misses = 0;
                if found.iter().any(|server| server.is_loading) {
                    pause = LOADING_EVERY;
                }
                if known.as_ref() != Some(&found) {
                    let _ = inner.send(Inner::Found(found.clone())).await;
                    known = Some(found);
                }
            }
            Err(tried) => {
                misses += 1;
                // A server that is there may miss one look.
                let enough = if known.is_some() { 2 } else { 1 };
                if misses == enough {
                    known = None;
                    send(&events, SessionEvent::NotFound { tried }).await;
                }
            }
        }
        tokio::time::sleep(pause).await;
    }
}
