//! `tokometer screenshot`: pictures of the dashboard, still or moving. The real dashboard draws the real
//! run of the built-in simulated server; only the terminal and the keyboard are missing.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use color_eyre::eyre::{Result, WrapErr as _, eyre};
use crossterm::event::{Event, KeyCode, KeyEvent, KeyModifiers};
use ratatui::Terminal;
use ratatui::backend::TestBackend;
use ratatui::layout::Size;
use tokio::time::{Instant, sleep_until};

use crate::capture::color_scheme::Look;
use crate::capture::{Format, Recorder};
use crate::cli::output::{complain, screen_runtime, signal_code};
use crate::cli::preview_args::{recording, size};
use crate::cli::{factor, users};
use crate::event::RunClock;
use crate::plan::{CycleShape, Plan};
use crate::platform::shutdown_signal;
use crate::probe::setup::Setup;
use crate::session::serve;
use crate::session::serve::{Session, SessionOptions};
use crate::sim::{Fault, SimConfig};
use crate::tui::Options;
use crate::tui::app::{App, Effect, Msg, Screen};
use crate::tui::layout::View;
use crate::tui::render::render;
use crate::tui::theme::Theme;

/// The least time between two frames: 30 a second.
const FRAME: Duration = Duration::from_micros(33_333);

/// Where chance starts, so that the same command gives much the same picture.
const SEED: u64 = 7;

/// The flags of `tokometer screenshot`.
#[derive(Debug, Clone, Args)]
pub struct ScreenshotArgs {
    /// The picture: .svg, or a recording .gif or .cast
    #[arg(long, value_name = "FILE", value_parser = recording)]
    pub out: PathBuf,
    /// Columns and rows
    #[arg(long, value_name = "WxH", value_parser = size, default_value = "120x40")]
    pub size: (u16, u16),
    /// Which view
    #[arg(long, value_enum, default_value_t)]
    pub view: View,
    /// How long the run has gone on when the picture is taken or the recording begins
    #[arg(long, value_name = "TIME", value_parser = humantime::parse_duration, default_value = "8s")]
    pub after: Duration,
    /// How long a recording goes on
    #[arg(long = "for", value_name = "TIME", value_parser = humantime::parse_duration, default_value = "12s")]
    pub lasting: Duration,
    /// Requests kept in flight, one cycle each
    #[arg(long, value_delimiter = ',', value_name = "N,N,…", value_parser = users, default_values_t = [1, 2, 4, 8, 16])]
    pub users: Vec<u32>,
    /// Each user asks this many times in a row
    #[arg(long, value_name = "K", value_parser = clap::value_parser!(u32).range(1..), default_value = "1")]
    pub waves: u32,
    /// The most tokens of an answer; 0 for no limit
    #[arg(long, value_name = "N", default_value = "256")]
    pub max_tokens: u32,
    /// The simulated server runs this many times faster than real
    #[arg(long, value_name = "X", value_parser = factor, default_value = "1")]
    pub time_scale: f64,
    /// A fault of the simulated server (repeatable)
    #[arg(long = "fault", value_name = "FAULT")]
    pub faults: Vec<Fault>,
    /// Colors
    #[arg(long, value_parser = Theme::NAMES, default_value = "dark")]
    pub theme: String,
    /// Only ASCII characters
    #[arg(long)]
    pub ascii: bool,
}

/// Takes the picture; returns the exit code.
pub fn execute(args: &ScreenshotArgs) -> Result<u8> {
    let recorder = match Recorder::create(&args.out, Look::of_theme(&args.theme)) {
        Ok(recorder) => recorder,
        Err(error) => {
            complain(&format!("error: {}: {error}", args.out.display()));
            return Ok(1);
        }
    };
    let simulator = SimConfig {
        time_scale: args.time_scale,
        faults: args.faults.clone(),
        seed: Some(SEED),
        ..SimConfig::default()
    };
    let options = SessionOptions {
        url: "http://127.0.0.1:11434".to_owned(),
        dialect: None,
        simulator,
        runs: None,
        reports: None,
    };
    let session = serve::start_with(options, Some(Setup::default()))
        .wrap_err("the threads of the load could not be started")?;
    let ended = screen_runtime()?.block_on(async {
        tokio::select! {
            Ok(signal) = shutdown_signal() => Ok(Some(signal)),
            filmed = film(args, session, recorder) => filmed.map(|()| None),
        }
    })?;
    if let Some(signal) = ended {
        return Ok(signal_code(signal));
    }
    complain(&format!("picture: {}", args.out.display()));
    Ok(0)
}

/// The dashboard that is filmed.
fn options(args: &ScreenshotArgs) -> Options {
    Options {
        plan: Plan {
            levels: args.users.clone(),
            shape: CycleShape::Waves(args.waves),
            max_tokens: Some(args.max_tokens).filter(|most| *most > 0),
            time_scale: args.time_scale,
            ..Plan::default()
        },
        simulated: true,
        theme: args.theme.clone(),
        ascii: args.ascii,
        ..Options::default()
    }
}

/// Runs the dashboard without a terminal, from its start to the end of the picture.
async fn film(args: &ScreenshotArgs, session: Session, mut recorder: Recorder) -> Result<()> {
    let Session {
        asks,
        mut news,
        work: _work,
    } = session;
    let (columns, rows) = args.size;
    let Ok(mut terminal) = Terminal::new(TestBackend::new(columns, rows));
    let is_still = Format::of(&args.out) == Ok(Format::Svg);
    let lasting = if is_still {
        Duration::ZERO
    } else {
        args.lasting
    };
    let clock = RunClock::start();
    let (mut app, mut effects) = App::new(options(args), Size::new(columns, rows), Instant::now());
    let mut frame = Instant::now() + FRAME;
    let mut began: Option<Instant> = None;
    let mut batch = Vec::new();
    loop {
        for effect in effects.drain(..) {
            if let Effect::SessionCommand(ask) = effect {
                asks.send(ask).await.wrap_err("the session is gone")?;
            }
        }
        let is_frame = tokio::select! {
            biased;
            () = sleep_until(frame) => true,
            count = news.recv_many(&mut batch, 64) => {
                if count == 0 {
                    return Err(eyre!("the session is gone"));
                }
                false
            }
        };
        let now = Instant::now();
        for news in batch.drain(..) {
            effects.extend(app.update(Msg::SessionEvent(news), now));
        }
        effects.extend(turn(&mut app, args.view, &mut began, now)?);
        let Some(began) = began.filter(|_| is_frame) else {
            frame = frame.max(now + FRAME * u32::from(is_frame));
            continue;
        };
        frame = now + FRAME;
        effects.extend(app.update(Msg::Tick, now));
        let passed = now.duration_since(began);
        if passed >= args.after {
            let Ok(drawn) = terminal.draw(|frame| render(frame, &app));
            recorder.frame(clock.stamp(now), drawn.buffer)?;
        }
        if passed >= args.after + lasting {
            return recorder.finish(clock.stamp(now)).wrap_err("no picture");
        }
    }
}

/// The keys that a user would press: the start, then the view.
fn turn(
    app: &mut App,
    view: View,
    began: &mut Option<Instant>,
    now: Instant,
) -> Result<Vec<Effect>> {
    let key = |code| Msg::Input(Event::Key(KeyEvent::new(code, KeyModifiers::NONE)));
    match app.screen() {
        Screen::NotFound { tried } => Err(eyre!("the simulated server did not start: {tried:?}")),
        Screen::Ready if began.is_none() => Ok(app.update(key(KeyCode::Enter), now)),
        Screen::Run(_) if app.run().info.is_some() && began.is_none() => {
            *began = Some(now);
            let digit = match view {
                View::Live => '1',
                View::Results => '2',
                View::Requests => '3',
                View::Preview => '4',
                View::Runs => '5',
            };
            Ok(app.update(key(KeyCode::Char(digit)), now))
        }
        _ => Ok(Vec::new()),
    }
}
