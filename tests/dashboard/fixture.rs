//! The real loop of the dashboard on a terminal in memory.

use std::convert::Infallible;
use std::io;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use crossterm::event::{Event, KeyCode, KeyEvent, KeyModifiers};
use futures_util::stream;
use ratatui::Terminal;
use ratatui::backend::{Backend, ClearType, TestBackend, WindowSize};
use ratatui::buffer::Cell;
use ratatui::layout::{Position, Size};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;
use tokio::time::sleep;
use tokometer::session::{SessionCommand, SessionEvent};
use tokometer::tui::app::App;
use tokometer::tui::{DashboardOptions, Shutdown, UiError, run};

use crate::live;

/// A terminal in memory that the test can look at, and resize, while the dashboard draws on it.
#[derive(Clone)]
pub(crate) struct Shared {
    inner: Arc<Mutex<TestBackend>>,
    frames: Arc<Mutex<usize>>,
}

type Done<T = ()> = Result<T, Infallible>;

impl Backend for Shared {
    type Error = Infallible;

    fn draw<'a, I: Iterator<Item = (u16, u16, &'a Cell)>>(&mut self, content: I) -> Done {
        self.inner.lock().unwrap().draw(content)
    }
    fn hide_cursor(&mut self) -> Done {
        self.inner.lock().unwrap().hide_cursor()
    }
    fn show_cursor(&mut self) -> Done {
        self.inner.lock().unwrap().show_cursor()
    }
    fn get_cursor_position(&mut self) -> Done<Position> {
        self.inner.lock().unwrap().get_cursor_position()
    }
    fn set_cursor_position<P: Into<Position>>(&mut self, position: P) -> Done {
        self.inner.lock().unwrap().set_cursor_position(position)
    }
    fn clear(&mut self) -> Done {
        self.inner.lock().unwrap().clear()
    }
    fn clear_region(&mut self, kind: ClearType) -> Done {
        self.inner.lock().unwrap().clear_region(kind)
    }
    fn size(&self) -> Done<Size> {
        self.inner.lock().unwrap().size()
    }
    fn window_size(&mut self) -> Done<WindowSize> {
        self.inner.lock().unwrap().window_size()
    }
    fn flush(&mut self) -> Done {
        *self.frames.lock().unwrap() += 1;
        self.inner.lock().unwrap().flush()
    }
}

/// A dashboard that runs.
pub(crate) struct Dash {
    backend: Shared,
    input: Option<mpsc::UnboundedSender<io::Result<Event>>>,
    events: Option<mpsc::Sender<SessionEvent>>,
    commands: mpsc::Receiver<SessionCommand>,
    signal: Option<oneshot::Sender<Shutdown>>,
    task: JoinHandle<Result<App, UiError>>,
}

impl Dash {
    pub(crate) async fn start(width: u16, height: u16, options: DashboardOptions) -> Self {
        let backend = Shared {
            inner: Arc::new(Mutex::new(TestBackend::new(width, height))),
            frames: Arc::default(),
        };
        let (input, mut keys) = mpsc::unbounded_channel();
        let keys = stream::poll_fn(move |cx| keys.poll_recv(cx));
        let (events, news_receiver) = mpsc::channel(64);
        let (ask_sender, commands) = mpsc::channel(64);
        let (signal, signaled) = oneshot::channel();
        let shutdown = async move {
            match signaled.await {
                Ok(shutdown) => shutdown,
                Err(_) => std::future::pending().await,
            }
        };
        let mut terminal = Terminal::new(backend.clone()).unwrap();
        let task = tokio::spawn(async move {
            run(
                &mut terminal,
                keys,
                news_receiver,
                ask_sender,
                shutdown,
                options,
            )
            .await
        });
        let dash = Self {
            backend,
            input: Some(input),
            events: Some(events),
            commands,
            signal: Some(signal),
            task,
        };
        dash.settle().await;
        dash
    }

    /// Lets everything that was sent be taken in and drawn; the clock of the test stands still
    /// while anything is left to do.
    pub(crate) async fn settle(&self) {
        sleep(Duration::from_millis(50)).await;
    }

    /// Types `script`: characters, and `<tab>`, `<enter>`, `<esc>`, `<space>`, `<c-c>`…
    pub(crate) async fn keys(&self, script: &str) {
        for event in keys(script) {
            self.input(Event::Key(event)).await;
        }
    }

    pub(crate) async fn input(&self, event: Event) {
        // A dashboard that was left hears nothing any more.
        let _ = self.input.as_ref().unwrap().send(Ok(event));
        self.settle().await;
    }

    /// Presses a key and does not wait for what it does.
    pub(crate) fn type_at_once(&self, key: KeyEvent) {
        self.input
            .as_ref()
            .unwrap()
            .send(Ok(Event::Key(key)))
            .unwrap();
    }

    pub(crate) async fn fail_input(&mut self, error: io::Error) {
        self.input.as_ref().unwrap().send(Err(error)).unwrap();
        self.settle().await;
    }

    pub(crate) async fn close_input(&mut self) {
        self.input = None;
        self.settle().await;
    }

    pub(crate) async fn push(&self, events: SessionEvent) {
        self.send(events).await;
        self.settle().await;
    }

    /// The run is over, and nothing of it was written.
    pub(crate) async fn finish(&self) {
        self.push(SessionEvent::Finished {
            directory: None,
            error: None,
            report: None,
        })
        .await;
    }

    pub(crate) async fn send(&self, events: SessionEvent) {
        self.events.as_ref().unwrap().send(events).await.unwrap();
    }

    pub(crate) async fn drop_news(&mut self) {
        self.events = None;
        self.settle().await;
    }

    pub(crate) async fn resize(&self, width: u16, height: u16) {
        self.backend.inner.lock().unwrap().resize(width, height);
        self.input(Event::Resize(width, height)).await;
    }

    pub(crate) async fn signal(&mut self, signal: i32) {
        self.signal
            .take()
            .unwrap()
            .send(Shutdown { signal })
            .unwrap();
        self.settle().await;
    }

    /// The screen, as text.
    pub(crate) fn screen(&self) -> String {
        self.backend.inner.lock().unwrap().to_string()
    }

    /// The screen must hold `text`.
    #[track_caller]
    pub(crate) fn shows(&self, text: &str) {
        let screen = self.screen();
        assert!(screen.contains(text), "{text} is not on\n{screen}");
    }

    /// The row of the screen that holds `text` at its left.
    pub(crate) fn row_of(&self, text: &str) -> u16 {
        let screen = self.screen();
        // Quotes stand at both ends of a line.
        let begins = |line: &str| line.chars().skip(1).take(30).collect::<String>();
        let row = screen.lines().position(|line| begins(line).contains(text));
        u16::try_from(row.unwrap()).unwrap()
    }

    /// The screen with its styles.
    pub(crate) fn styles(&self) -> String {
        format!("{:#?}", self.backend.inner.lock().unwrap().buffer())
    }

    /// Frames drawn so far.
    pub(crate) fn frames(&self) -> usize {
        *self.backend.frames.lock().unwrap()
    }

    /// What was asked since the last look.
    pub(crate) fn commands(&mut self) -> Vec<SessionCommand> {
        std::iter::from_fn(|| self.commands.try_recv().ok()).collect()
    }

    /// Whether the dashboard was left.
    pub(crate) fn is_over(&self) -> bool {
        self.task.is_finished()
    }

    /// The last state of a dashboard that was left.
    pub(crate) async fn end(self) -> Result<App, UiError> {
        assert!(self.task.is_finished(), "the dashboard still runs");
        self.task.await.unwrap()
    }
}

/// The keys of a script.
pub(crate) fn keys(script: &str) -> Vec<KeyEvent> {
    let mut events = Vec::new();
    let mut rest = script;
    while let Some(c) = rest.chars().next() {
        let named = rest
            .strip_prefix('<')
            .and_then(|after| after.split_once('>'));
        if let Some((name, after)) = named {
            rest = after;
            events.push(named_key(name));
        } else {
            rest = &rest[c.len_utf8()..];
            events.push(KeyEvent::new(KeyCode::Char(c), KeyModifiers::NONE));
        }
    }
    events
}

fn named_key(name: &str) -> KeyEvent {
    let code = match name {
        "tab" => KeyCode::Tab,
        "s-tab" => KeyCode::BackTab,
        "enter" => KeyCode::Enter,
        "esc" => KeyCode::Esc,
        "space" => KeyCode::Char(' '),
        "up" => KeyCode::Up,
        "down" => KeyCode::Down,
        "left" => KeyCode::Left,
        "right" => KeyCode::Right,
        "home" => KeyCode::Home,
        "end" => KeyCode::End,
        "del" => KeyCode::Delete,
        "bs" => KeyCode::Backspace,
        "c-c" => return KeyEvent::new(KeyCode::Char('c'), KeyModifiers::CONTROL),
        other => panic!("no key is called {other}"),
    };
    KeyEvent::new(code, KeyModifiers::NONE)
}

/// A dashboard in the middle of the fourth cycle.
pub(crate) async fn running(width: u16, height: u16, options: DashboardOptions) -> Dash {
    let simulated = options.simulated;
    let mut dash = ready(width, height, options).await;
    dash.keys("<enter>").await;
    dash.push(SessionEvent::Events(live::running(simulated)))
        .await;
    dash.commands();
    dash
}

/// A dashboard that found a server.
pub(crate) async fn ready(width: u16, height: u16, options: DashboardOptions) -> Dash {
    let simulated = options.simulated;
    let mut dash = Dash::start(width, height, options).await;
    dash.push(SessionEvent::Found(live::server(simulated)))
        .await;
    dash.commands();
    dash
}
