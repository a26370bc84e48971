//! The two ways to follow a session: the dashboard, or the printer.

use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use color_eyre::eyre::{Result, WrapErr as _};
use tokio::sync::mpsc;

use crate::cli::output::{screen_runtime, shown, signal_code};
use crate::cli::{LookArgs, SourceArgs};
use crate::headless::{self, HeadlessOptions};
use crate::load::Command;
use crate::platform::shutdown_signal;
use crate::session::serve::{self, Session, SessionOptions};
use crate::session::{SessionCommand, SessionEvent};
use crate::tui::app::App;
use crate::tui::recording::Tape;
use crate::tui::terminal::{self, TerminalScreen};
use crate::tui::{self, Exit, Shutdown, UiError};

/// The reports of a run that is over, beside its log.
pub(crate) fn write_reports(directory: &Path) -> Result<PathBuf, String> {
    let written = crate::report::write(directory, directory);
    let page = written.map(|_| directory.join("report.html"));
    page.map_err(|error| error.to_string())
}

/// Whether the environment asks for no colors.
pub(crate) fn no_color() -> bool {
    std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty())
}

/// The options of a dashboard that looks so.
pub(crate) fn dashboard_options(args: &LookArgs) -> tui::DashboardOptions {
    let defaults = tui::DashboardOptions::default();
    tui::DashboardOptions {
        theme: args.theme.clone().unwrap_or(defaults.theme),
        ascii: args.ascii,
        mouse: !args.no_mouse,
        no_color: no_color(),
        ..defaults
    }
}

/// Starts a session and shows it, in the dashboard or without one; returns the exit code.
pub(crate) fn follow(
    session: SessionOptions,
    run: HeadlessOptions,
    archive: Option<PathBuf>,
    sources: &SourceArgs,
    look: &LookArgs,
) -> Result<u8> {
    let runs = session.runs.clone();
    let session = serve::start_with(session, Some(sources.setup()))
        .wrap_err("could not start the load threads")?;
    if !look.wants_dashboard() {
        return screen_runtime()?.block_on(without_dashboard(run, session));
    }
    let options = tui::DashboardOptions {
        plan: run.plan,
        simulated: run.simulate,
        model: run.model,
        resume: run.resume,
        runs,
        archive,
        ..dashboard_options(look)
    };
    screen_runtime()?.block_on(dashboard(options, session))
}

async fn dashboard(options: tui::DashboardOptions, session: Session) -> Result<u8> {
    let Session {
        commands,
        events,
        work,
    } = session;
    crate::platform::yield_to_the_load();
    let code = on_screen(options, events, commands, None).await;
    work.finish().await;
    code
}

/// Shows the dashboard of nothing that is measured; returns the exit code.
pub(crate) fn on_screen_alone(options: tui::DashboardOptions, tape: Option<Tape>) -> Result<u8> {
    // No session sends events or takes commands.
    let (_silent, events) = mpsc::channel(1);
    let (commands, _unheard) = mpsc::channel(1);
    screen_runtime()?.block_on(on_screen(options, events, commands, tape))
}

/// Shows the dashboard until it is left; returns the exit code.
async fn on_screen(
    options: tui::DashboardOptions,
    events: mpsc::Receiver<SessionEvent>,
    commands: mpsc::Sender<SessionCommand>,
    tape: Option<Tape>,
) -> Result<u8> {
    let shutdown = shutdown();
    let mut screen =
        TerminalScreen::open(options.mouse, tape).wrap_err("cannot use the terminal")?;
    let keys = terminal::input().wrap_err("cannot read the terminal")?;
    let left = tui::run(screen.terminal(), keys, events, commands, shutdown, options).await;
    let recorded = screen.close();
    if let Ok(app) = &left {
        print_summary(app);
    }
    exit_code(left, recorded)
}

/// The exit code of a dashboard that was left so, and what its recording came to.
pub(crate) fn exit_code(left: Result<App, UiError>, recorded: io::Result<()>) -> Result<u8> {
    let app = left?;
    recorded.wrap_err("cannot write the recording")?;
    Ok(match app.exit() {
        Some(Exit::Signal(signal)) => signal_code(signal),
        _ => 0,
    })
}

/// The signal that ends a dashboard; listening begins with the call.
pub(crate) fn shutdown() -> impl Future<Output = Shutdown> {
    let signal = shutdown_signal();
    async {
        match signal.await {
            Ok(signal) => Shutdown { signal },
            // Without signals there is still the keyboard.
            Err(_) => std::future::pending().await,
        }
    }
}

/// Prints the results of the last run and where its files are, once the dashboard is gone from the screen.
fn print_summary(app: &App) {
    let Some(directory) = app.measured_directory() else {
        return;
    };
    if let Some(run) = app.measured_run() {
        let summary = crate::metrics::summary::Summary::from_run(run);
        for line in crate::report::sum(&summary) {
            // A closed output is ignored.
            let _ = writeln!(std::io::stdout(), "{line}");
        }
    }
    point_at(&directory);
}

fn point_at(directory: &Path) {
    let page = directory.join("report.html");
    let lines = [("run directory", directory), ("report", page.as_path())];
    for (what, path) in lines.iter().filter(|(_, path)| path.exists()) {
        let path = shown(path);
        // A closed output is ignored.
        let _ = writeln!(std::io::stdout(), "{what}: {path}");
    }
}

async fn without_dashboard(options: HeadlessOptions, session: Session) -> Result<u8> {
    let Session {
        commands,
        events,
        work,
    } = session;
    if !options.simulate {
        // Sending fails only if the session has ended, and then its events say so.
        let _ = commands.send(SessionCommand::Search).await;
    }
    let teller = commands.clone();
    let mut out = std::io::stdout();
    let mut err = std::io::stderr();
    let printing = headless::run(events, commands, options, &mut out, &mut err);
    let mut printing = std::pin::pin!(printing);
    let code = tokio::select! {
        code = &mut printing => code,
        Ok(signal) = shutdown_signal() => {
            let _ = teller.send(SessionCommand::Run(Command::Signal(signal))).await;
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
