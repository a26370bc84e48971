//! The command `tokometer preview`, from its flags to its exit code.

use std::cell::Cell;
use std::io::{self, IsTerminal as _};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use color_eyre::eyre::{Result, WrapErr as _};
use tokio::sync::oneshot;

use crate::cli::output::{complain, screen_runtime, signal_code, usage};
use crate::plan::Limits;
use crate::platform::shutdown_signal;
use crate::tui::terminal::{self, Screen};

use crate::cli::preview_args::PreviewArgs;
use crate::cli::preview_mode::Job;
use crate::cli::preview_plain::plain;
use crate::tui::lanes::app::App;
use crate::tui::lanes::recorded;
use crate::tui::lanes::run_loop;
use crate::tui::lanes::run_loop::Options;
use crate::tui::lanes::text::Script;

/// The signal that Ctrl-C stands for.
const SIGINT: i32 = 2;

/// How long the signal that explains a lost terminal may take to come.
const GOODBYE: Duration = Duration::from_secs(1);

/// Does what the flags ask for; returns the exit code.
pub fn execute(args: &PreviewArgs) -> Result<u8> {
    let terminal = has_terminal(args);
    if args.run.is_some() && !terminal && args.record.is_none() {
        return Ok(usage(&"the lanes of a run need a terminal, or --record"));
    }
    let job = args
        .run
        .as_deref()
        .map_or_else(|| Ok(Vec::new()), recorded::of_run)
        .and_then(|measured| Job::of(&uncolored(args), measured, Limits::default(), terminal));
    match job {
        Err(error) if error.kind() == io::ErrorKind::InvalidInput => Ok(usage(&error)),
        Err(error) => Ok(failed(&error)),
        Ok(Job::Plain {
            script,
            tok_s,
            lasting,
        }) => to_pipe(script, tok_s, lasting),
        Ok(Job::Offline {
            app,
            size,
            recorder,
            lasting,
        }) => Ok(match run_loop::offline(*app, size, recorder, lasting) {
            Ok(_) => recorded(args.record.as_deref()),
            Err(error) => failed(&error),
        }),
        Ok(Job::Screen { app, options }) => on_screen(*app, options, args),
    }
}

fn failed(why: &dyn std::fmt::Display) -> u8 {
    complain(&format!("error: {why}"));
    1
}

/// Says where a recording went.
fn recorded(path: Option<&Path>) -> u8 {
    if let Some(path) = path {
        complain(&format!("recorded: {}", path.display()));
    }
    0
}

/// Lanes need a terminal that can be drawn on and keys that can be read. Where a text comes in on
/// standard input, the keys come from the terminal itself.
fn has_terminal(args: &PreviewArgs) -> bool {
    let is_dumb = std::env::var_os("TERM").is_some_and(|term| term == "dumb");
    let from_input = args.text.as_deref() == Some(Path::new("-"));
    io::stdout().is_terminal() && !is_dumb && (from_input || io::stdin().is_terminal())
}

/// Without color where `NO_COLOR` asks for that; a recording keeps its own.
fn uncolored(args: &PreviewArgs) -> PreviewArgs {
    let mut args = args.clone();
    let no_color = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    if no_color && args.record.is_none() {
        "mono".clone_into(&mut args.theme);
    }
    args
}

/// Writes one lane to standard output. On a thread of its own: a reader that does not read stops
/// the writing, and a signal still has to end the program.
fn to_pipe(script: Arc<Script>, tok_s: f64, lasting: Option<Duration>) -> Result<u8> {
    let (done, written) = oneshot::channel();
    let writing = screen_runtime()?;
    std::thread::Builder::new()
        .name("plain".to_owned())
        .spawn(move || {
            let ended = async {
                match lasting {
                    Some(lasting) => tokio::time::sleep(lasting).await,
                    None => std::future::pending().await,
                }
            };
            let mut out = io::stdout();
            let result = writing.block_on(plain(&mut out, &script, tok_s, ended));
            // Whoever waited for it was ended by a signal.
            let _gone = done.send(result);
        })
        .wrap_err("no thread to write from")?;
    let code = screen_runtime()?.block_on(async {
        tokio::select! {
            Ok(signal) = shutdown_signal() => signal_code(signal),
            result = written => match result {
                Ok(Ok(_)) => 0,
                Ok(Err(error)) => failed(&error),
                Err(_) => 1,
            },
        }
    });
    if io::stdout().is_terminal() {
        complain("");
    }
    Ok(code)
}

fn on_screen(app: App, options: Options, args: &PreviewArgs) -> Result<u8> {
    let caught = Cell::new(None);
    let ended = screen_runtime()?.block_on(async {
        let signal = shutdown_signal();
        let mut shutdown = std::pin::pin!(async {
            match signal.await {
                Ok(signal) => caught.set(Some(signal)),
                // Without signals there is still the keyboard.
                Err(_) => std::future::pending().await,
            }
        });
        let mut screen = Screen::open(false).wrap_err("the terminal cannot be used")?;
        let input = terminal::input().wrap_err("the terminal cannot be read")?;
        let ended = run_loop::run(screen.terminal(), input, shutdown.as_mut(), app, options).await;
        drop(screen);
        if ended.is_err() && caught.get().is_none() {
            // A lost terminal: if that was a hang-up its signal is on its way, and explains it.
            let _unexplained = tokio::time::timeout(GOODBYE, shutdown).await;
        }
        color_eyre::eyre::Ok(ended)
    })?;
    let signal = caught.get();
    Ok(match (ended, signal) {
        (Err(_), Some(signal)) => signal_code(signal),
        (Err(error), None) => failed(&error),
        (Ok(app), signal) => {
            recorded(args.record.as_deref());
            let signal = signal.or(app.interrupted.then_some(SIGINT));
            signal.map_or(0, signal_code)
        }
    })
}
