//! The command `tokometer preview`, from its flags to its exit code.

use std::io::{self, IsTerminal as _};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use color_eyre::eyre::{Report, Result, WrapErr as _, bail};
use crossterm::event::Event;
use futures_util::stream;
use ratatui::Terminal;
use ratatui::backend::TestBackend;
use tokio::sync::{mpsc, oneshot};

use crate::capture::ScreenRecorder;
use crate::cli::display::{exit_code, no_color, on_screen_alone, shutdown};
use crate::cli::look::can_draw;
use crate::cli::output::{UsageError, print_err, screen_runtime, shown, signal_code};
use crate::cli::preview_args::PreviewArgs;
use crate::cli::preview_mode::PreviewMode;
use crate::cli::preview_plain::plain;
use crate::metrics::state::RunState;
use crate::platform::shutdown_signal;
use crate::store::index::find;
use crate::store::recordings::{Rank, kept_in};
use crate::tui;
use crate::tui::lanes::recorded;
use crate::tui::lanes::text::Script;
use crate::tui::recording::{Recorded, Tape};

/// Does what the flags ask for; returns the exit code.
pub(crate) fn execute(args: &PreviewArgs) -> Result<u8> {
    let terminal = has_terminal(args);
    if args.run.is_some() && !terminal && args.record.is_none() {
        bail!(UsageError::new(
            "lanes from a run need a terminal or --record"
        ));
    }
    let measured = match &args.run {
        Some(run) => lanes_of(&find(&args.runs_dir.root()?, run)?, args.rank)?,
        None => Vec::new(),
    };
    let mode = PreviewMode::new(args, measured, terminal)?;
    let code = match mode {
        PreviewMode::Plain {
            script,
            tok_s,
            lasting,
        } => return to_pipe(script, tok_s, lasting),
        PreviewMode::Offline {
            options,
            size,
            recorder,
        } => offline(*options, size, recorder)?,
        PreviewMode::Screen { options, recorder } => {
            let options = tui::DashboardOptions {
                archive: args.runs_dir.root().ok(),
                // A recording keeps its colors.
                no_color: recorder.is_none() && no_color(),
                ..*options
            };
            let tape = recorder.map(|recorder| Tape::new(recorder, options.clock.clone()));
            on_screen_alone(options, tape)?
        }
    };
    if let Some(path) = &args.record {
        print_err(&format!("recorded: {}", path.display()));
    }
    Ok(code)
}

/// The lanes of a run, one for each level.
fn lanes_of(directory: &Path, rank: Rank) -> Result<Vec<Script>> {
    let mut run = RunState::default();
    crate::store::replay(directory, |event| run.apply(&event))?;
    let lanes = recorded::lanes(&run, &kept_in(directory), rank);
    if lanes.is_empty() {
        bail!(
            "{}: no level has an answer, or a mean wait and speed, to replay",
            shown(directory)
        );
    }
    Ok(lanes)
}

/// Plays the dashboard into a recording, without a user; returns the exit code.
fn offline(
    options: tui::DashboardOptions,
    (width, height): (u16, u16),
    recorder: ScreenRecorder,
) -> Result<u8> {
    screen_runtime()?.block_on(async {
        let tape = Tape::new(recorder, options.clock.clone());
        let backend = Recorded::new(TestBackend::new(width, height), Some(tape))?;
        let mut terminal = Terminal::new(backend)?;
        let keys = stream::pending::<io::Result<Event>>();
        let (_silent, events) = mpsc::channel(1);
        let (commands, _unheard) = mpsc::channel(1);
        let left = tui::run(&mut terminal, keys, events, commands, shutdown(), options).await;
        exit_code(left, terminal.backend_mut().finish())
    })
}

/// Lanes need a terminal that can be drawn on and keys that can be read. Where a text comes in on
/// standard input, the keys come from the terminal itself.
fn has_terminal(args: &PreviewArgs) -> bool {
    let from_input = args.text.as_deref() == Some(Path::new("-"));
    can_draw() && (from_input || io::stdin().is_terminal())
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
            // Nobody waits for it any more after a signal.
            let _ = done.send(result);
        })
        .wrap_err("could not start the writing thread")?;
    let code = screen_runtime()?.block_on(async {
        let code = tokio::select! {
            Ok(signal) = shutdown_signal() => signal_code(signal),
            result = written => {
                result??;
                0
            }
        };
        Ok::<u8, Report>(code)
    })?;
    if io::stdout().is_terminal() {
        print_err("");
    }
    Ok(code)
}
