//! `tokometer screenshot`: pictures of the dashboard, still or moving. The real dashboard draws the real
//! run of the built-in simulated server; a script presses the keys, and only the terminal is missing.

use crate::dialect::Access;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use clap::Args;
use color_eyre::eyre::{Report, Result, WrapErr as _, eyre};
use crossterm::event::{Event, KeyCode, KeyEvent, KeyModifiers};
use futures_util::stream;
use ratatui::Terminal;
use ratatui::backend::TestBackend;
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until};

use crate::capture::color_scheme::ColorScheme;
use crate::capture::{Format, ScreenRecorder};
use crate::cli::display::{exit_code, shutdown};
use crate::cli::output::{print_err, screen_runtime};
use crate::cli::preview_args::{recording, size};
use crate::cli::{factor, users};
use crate::event::EventKind;
use crate::plan::{CycleShape, Plan};
use crate::probe::setup::Setup;
use crate::session::SessionEvent;
use crate::session::serve;
use crate::session::serve::{Session, SessionOptions};
use crate::sim::{Fault, SimConfig};
use crate::tui;
use crate::tui::DashboardOptions;
use crate::tui::layout::View;
use crate::tui::recording::{Recorded, RecordedSpan, Tape};
use crate::tui::theme::Theme;

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
    /// Time into the run at which the picture is taken or the recording begins
    #[arg(long, value_name = "TIME", value_parser = humantime::parse_duration, default_value = "8s")]
    pub after: Duration,
    /// Length of a recording
    #[arg(long = "for", value_name = "TIME", value_parser = humantime::parse_duration, default_value = "12s")]
    pub lasting: Duration,
    /// Numbers of users (requests in flight), one cycle each
    #[arg(long, value_delimiter = ',', value_name = "N,N,…", value_parser = users, default_values_t = [1, 2, 4, 8, 16])]
    pub users: Vec<u32>,
    /// Each user asks this many times in a row
    #[arg(long, value_name = "K", value_parser = clap::value_parser!(u32).range(1..), default_value = "1")]
    pub waves: u32,
    /// Maximum tokens per answer (0 = unlimited)
    #[arg(long, value_name = "N", default_value = "256")]
    pub max_tokens: u32,
    /// Run the simulated server this many times faster than real time
    #[arg(long, value_name = "X", value_parser = factor, default_value = "1")]
    pub time_scale: f64,
    /// Fault to inject into the simulated server (repeatable)
    #[arg(long = "fault", value_name = "FAULT")]
    pub faults: Vec<Fault>,
    /// Colors
    #[arg(long, value_parser = Theme::NAMES, default_value = "dark")]
    pub theme: String,
    /// Use only ASCII characters
    #[arg(long)]
    pub ascii: bool,
}

/// Takes the picture; returns the exit code.
pub(crate) fn execute(args: &ScreenshotArgs) -> Result<u8> {
    let recorder = ScreenRecorder::create(&args.out, ColorScheme::from_theme(&args.theme))
        .wrap_err_with(|| args.out.display().to_string())?;
    let simulator = SimConfig {
        time_scale: args.time_scale,
        faults: args.faults.clone(),
        seed: Some(SEED),
        ..SimConfig::default()
    };
    let options = SessionOptions {
        access: Access::default(),
        url: None,
        dialect: None,
        simulator,
        runs: None,
        reports: None,
    };
    let session = serve::start_with(options, Some(Setup::default()))
        .wrap_err("could not start the load threads")?;
    let code = screen_runtime()?.block_on(film(args, session, recorder))?;
    if code == 0 {
        print_err(&format!("picture: {}", args.out.display()));
    }
    Ok(code)
}

/// The dashboard that is filmed.
fn options(args: &ScreenshotArgs) -> DashboardOptions {
    DashboardOptions {
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
        ..DashboardOptions::default()
    }
}

/// Runs the dashboard without a terminal, from its start to the end of the picture; returns the exit code.
async fn film(args: &ScreenshotArgs, session: Session, recorder: ScreenRecorder) -> Result<u8> {
    let Session {
        commands,
        events,
        work: _work,
    } = session;
    let (columns, rows) = args.size;
    let window = RecordedSpan::default();
    let options = options(args);
    let tape = Tape::within(recorder, options.clock.clone(), Arc::clone(&window));
    let backend = Recorded::new(TestBackend::new(columns, rows), Some(tape))?;
    let mut terminal = Terminal::new(backend)?;
    let (keys, mut pressed) = mpsc::unbounded_channel();
    let pressed = stream::poll_fn(|cx| pressed.poll_recv(cx));
    // Room for one: when there is room again, the dashboard has taken the event before.
    let (forward, forwarded) = mpsc::channel(1);
    let script = Script {
        view: args.view,
        after: args.after,
        lasting: match Format::from_path(&args.out) {
            Ok(Format::Svg) => Duration::ZERO,
            _ => args.lasting,
        },
        window,
        keys,
    };
    let left = tokio::select! {
        left = tui::run(&mut terminal, pressed, forwarded, commands, shutdown(), options) => left,
        broken = script.play(events, forward) => return Err(broken),
    };
    exit_code(left, terminal.backend_mut().finish())
}

/// Who sits at the keys: starts the run, shows the view, and quits when the picture is taken.
struct Script {
    view: View,
    after: Duration,
    lasting: Duration,
    window: RecordedSpan,
    keys: mpsc::UnboundedSender<io::Result<Event>>,
}

impl Script {
    /// Forwards the session's events and presses keys in answer to them, until the dashboard is left. Returns only
    /// if the session failed.
    async fn play(
        self,
        mut events: mpsc::Receiver<SessionEvent>,
        forward: mpsc::Sender<SessionEvent>,
    ) -> Report {
        let mut has_started = false;
        let mut end = None;
        loop {
            let event = tokio::select! {
                event = events.recv() => event,
                () = at(end) => {
                    // Enter says yes to the question whether to stop the run.
                    self.press(&[KeyCode::Char('q'), KeyCode::Enter]);
                    end = None;
                    continue;
                }
            };
            let Some(event) = event else {
                return eyre!("the session has ended");
            };
            let keys: &[KeyCode] = match &event {
                SessionEvent::NotFound { tried } => {
                    return eyre!("the simulated server did not start: {tried:?}");
                }
                SessionEvent::Found(_) if !has_started => &[KeyCode::Enter],
                SessionEvent::Events(events) if !has_started && is_start(events) => {
                    has_started = true;
                    let from = Instant::now() + self.after;
                    let until = from + self.lasting;
                    end = Some(until);
                    self.window.get_or_init(|| (from, until));
                    &[KeyCode::Char(key_of(self.view))]
                }
                _ => &[],
            };
            if forward.send(event).await.is_err() || forward.reserve().await.is_err() {
                // It was left.
                return std::future::pending().await;
            }
            self.press(keys);
        }
    }

    /// Presses keys; a dashboard that was left needs none.
    fn press(&self, keys: &[KeyCode]) {
        for code in keys {
            let key = KeyEvent::new(*code, KeyModifiers::NONE);
            let _ = self.keys.send(Ok(Event::Key(key)));
        }
    }
}

fn is_start(events: &[crate::event::Event]) -> bool {
    let mut events = events.iter();
    events.any(|event| matches!(event.what, EventKind::RunStarted(_)))
}

/// The key that shows a view.
const fn key_of(view: View) -> char {
    match view {
        View::Live => '1',
        View::Results => '2',
        View::Requests => '3',
        View::Preview => '4',
        View::Runs => '5',
    }
}

async fn at(instant: Option<Instant>) {
    match instant {
        Some(instant) => sleep_until(instant).await,
        None => std::future::pending().await,
    }
}
