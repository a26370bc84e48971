//! The program in its terminal.

use std::io::Write as _;
use std::os::unix::process::ExitStatusExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus};
use std::sync::{Arc, mpsc};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use tempfile::TempDir;
use tokometer::event::{EventKind, RunEnd};
use tokometer::store;
use tokometer::store::Recovered;

use super::pty::{self, Pty};
use super::seen::Eyes;
use crate::process::patience;

/// A quick simulated server and a run of 1, 2 and 4 users.
const QUICK: &[&str] = &[
    "--sim",
    "--time-scale=500",
    "--users=1,2,4",
    "--max-tokens=40",
    "--warmup=0",
    "--rest=0s",
];
/// Every second request stops in the middle of its answer: the first cycle ends well, the second
/// goes on until somebody ends it.
const STALLS: &str = "--fault=stall:every=2,after=5";
/// What the screen shows once such a run has come as far as it can.
pub(crate) const STUCK: &str = "users 2 · 1/2 finished";

/// The program, in a terminal of its own.
pub(crate) struct Tui {
    /// None once the terminal is closed.
    terminal: Option<Terminal>,
    eyes: Arc<Eyes>,
    watcher: Option<JoinHandle<()>>,
    pid: u32,
    exits: mpsc::Receiver<ExitStatus>,
    exited: bool,
    pub(crate) runs: TempDir,
    started: Instant,
}

struct Terminal {
    /// The program's side is held open, so that the settings can be read when the program is gone.
    pty: Pty,
    /// Its settings before the start.
    settings: String,
}

impl Tui {
    /// The dashboard before a quick run.
    pub(crate) fn quick() -> Self {
        Self::start(QUICK, &[])
    }

    /// The dashboard before a run that stands still in its second cycle.
    pub(crate) fn stalling(environment: &[(&str, &str)]) -> Self {
        Self::start(&[QUICK, &[STALLS]].concat(), environment)
    }

    /// A run that stands still in its second cycle.
    pub(crate) fn stuck() -> Self {
        let mut tui = Self::stalling(&[]);
        tui.see("Enter start");
        tui.keys("\r");
        tui.see(STUCK);
        tui
    }

    /// Starts the program at 80x24.
    pub(crate) fn start(arguments: &[&str], environment: &[(&str, &str)]) -> Self {
        Self::start_in(tempfile::tempdir().unwrap(), arguments, environment)
    }

    /// The dashboard before a quick run, beside the runs that are there.
    pub(crate) fn quick_in(runs: TempDir) -> Self {
        Self::start_in(runs, QUICK, &[])
    }

    /// Starts the program at 80x24 on a folder of runs.
    pub(crate) fn start_in(
        runs: TempDir,
        arguments: &[&str],
        environment: &[(&str, &str)],
    ) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_tokometer"));
        command.args(arguments);
        command.arg("--runs-dir");
        command.arg(runs.path());
        command.current_dir(runs.path());
        for inherited in ["NO_COLOR", "OLLAMA_HOST", "COLORTERM", "RUST_BACKTRACE"] {
            command.env_remove(inherited);
        }
        command.env("TERM", "xterm-256color");
        command.env("TOKOMETER_CONFIG", "");
        for (name, value) in environment {
            command.env(name, value);
        }
        let pty = Pty::open(80, 24);
        let settings = pty::settings(&pty.user);
        let eyes = Eyes::open(24, 80);
        let from = pty.user.try_clone().unwrap();
        let started = Instant::now();
        let mut child = pty.start(command);
        let watcher = std::thread::spawn({
            let eyes = Arc::clone(&eyes);
            move || eyes.watch(from)
        });
        let (tell, exits) = mpsc::channel();
        let pid = child.id();
        std::thread::spawn(move || tell.send(child.wait().unwrap()));
        Self {
            terminal: Some(Terminal { pty, settings }),
            eyes,
            watcher: Some(watcher),
            pid,
            exits,
            exited: false,
            runs,
            started,
        }
    }

    /// Presses keys.
    pub(crate) fn keys(&mut self, keys: &str) {
        let terminal = self.terminal.as_mut().unwrap();
        terminal.pty.user.write_all(keys.as_bytes()).unwrap();
    }

    /// Waits until the screen shows `text`.
    pub(crate) fn see(&self, text: &str) {
        self.wait(&format!("`{text}`"), |screen| {
            screen.contents().contains(text)
        });
    }

    /// Waits until the screen shows `text` no more.
    pub(crate) fn see_no(&self, text: &str) {
        self.wait(&format!("the end of `{text}`"), |screen| {
            !screen.contents().contains(text)
        });
    }

    /// Presses keys and waits for what they must show.
    pub(crate) fn press(&mut self, keys: &str, text: &str) {
        self.keys(keys);
        self.see(text);
    }

    /// Waits until the screen is as `holds` wants it.
    pub(crate) fn wait(&self, what: &str, holds: impl Fn(&vt100::Screen) -> bool) {
        self.eyes.wait(what, holds);
    }

    /// Looks at the screen as it is.
    pub(crate) fn look<T>(&self, at: impl FnOnce(&vt100::Screen) -> T) -> T {
        at(self.eyes.seen().emulator.screen())
    }

    /// From the start to the first frame.
    pub(crate) fn first_frame(&self) -> Duration {
        let first = self.eyes.seen().first_frame;
        first.unwrap().duration_since(self.started)
    }

    /// Makes the terminal another size.
    pub(crate) fn resize(&self, columns: u16, rows: u16) {
        let mut seen = self.eyes.seen();
        let (height, width) = (super::seen::cells(rows), super::seen::cells(columns));
        seen.emulator.set_size(height, width);
        drop(seen);
        let terminal = self.terminal.as_ref().unwrap();
        pty::resize(&terminal.pty.user, columns, rows);
    }

    /// Sends the program a signal, by its name.
    pub(crate) fn signal(&self, name: &str) {
        let pid = self.pid.to_string();
        let sent = Command::new("kill").args(["-s", name, &pid]).status();
        assert!(sent.unwrap().success(), "SIG{name} could not be sent");
    }

    /// Closes the terminal, as its window would.
    pub(crate) fn close(&mut self) {
        self.eyes.close();
        // The watcher holds the terminal open until it has read once more: the help makes it.
        self.keys("?");
        self.terminal = None;
        self.watcher.take().unwrap().join().unwrap();
    }

    fn exit(&mut self) -> u32 {
        let Ok(status) = self.exits.recv_timeout(patience()) else {
            let screen = self.look(vt100::Screen::contents);
            panic!("the program does not end; the screen:\n{screen}");
        };
        self.exited = true;
        assert_eq!(status.signal(), None, "a signal killed it");
        u32::try_from(status.code().unwrap()).unwrap()
    }

    /// Waits for the exit with `code` after the terminal was closed.
    pub(crate) fn gone(mut self, code: u32) -> After {
        assert_eq!(self.exit(), code);
        self.after()
    }

    /// Waits for the exit with `code`, and sees that the terminal is as it was.
    pub(crate) fn end(mut self, code: u32) -> After {
        let exit = self.exit();
        let terminal = self.terminal.take().unwrap();
        let settings = pty::settings(&terminal.pty.user);
        drop(terminal.pty.program);
        self.watcher.take().unwrap().join().unwrap();
        let after = self.after();
        assert_eq!(exit, code, "{}", after.text);
        assert_eq!(settings, terminal.settings, "the settings of the terminal");
        let seen = self.eyes.seen();
        let screen = seen.emulator.screen();
        assert!(!screen.alternate_screen(), "the other screen was left on");
        assert!(!screen.hide_cursor(), "the cursor was left hidden");
        assert_eq!(
            screen.mouse_protocol_mode(),
            vt100::MouseProtocolMode::None,
            "the mouse was left captured"
        );
        assert!(!screen.bracketed_paste() && !screen.application_keypad());
        drop(seen);
        after
    }

    fn after(&self) -> After {
        let seen = self.eyes.seen();
        let entries = std::fs::read_dir(self.runs.path()).unwrap();
        let entries = entries.map(|entry| entry.unwrap().path());
        // The list of runs is kept in a file beside them.
        let mut runs: Vec<PathBuf> = entries.filter(|path| path.is_dir()).collect();
        runs.sort();
        After {
            text: seen.emulator.screen().contents(),
            bytes: seen.bytes.clone(),
            runs: runs.iter().map(|path| Run::read(path)).collect(),
        }
    }
}

impl Drop for Tui {
    fn drop(&mut self) {
        if !self.exited {
            // A test failed: its program must not outlive it.
            let pid = self.pid.to_string();
            drop(Command::new("kill").args(["-s", "KILL", &pid]).status());
        }
    }
}

/// What the program left behind.
pub(crate) struct After {
    /// What the shell's screen shows.
    pub(crate) text: String,
    /// All that was written to the terminal.
    pub(crate) bytes: Vec<u8>,
    /// The runs on disk, oldest first.
    pub(crate) runs: Vec<Run>,
}

impl After {
    /// The only run.
    pub(crate) fn run(&self) -> &Run {
        assert_eq!(self.runs.len(), 1, "runs on disk");
        self.runs.first().unwrap()
    }
}

/// A run directory.
pub(crate) struct Run {
    pub(crate) read: Recovered,
    pub(crate) summary: serde_json::Value,
    /// Its report, if one was written.
    pub(crate) page: Option<String>,
}

impl Run {
    fn read(path: &Path) -> Self {
        let read = store::read(path).unwrap();
        let summary = std::fs::read(path.join("summary.json")).unwrap();
        Self {
            read,
            summary: serde_json::from_slice(&summary).unwrap(),
            page: std::fs::read_to_string(path.join("report.html")).ok(),
        }
    }

    /// How it ended. Nothing may be missing in it.
    pub(crate) fn end(&self) -> RunEnd {
        assert_eq!(self.read.missing, Vec::<String>::new());
        let ends = self
            .read
            .events
            .iter()
            .filter_map(|event| match &event.what {
                EventKind::RunEnded { why } => Some(why.clone()),
                _ => None,
            });
        let ends: Vec<RunEnd> = ends.collect();
        assert_eq!(ends.len(), 1, "{ends:?}");
        ends.into_iter().next().unwrap()
    }

    /// Users, requests that ended and requests that were broken off, of each level of the summary.
    pub(crate) fn levels(&self) -> Vec<(u64, u64, u64)> {
        assert_eq!(self.summary["simulated"], true);
        let cycles = self.summary["cycles"].as_array().unwrap();
        let number = |cycle: &serde_json::Value, name: &str| cycle[name].as_u64().unwrap();
        let level = |cycle| {
            let requests = number(cycle, "requests") - number(cycle, "failed");
            (number(cycle, "users"), requests, number(cycle, "cancelled"))
        };
        cycles.iter().map(level).collect()
    }
}
