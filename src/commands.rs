//! What each command does, and the exit code it ends with.

mod doctor;
mod resume;

use std::ffi::OsString;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::CommandFactory as _;
use color_eyre::eyre::{Result, WrapErr as _};
use crossterm::event::EventStream;
use tokio::sync::mpsc;

use crate::api::address;
use crate::cli::{Cli, Command, LookArgs, RunArgs, SimulateArgs};
use crate::config::{self, ConfigError};
use crate::headless::{self, HeadlessOptions};
use crate::platform::shutdown_signal;
use crate::run::session::{self, Session, SessionOptions};
use crate::run::{Ask, Command as RunCommand, News};
use crate::sim::{Profile, SimConfig, Simulator};

use crate::stats::plain::one_line;
use crate::ui::terminal::Screen;
use crate::ui::{self, Exit, Shutdown};

/// Wrong usage.
const USAGE: u8 = 2;

/// Runs what this command line asks for; its first word is the program's name.
pub fn execute_line(arguments: &[OsString]) -> Result<ExitCode> {
    match config::parse(arguments) {
        Ok(cli) => execute(cli),
        // Help is one of these; it goes to standard output, and is no failure.
        Err(ConfigError::Usage(error)) => error.exit(),
        Err(ConfigError::File(problems)) => {
            for problem in problems.lines() {
                complain(&format!("error: {problem}"));
            }
            Ok(ExitCode::from(USAGE))
        }
    }
}

/// Runs what the command line asks for.
pub fn execute(cli: Cli) -> Result<ExitCode> {
    let code = match cli.command {
        None => run(&cli.run)?,
        Some(Command::Run(args)) => run(&args)?,
        Some(Command::Resume(args)) => resume::resume(&args)?,
        Some(Command::Simulate(args)) => simulate(&args)?,
        Some(Command::Doctor(args)) => doctor::doctor(&args)?,
        Some(Command::Report(args)) => crate::report::args::run_report(&args)?,
        Some(Command::Share(args)) => crate::report::args::run_share(&args)?,
        Some(Command::Preview(args)) => crate::preview::command::execute(&args)?,
        Some(Command::Screenshot(args)) => crate::picture::execute(&args)?,
        Some(Command::Import(args)) => crate::history::import::run_import(&args)?,
        Some(Command::Runs(args)) => crate::history::runs::run_runs(&args)?,
        Some(Command::Replay(args)) => crate::history::replay::run_replay(&args)?,
        Some(Command::Compare(args)) => crate::history::compare::run_compare(&args)?,
        Some(Command::Completions { shell }) => {
            let mut out = Vec::new();
            clap_complete::generate(shell, &mut Cli::command(), "tokometer", &mut out);
            // A reader that has seen enough is no failure.
            let _enough = std::io::stdout().write_all(&out);
            0
        }
    };
    Ok(ExitCode::from(code))
}

/// Says what was wrong with the command line.
pub(crate) fn usage(what: &dyn std::fmt::Display) -> u8 {
    complain(&format!(
        "error: {what}\n\nFor more information, try '--help'."
    ));
    USAGE
}

/// A line on standard error; one that is closed is no failure.
pub(crate) fn complain(line: &str) {
    let _closed = writeln!(std::io::stderr(), "{line}");
}

/// The runtime of everything that draws or prints; the load has its own.
pub(crate) fn screen_runtime() -> Result<tokio::runtime::Runtime> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    runtime.wrap_err("no runtime for the screen")
}

fn run(args: &RunArgs) -> Result<u8> {
    let plan = match args.plan() {
        Ok(plan) => plan,
        Err(error) => return Ok(usage(&error)),
    };
    let url = if let Some(url) = &args.url {
        address::from_url(url)
    } else {
        address::from_ollama_host(&std::env::var("OLLAMA_HOST").unwrap_or_default())
    };
    let url = match url {
        Ok(url) => url,
        Err(error) => return Ok(usage(&error)),
    };
    let root = crate::store::default_root(args.runs_dir.as_deref());
    let (runs, archive) = if args.no_record {
        // What was recorded before can be looked at all the same.
        (None, root.ok())
    } else {
        let root = root?;
        (Some(root.clone()), Some(root))
    };
    let simulator = SimConfig {
        time_scale: args.time_scale,
        faults: args.faults.clone(),
        ..SimConfig::default()
    };
    let options = SessionOptions {
        url,
        dialect: args.dialect,
        simulator,
        runs: runs.clone(),
        reports: Some(write_reports),
    };
    let session = session::start_with(options, Some(args.monitors.sources.setup()))
        .wrap_err("the threads of the load could not be started")?;
    if args.look.wants_dashboard() {
        let options = ui::Options {
            plan,
            simulated: args.sim,
            model: args.model.clone(),
            runs,
            archive,
            ..looks(&args.look)
        };
        screen_runtime()?.block_on(dashboard(options, session))
    } else {
        let options = HeadlessOptions {
            plan,
            model: args.model.clone(),
            simulate: args.sim,
            json: args.look.json,
            pull: args.pull,
            resume: None,
        };
        screen_runtime()?.block_on(without_dashboard(options, session))
    }
}

/// The reports of a run that is over, beside its log.
fn write_reports(directory: &Path) -> Result<PathBuf, String> {
    let written = crate::report::write(directory, directory);
    let page = written.map(|_| directory.join("report.html"));
    page.map_err(|error| error.to_string())
}

/// The options of a dashboard that looks so.
pub(crate) fn looks(args: &LookArgs) -> ui::Options {
    let defaults = ui::Options::default();
    ui::Options {
        theme: args.theme.clone().unwrap_or(defaults.theme),
        ascii: args.ascii,
        mouse: !args.no_mouse,
        no_color: std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty()),
        ..defaults
    }
}

async fn dashboard(options: ui::Options, session: Session) -> Result<u8> {
    let Session { asks, news, work } = session;
    crate::platform::yield_to_the_load();
    let code = on_screen(options, news, asks).await;
    work.finish().await;
    code
}

/// Shows the dashboard until it is left, and returns the exit code.
pub(crate) async fn on_screen(
    options: ui::Options,
    news: mpsc::Receiver<News>,
    asks: mpsc::Sender<Ask>,
) -> Result<u8> {
    let signal = shutdown_signal();
    let shutdown = async {
        match signal.await {
            Ok(signal) => Shutdown { signal },
            // Without signals there is still the keyboard.
            Err(_) => std::future::pending().await,
        }
    };
    let mut screen = Screen::open(options.mouse).wrap_err("the terminal cannot be used")?;
    let keys = EventStream::new();
    let left = ui::run(screen.terminal(), keys, news, asks, shutdown, options).await;
    drop(screen);
    Ok(match left {
        Ok(app) => {
            if let Some(directory) = app.measured_directory() {
                point_at(&directory);
            }
            match app.exit() {
                Some(Exit::Signal(signal)) => signal_code(signal),
                _ => 0,
            }
        }
        Err(error) => {
            complain(&format!("error: {error}"));
            1
        }
    })
}

/// Says where the files of the last run are, once the dashboard is gone from the screen.
fn point_at(directory: &Path) {
    let page = directory.join("report.html");
    let lines = [("run directory", directory), ("report", page.as_path())];
    for (what, path) in lines.iter().filter(|(_, path)| path.exists()) {
        let path = one_line(&path.display().to_string(), 1000);
        // A closed output is nobody's loss.
        let _closed = writeln!(std::io::stdout(), "{what}: {path}");
    }
}

/// The exit code of a program that signal `number` ended.
pub(crate) fn signal_code(number: i32) -> u8 {
    u8::try_from(number).map_or(1, |number| number.saturating_add(128))
}

async fn without_dashboard(options: HeadlessOptions, session: Session) -> Result<u8> {
    let Session { asks, news, work } = session;
    if !options.simulate {
        // Only a session that is gone does not hear this, and then the news say so.
        let _gone = asks.send(Ask::Search).await;
    }
    let teller = asks.clone();
    let mut out = std::io::stdout();
    let mut err = std::io::stderr();
    let printing = headless::run(news, asks, options, &mut out, &mut err);
    let mut printing = std::pin::pin!(printing);
    let code = tokio::select! {
        code = &mut printing => code,
        Ok(signal) = shutdown_signal() => {
            let _gone = teller.send(Ask::Run(RunCommand::Signal(signal))).await;
            // What was measured is printed and written first; a second signal does not wait for it.
            tokio::select! {
                _ = &mut printing => {}
                _ = shutdown_signal() => {}
            }
            signal_code(signal)
        }
    };
    drop(teller);
    work.finish().await;
    Ok(code)
}

fn simulate(args: &SimulateArgs) -> Result<u8> {
    let profile = match profile(&args.profile) {
        Ok(profile) => profile,
        Err(error) => return Ok(usage(&error)),
    };
    let config = SimConfig {
        profile,
        time_scale: args.time_scale,
        faults: args.faults.clone(),
        seed: args.seed,
    };
    let name = config.profile.to_string();
    let simulator = match Simulator::start(config, args.port) {
        Ok(simulator) => simulator,
        Err(error) => {
            complain(&format!("error: {error}"));
            return Ok(1);
        }
    };
    complain(&format!(
        "SIMULATED server at {}\n{name}\nCtrl-C stops it.",
        simulator.url()
    ));
    // Listening begins inside the runtime.
    let listening = async move || shutdown_signal().await;
    let signal = screen_runtime()?.block_on(listening())?;
    simulator.stop();
    Ok(signal_code(signal))
}

/// A built-in profile by its name, or one from a file.
fn profile(name: &str) -> Result<Profile, String> {
    if Profile::names().any(|known| known == name) || !std::path::Path::new(name).exists() {
        return Profile::named(name).map_err(|error| format!("--profile {name}: {error}"));
    }
    let text =
        std::fs::read_to_string(name).map_err(|error| format!("--profile {name}: {error}"))?;
    Profile::from_toml(&text).map_err(|error| format!("--profile {name}: {error}"))
}
