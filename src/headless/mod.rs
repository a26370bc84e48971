//! The run without a dashboard: progress lines and a final table, or the summary as JSON.
//!
//! It reads the same events as the dashboard. It writes to what it is given and never writes an
//! escape sequence: text of servers is made harmless first. It knows no server and no screen.

mod progress;
mod table;

use std::io::{self, Write};
use std::path::PathBuf;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::error::Elapsed;
use tokio::time::{Instant, timeout_at};

use crate::dialect::Discovery;
use crate::event::{Model, RunEnd};
use crate::load::Command;
use crate::metrics::state::{RunState, Stage};
use crate::metrics::summary::Summary;
use crate::plan::Plan;
use crate::session::{SessionCommand, SessionEvent};
use crate::text::numbers::seconds;
use crate::text::sanitize::one_line;
use progress::ProgressLines;

/// The longest text of a server that is printed, characters.
const LONGEST: usize = 300;
/// The longest that a server is waited for: who says more means until it is there.
const LONGEST_PATIENCE: Duration = Duration::from_hours(30 * 24);

/// A summary as text: the table of levels, the failures, the verdict, the warnings.
pub fn summary_text(summary: &Summary) -> String {
    table::text(summary)
}

/// What a headless run is asked to do.
#[derive(Debug, Clone, PartialEq)]
pub struct HeadlessOptions {
    /// The plan.
    pub plan: Plan,
    /// The model, as the server names it; None for the first, which is a loaded one if any is.
    pub model: Option<String>,
    /// Ask for the built-in simulated server.
    pub simulate: bool,
    /// Print the summary as JSON on `out`, alone; progress goes to `err`.
    pub json: bool,
    /// Download the model if the server does not have it.
    pub pull: bool,
    /// Go on with the run in this directory.
    pub resume: Option<PathBuf>,
    /// Who named the server's address, where somebody did: `--url`, `OLLAMA_HOST`, …
    pub address_source: Option<&'static str>,
}

/// How far it has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum HeadlessStep {
    Searching,
    Pulling,
    Running,
}

/// What follows from a piece of events.
enum Reaction {
    Go,
    SessionCommand(SessionCommand),
    End(u8),
}

/// Runs without a dashboard: waits for a server, starts, prints, and returns the exit code: 0 done,
/// 1 no request succeeded or the run could not continue, 128 + n for signal n. A reader of `out` that
/// goes away stops the run, and that is not a failure.
pub async fn run(
    mut events: mpsc::Receiver<SessionEvent>,
    commands: mpsc::Sender<SessionCommand>,
    options: HeadlessOptions,
    out: &mut dyn Write,
    err: &mut dyn Write,
) -> u8 {
    let mut first = options.simulate.then_some(SessionCommand::Simulate);
    let mut headless = Headless::new(options, out, err);
    loop {
        let next = match first.take() {
            Some(ask) => Reaction::SessionCommand(ask),
            None => match next(&mut events, headless.ready_until).await {
                Ok(Some(event)) => headless.session_event(event),
                Ok(None) => headless.cut_off(),
                Err(_) => headless.never_ready(),
            },
        };
        match next {
            Reaction::Go => {}
            // If the session is gone, the end of its events follows next.
            Reaction::SessionCommand(ask) => drop(commands.send(ask).await),
            Reaction::End(code) => return code,
        }
        if headless.wants_to_stop() {
            drop(commands.send(SessionCommand::Run(Command::Stop)).await);
        }
    }
}

/// The next event, or the end of the patience.
async fn next(
    events: &mut mpsc::Receiver<SessionEvent>,
    until: Option<Instant>,
) -> Result<Option<SessionEvent>, Elapsed> {
    match until {
        Some(until) => timeout_at(until, events.recv()).await,
        None => Ok(events.recv().await),
    }
}

struct Headless<'a> {
    options: HeadlessOptions,
    /// The server in use, if it was chosen from several.
    chosen: Option<String>,
    /// How long a server that loads its model is waited for.
    ready_until: Option<Instant>,
    printer: Printer<'a>,
    step: HeadlessStep,
    state: RunState,
    progress: ProgressLines,
    pulled: String,
    asked_to_stop: bool,
}

impl<'a> Headless<'a> {
    fn new(options: HeadlessOptions, out: &'a mut dyn Write, err: &'a mut dyn Write) -> Self {
        Self {
            printer: Printer {
                json: options.json,
                out,
                err,
                gone: false,
            },
            options,
            chosen: None,
            ready_until: None,
            step: HeadlessStep::Searching,
            state: RunState::default(),
            progress: ProgressLines::default(),
            pulled: String::new(),
            asked_to_stop: false,
        }
    }

    fn session_event(&mut self, event: SessionEvent) -> Reaction {
        match event {
            SessionEvent::Searching { url }
                if self.step == HeadlessStep::Searching && !self.options.simulate =>
            {
                let line = match url {
                    Some(url) => format!("looking for a server at {}", plain(&url)),
                    None => "looking for servers on this machine".to_owned(),
                };
                self.printer.progress(&line);
            }
            SessionEvent::Servers(servers) => return self.several(&servers),
            SessionEvent::Found(found) => return self.found(&found),
            SessionEvent::NotFound { tried } => return self.not_found(&tried),
            SessionEvent::Pulling {
                model,
                status,
                bytes,
            } => self.pulling(&model, &status, bytes),
            SessionEvent::Pulled(Ok(())) => self.step = HeadlessStep::Searching,
            SessionEvent::Pulled(Err(why)) => {
                self.printer.error(&format!(
                    "the model could not be downloaded: {}",
                    plain(&why)
                ));
                return Reaction::End(1);
            }
            SessionEvent::Events(events) => {
                for event in &events {
                    self.state.apply(event);
                    for line in self.progress.lines(&self.state, event) {
                        self.printer.progress(&line);
                    }
                }
            }
            SessionEvent::Resumed(events) => {
                self.state = RunState::from_events(&events);
                let line = progress::resumed(&self.state);
                self.printer.progress(&line);
            }
            SessionEvent::Finished {
                directory,
                error,
                report,
            } => return self.finish(directory, error, report),
            SessionEvent::Searching { .. }
            | SessionEvent::Answer(_)
            | SessionEvent::Kept(_)
            | SessionEvent::Machine { .. } => {}
        }
        Reaction::Go
    }

    fn found(&mut self, found: &Discovery) -> Reaction {
        let chosen = self.chosen.as_ref();
        let other = (self.options.simulate && !found.simulated)
            || chosen.is_some_and(|chosen| *chosen != found.url);
        if self.step != HeadlessStep::Searching || other {
            return Reaction::Go;
        }
        if found.is_loading {
            self.wait_until_loaded(found);
            return Reaction::Go;
        }
        self.ready_until = None;
        let asked = self.options.model.as_deref();
        let found = &found.clone().with_asked(asked);
        let Some(model) = choose(found, asked) else {
            return self.no_model(found);
        };
        let target = found.target(model);
        for line in progress::heading(&target, &self.options.plan) {
            self.printer.progress(&line);
        }
        self.step = HeadlessStep::Running;
        let model = Box::new(model.clone());
        Reaction::SessionCommand(match self.options.resume.clone() {
            Some(directory) => SessionCommand::Resume { directory, model },
            None => SessionCommand::Start {
                plan: Box::new(self.options.plan.clone()),
                model,
            },
        })
    }

    /// Of several servers the one is taken that alone has the model that was asked for.
    fn several(&mut self, servers: &[Discovery]) -> Reaction {
        if self.step != HeadlessStep::Searching || self.chosen.is_some() {
            return Reaction::Go;
        }
        let asked = self.options.model.as_deref();
        let mut having = servers
            .iter()
            .filter(|server| asked.is_some() && choose(server, asked).is_some());
        if let (Some(only), None) = (having.next(), having.next()) {
            self.chosen = Some(only.url.clone());
            return Reaction::SessionCommand(SessionCommand::Use(only.url.clone()));
        }
        self.printer.error("several servers were found:");
        for server in servers {
            let name = server.server.as_deref().unwrap_or(server.dialect.server());
            let line = format!("{}  {name}, {}", server.url, models(server));
            self.printer.detail(&format!("  {}", plain(&line)));
        }
        let first = servers.first().map_or("URL", |server| server.url.as_str());
        self.printer.detail(&format!(
            "Name one of them with --url, for example --url {}.",
            plain(first)
        ));
        Reaction::End(1)
    }

    fn wait_until_loaded(&mut self, found: &Discovery) {
        if self.ready_until.is_some() {
            return;
        }
        let patience_s = self.options.plan.patience_s;
        let patience = Duration::try_from_secs_f64(patience_s).unwrap_or(LONGEST_PATIENCE);
        self.ready_until = Some(Instant::now() + patience.min(LONGEST_PATIENCE));
        let line = format!(
            "the server at {} is loading its model; waiting for it for at most {}",
            plain(&found.url),
            seconds(Some(patience_s))
        );
        self.printer.progress(&line);
    }

    fn never_ready(&mut self) -> Reaction {
        let patience = seconds(Some(self.options.plan.patience_s));
        let line = format!(
            "the server was still loading its model after {patience} (--patience waits longer)"
        );
        self.printer.error(&line);
        Reaction::End(1)
    }

    fn no_model(&mut self, found: &Discovery) -> Reaction {
        let url = plain(&found.url);
        match self.options.model.clone() {
            // One download is enough: a server that still does not list the model never will.
            Some(model) if self.options.pull && self.pulled.is_empty() => {
                let line = format!("{} is not at {url}: downloading it", plain(&model));
                self.printer.progress(&line);
                self.pulled.clone_from(&model);
                self.step = HeadlessStep::Pulling;
                return Reaction::SessionCommand(SessionCommand::Pull(model));
            }
            Some(model) => {
                let line = format!(
                    "the server at {url} has no model {}; it has:",
                    plain(&model)
                );
                self.printer.error(&line);
                for model in &found.models {
                    self.printer.detail(&format!("  {}", plain(&model.name)));
                }
                if found.models.is_empty() {
                    self.printer.detail("  none");
                }
                self.printer
                    .detail("Name one of them with --model, or download it with --pull.");
            }
            None if found.models.is_empty() => {
                self.printer
                    .error(&format!("the server at {url} has no model"));
                self.printer.detail(if found.dialect.lists_all_models() {
                    "Download one with --model NAME --pull."
                } else {
                    "Name one with --model: it may have some that it does not list."
                });
            }
            None => {
                let line = format!("the server at {url} has no model that answers prompts:");
                self.printer.error(&line);
                for model in &found.models {
                    self.printer.detail(&format!("  {}", plain(&model.name)));
                }
                self.printer.detail("Name one with --model, if it does.");
            }
        }
        Reaction::End(1)
    }

    fn not_found(&mut self, tried: &[(String, String)]) -> Reaction {
        if self.step != HeadlessStep::Searching {
            return Reaction::Go;
        }
        self.printer.error("no usable server was found");
        for (address, why) in tried {
            self.printer
                .detail(&format!("  {}: {}", plain(address), plain(why)));
        }
        if let Some(source) = self.options.address_source {
            self.printer
                .detail(&format!("This address comes from {source}."));
        }
        if !self.options.simulate {
            self.printer.detail("Start one, name its address with --url, or try the built-in simulated server with --sim.");
        }
        Reaction::End(1)
    }

    fn pulling(&mut self, model: &str, status: &str, bytes: Option<(u64, u64)>) {
        if let Some(line) = self.progress.pulling(status, bytes) {
            self.printer.progress(&format!("{}: {line}", plain(model)));
        }
    }

    fn finish(
        &mut self,
        directory: Option<PathBuf>,
        error: Option<String>,
        report: Option<Result<PathBuf, String>>,
    ) -> Reaction {
        let summary = Summary::from_run(&self.state);
        let started = self.state.info.is_some();
        if started && self.options.json {
            match summary.to_json() {
                Ok(json) => self.printer.result(&json),
                Err(error) => self.printer.error(&error.to_string()),
            }
        } else if started {
            let sum = crate::report::sum(&summary).join("\n");
            let table = table::text(&summary);
            self.printer
                .result(&format!("{sum}\n\n{table}{}", failed(&summary)));
        }
        if let Some(directory) = directory {
            let line = format!("run directory: {}", plain(&directory.display().to_string()));
            self.printer.progress(&line);
        }
        match report {
            Some(Ok(page)) => {
                let line = format!("report: {}", plain(&page.display().to_string()));
                self.printer.progress(&line);
            }
            Some(Err(why)) => {
                let line = format!("the reports could not be written: {}", plain(&why));
                self.printer.error(&line);
            }
            None => {}
        }
        let failed = match &self.state.stage {
            Stage::Ended(RunEnd::Failed(why)) => Some(why.clone()),
            Stage::Ended(RunEnd::ServerGone) => {
                Some("the server went away and did not come back".to_owned())
            }
            _ => None,
        };
        let why = error.or(failed);
        if let Some(why) = &why {
            self.printer
                .error(&format!("the run could not continue: {}", plain(why)));
        } else if !started {
            self.printer.error("no run was started");
        } else if summary.succeeded() == 0 && !self.printer.gone {
            self.printer.error("no request succeeded");
        }
        Reaction::End(self.code(why.is_some(), summary.succeeded()))
    }

    fn code(&self, failed: bool, succeeded: u64) -> u8 {
        if let Stage::Ended(RunEnd::Signal(number)) = &self.state.stage {
            return u8::try_from(*number).map_or(1, |number| number.saturating_add(128));
        }
        if failed {
            return 1;
        }
        u8::from(succeeded == 0 && !self.printer.gone)
    }

    /// The events stopped without an end.
    fn cut_off(&mut self) -> Reaction {
        let why = "the session ended without a result".to_owned();
        self.finish(None, Some(why), None)
    }

    /// True once, when nobody reads the output of a run in progress.
    fn wants_to_stop(&mut self) -> bool {
        let stop = self.printer.gone && self.step == HeadlessStep::Running && !self.asked_to_stop;
        self.asked_to_stop |= stop;
        stop
    }
}

/// What failed, each kind once, with what the server said.
fn failed(summary: &Summary) -> String {
    let failures = summary.failures.iter();
    let lines: Vec<String> = failures
        .map(|failure| format!("  {}", failure.sentence()))
        .collect();
    if lines.is_empty() {
        String::new()
    } else {
        format!("\nFailed:\n{}\n", lines.join("\n"))
    }
}

/// The model that is asked for, or the first that answers.
fn choose<'m>(found: &'m Discovery, asked: Option<&str>) -> Option<&'m Model> {
    let Some(asked) = asked else {
        return found.models.iter().find(|model| model.answers());
    };
    found.models.iter().find(|model| model.is_named(asked))
}

/// The models of a server, in a few words.
fn models(server: &Discovery) -> String {
    match server.models.as_slice() {
        _ if server.is_loading => "loading its model".to_owned(),
        [] => "no model".to_owned(),
        [only] => only.name.clone(),
        [first, more @ ..] => format!("{} and {} more", first.name, more.len()),
    }
}

fn plain(text: &str) -> String {
    one_line(text, LONGEST)
}

/// Where the lines go. A writer that fails is not asked again.
struct Printer<'a> {
    json: bool,
    out: &'a mut dyn Write,
    err: &'a mut dyn Write,
    /// The reader of `out` has gone away.
    gone: bool,
}

impl Printer<'_> {
    /// A line of progress: on `err` where `out` is for JSON alone.
    fn progress(&mut self, line: &str) {
        if self.json {
            self.detail(line);
        } else {
            self.result(&format!("{line}\n"));
        }
    }

    /// What the run was for, on `out`.
    fn result(&mut self, text: &str) {
        if !self.gone {
            self.gone = write(self.out, text).is_err();
        }
    }

    /// An error, on `err`.
    fn error(&mut self, line: &str) {
        self.detail(&format!("tokometer: {line}"));
    }

    /// A line on `err`. A closed `err` is ignored.
    fn detail(&mut self, line: &str) {
        drop(write(self.err, &format!("{line}\n")));
    }
}

fn write(to: &mut dyn Write, text: &str) -> io::Result<()> {
    to.write_all(text.as_bytes())?;
    to.flush()
}
