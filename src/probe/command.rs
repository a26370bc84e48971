//! Commands whose output is read: started without a terminal, in a group of their own, watched for
//! silence, garbage and death, and gone when their source is.

use std::collections::VecDeque;
use std::io::{ErrorKind, Read};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crate::event::GpuSample;
use crate::platform::child;
use crate::probe::lines::Lines;
use crate::probe::source::{Fault, FaultKind, Observation, Pace, Source};

/// Bytes without a report after which a command counts as broken.
const MOST_GARBAGE: usize = 1 << 20;
/// Bytes of standard error, and of standard output before the first report, that are kept to explain a failure.
const KEPT_WORDS: usize = 2048;
/// Ticks without a report after which a command counts as hanging.
const PATIENCE_TICKS: u32 = 4;
/// How often a waiting source looks whether it should stop.
const LOOK: Duration = Duration::from_millis(50);
/// How long an ending command may take until its exit status is no longer waited for.
const EXIT_WAIT: Duration = Duration::from_millis(500);

/// A command and its arguments.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Program(pub Vec<String>);

impl Program {
    /// `words` as a command and its arguments.
    pub fn new<W: Into<String>>(words: impl IntoIterator<Item = W>) -> Self {
        Self(words.into_iter().map(Into::into).collect())
    }

    /// The same with more arguments.
    #[must_use]
    pub fn args<W: Into<String>>(mut self, words: impl IntoIterator<Item = W>) -> Self {
        self.0.extend(words.into_iter().map(Into::into));
        self
    }

    /// The command itself.
    pub fn command(&self) -> &str {
        self.0.first().map_or("", String::as_str)
    }
}

/// Takes one line after the other and returns a sample where one is complete.
type ReadLine = dyn FnMut(&str) -> Option<GpuSample> + Send;

/// Makes samples of what a command prints, line by line.
pub struct Reports {
    lines: Lines,
    read: Box<ReadLine>,
}

impl Reports {
    pub fn new(read: impl FnMut(&str) -> Option<GpuSample> + Send + 'static) -> Self {
        Self {
            lines: Lines::default(),
            read: Box::new(read),
        }
    }

    /// Takes more bytes; returns the samples that are now complete.
    pub fn feed(&mut self, bytes: &[u8]) -> Vec<GpuSample> {
        let mut samples = Vec::new();
        self.lines
            .feed(bytes, |line| samples.extend((self.read)(line)));
        samples
    }
}

/// What a command left behind when it ended before its time.
#[derive(Debug, Clone, Default)]
pub struct Ended {
    /// Its exit status, −1 where a signal ended it; None where it had not ended.
    pub code: Option<i32>,
    /// What it said: standard error, and standard output up to the first report.
    pub words: String,
}

/// A source that follows the output of a command.
pub struct CommandSource {
    name: &'static str,
    /// Forms of the command to try in turn: old versions do not know every argument.
    forms: Vec<Program>,
    form: usize,
    reports: fn() -> Reports,
    explain: fn(&Ended) -> Fault,
    running: Option<Running>,
}

impl CommandSource {
    /// A source that reads what the first working one of `forms` prints.
    pub fn new(
        name: &'static str,
        forms: Vec<Program>,
        reports: fn() -> Reports,
        explain: fn(&Ended) -> Fault,
    ) -> Self {
        Self {
            name,
            forms,
            form: 0,
            reports,
            explain,
            running: None,
        }
    }

    fn start(&mut self) -> Result<Running, Fault> {
        let program = self
            .forms
            .get(self.form)
            .ok_or_else(|| Fault::absent(format!("{} has no command", self.name)))?;
        Running::start(program, (self.reports)()).map_err(|error| match error.kind() {
            ErrorKind::NotFound => Fault::absent(format!("{} is not installed", program.command())),
            ErrorKind::PermissionDenied => Fault::new(
                FaultKind::Refused,
                format!("{} is not executable", program.command()),
            ),
            _ => Fault::new(
                FaultKind::Died,
                format!("{} does not start: {error}", program.command()),
            ),
        })
    }

    /// What to do about a command that ended: start it again at once (`None`), or give up for now.
    fn over(&mut self, running: Running, tick: Duration) -> Option<Fault> {
        let (seen, lived) = (running.seen, running.started.elapsed());
        let ended = running.end();
        if seen && ended.code == Some(0) && lived > tick {
            return None;
        }
        if !seen && self.form + 1 < self.forms.len() {
            self.form += 1;
            return None;
        }
        if !seen {
            self.form = 0;
        }
        Some((self.explain)(&ended))
    }
}

impl Source for CommandSource {
    fn name(&self) -> String {
        self.name.to_owned()
    }

    fn streams(&self) -> bool {
        true
    }

    fn read(&mut self, pace: &Pace) -> Result<Vec<Observation>, Fault> {
        let deadline = Instant::now() + pace.tick * PATIENCE_TICKS;
        loop {
            let mut running = match self.running.take() {
                Some(running) => running,
                None => self.start()?,
            };
            match running.next(pace, deadline) {
                Next::Samples(samples) => {
                    self.running = Some(running);
                    return Ok(samples.into_iter().map(Observation::Gpu).collect());
                }
                Next::Ended => {
                    if let Some(fault) = self.over(running, pace.tick) {
                        return Err(fault);
                    }
                }
                Next::Silent => {
                    let seconds = (pace.tick * PATIENCE_TICKS).as_secs_f64();
                    let why = format!("{} has been silent for {seconds:.0} s", self.name);
                    return Err(Fault::new(FaultKind::Silent, why));
                }
                Next::Garbage => {
                    let words = running.end().words;
                    let why = format!("{} prints unreadable output: {words}", self.name);
                    return Err(Fault::new(FaultKind::Garbage, why));
                }
                Next::Stopped => {
                    let why = format!("{} was stopped", self.name);
                    return Err(Fault::new(FaultKind::Died, why));
                }
            }
        }
    }
}

/// A command that runs. Dropping it kills it and all that it started.
struct Running {
    child: Option<Child>,
    output: Receiver<Vec<u8>>,
    words: Arc<Mutex<Vec<u8>>>,
    /// Reads standard error to its end.
    errors: Option<JoinHandle<()>>,
    reports: Reports,
    /// Whether it has made a report.
    seen: bool,
    /// Bytes since the last report.
    unread: usize,
    started: Instant,
}

enum Next {
    Samples(Vec<GpuSample>),
    Silent,
    Garbage,
    Ended,
    Stopped,
}

impl Running {
    fn start(program: &Program, reports: Reports) -> std::io::Result<Self> {
        let mut command = Command::new(program.command());
        command
            .args(program.0.iter().skip(1))
            .env("LC_ALL", "C")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        child::own_group(&mut command);
        let mut child = command.spawn()?;
        let (sender, output) = sync_channel(8);
        let words: Arc<Mutex<Vec<u8>>> = Arc::default();
        // These threads end when the pipe does. Where a command cannot be killed (it runs as root),
        // its next report finds nobody listening and the closed pipe ends it.
        if let Some(mut stdout) = child.stdout.take() {
            std::thread::spawn(move || {
                pump(&mut stdout, |bytes| sender.send(bytes.to_vec()).is_ok());
            });
        }
        let errors = child.stderr.take().map(|mut stderr| {
            let words = Arc::clone(&words);
            std::thread::spawn(move || {
                pump(&mut stderr, |bytes| {
                    remember(&words, bytes);
                    true
                });
            })
        });
        Ok(Self {
            child: Some(child),
            output,
            words,
            errors,
            reports,
            seen: false,
            unread: 0,
            started: Instant::now(),
        })
    }

    fn next(&mut self, pace: &Pace, deadline: Instant) -> Next {
        loop {
            if pace.is_stopped() {
                return Next::Stopped;
            }
            match self.output.recv_timeout(LOOK.min(pace.tick)) {
                Ok(bytes) => {
                    let samples = self.reports.feed(&bytes);
                    if !samples.is_empty() {
                        self.seen = true;
                        self.unread = 0;
                        return Next::Samples(newest(samples));
                    }
                    self.unread = self.unread.saturating_add(bytes.len());
                    if !self.seen {
                        remember(&self.words, &bytes);
                    }
                    if self.unread > MOST_GARBAGE {
                        return Next::Garbage;
                    }
                }
                Err(RecvTimeoutError::Disconnected) => return Next::Ended,
                Err(RecvTimeoutError::Timeout) => {}
            }
            if Instant::now() >= deadline {
                return if self.unread > 0 {
                    Next::Garbage
                } else {
                    Next::Silent
                };
            }
        }
    }

    /// Ends it and tells what it left behind.
    fn end(mut self) -> Ended {
        let deadline = Instant::now() + EXIT_WAIT;
        let mut code = None;
        // Its output has ended, so its exit is near, and so is the end of what it has to say about it;
        // a command that only closed its output is not waited for.
        while Instant::now() < deadline {
            code = code.or_else(|| self.child.as_mut().and_then(exit_code));
            let said_all = self.errors.as_ref().is_none_or(JoinHandle::is_finished);
            if code.is_some() && said_all {
                break;
            }
            std::thread::sleep(Duration::from_millis(2));
        }
        let words = self.words.lock().unwrap_or_else(PoisonError::into_inner);
        let words = String::from_utf8_lossy(&words).trim().to_owned();
        Ended { code, words }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let Some(mut child) = self.child.take() else {
            return;
        };
        child::kill_group(&mut child);
        // Reaping takes a moment, or as long as a command lives that may not be killed.
        std::thread::spawn(move || child.wait());
    }
}

/// The exit status of a child that has exited; −1 for one that a signal ended.
fn exit_code(child: &mut Child) -> Option<i32> {
    let status = child.try_wait().ok().flatten()?;
    Some(status.code().unwrap_or(-1))
}

/// Reads `pipe` to its end, or until nobody reads it.
fn pump(pipe: &mut impl Read, mut take: impl FnMut(&[u8]) -> bool) {
    let mut buffer = [0_u8; 8192];
    loop {
        match pipe.read(&mut buffer) {
            Ok(0) => return,
            Ok(length) => {
                if !take(buffer.get(..length).unwrap_or_default()) {
                    return;
                }
            }
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(_) => return,
        }
    }
}

fn remember(words: &Mutex<Vec<u8>>, bytes: &[u8]) {
    let mut words = words.lock().unwrap_or_else(PoisonError::into_inner);
    let room = KEPT_WORDS.saturating_sub(words.len()).min(bytes.len());
    words.extend_from_slice(bytes.get(..room).unwrap_or_default());
}

/// The newest sample of each device: a burst after a stall must not count as several at once.
fn newest(samples: Vec<GpuSample>) -> Vec<GpuSample> {
    let mut kept: VecDeque<GpuSample> = VecDeque::new();
    for sample in samples.into_iter().rev() {
        if kept.iter().all(|other| other.source != sample.source) {
            kept.push_front(sample);
        }
    }
    kept.into()
}
