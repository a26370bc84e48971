//! `tokometer preview` on a real terminal of its own: what it shows, what keys and signals do, and that
//! the terminal is given back.

#![cfg(unix)]
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test says what is wrong by failing"
)]

use std::io::{Read, Write};
use std::num::NonZeroU16;
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use portable_pty::{Child, CommandBuilder, MasterPty, PtySize, native_pty_system};

/// How long a screen may take to come, on a machine with much else to do.
const PATIENCE: Duration = Duration::from_secs(30);

fn cells(count: u16) -> NonZeroU16 {
    NonZeroU16::new(count).unwrap()
}

struct Pty {
    master: Box<dyn MasterPty + Send>,
    keys: Box<dyn Write + Send>,
    bytes: Receiver<Vec<u8>>,
    screen: vt100::Parser,
    child: Box<dyn Child + Send + Sync>,
}

impl Pty {
    fn start(args: &[&str], term: &str) -> Self {
        let size = PtySize {
            rows: 24,
            cols: 80,
            ..PtySize::default()
        };
        let pair = native_pty_system().openpty(size).unwrap();
        let mut command = CommandBuilder::new(assert_cmd::cargo::cargo_bin!("tokometer"));
        command.args(args);
        command.env("TERM", term);
        command.env_remove("NO_COLOR");
        let child = pair.slave.spawn_command(command).unwrap();
        drop(pair.slave);
        let (sender, bytes) = channel();
        let mut reader = pair.master.try_clone_reader().unwrap();
        std::thread::spawn(move || {
            let mut buffer = [0; 4096];
            while let Ok(count @ 1..) = reader.read(&mut buffer) {
                if sender.send(buffer.get(..count).unwrap().to_vec()).is_err() {
                    break;
                }
            }
        });
        Self {
            keys: pair.master.take_writer().unwrap(),
            master: pair.master,
            bytes,
            screen: vt100::Parser::new(cells(24), cells(80), 0),
            child,
        }
    }

    /// Waits until the screen is as it should be.
    fn until(&mut self, what: &str, is: impl Fn(&vt100::Screen) -> bool) {
        let start = Instant::now();
        while !is(self.screen.screen()) {
            let left = PATIENCE.saturating_sub(start.elapsed());
            match self.bytes.recv_timeout(left) {
                Ok(bytes) => self.screen.process(&bytes),
                Err(error) => panic!(
                    "never {what} ({error}):\n{}",
                    self.screen.screen().contents()
                ),
            }
        }
    }

    fn until_shown(&mut self, text: &str) {
        self.until(text, |screen| screen.contents().contains(text));
    }

    fn keys(&mut self, keys: &str) {
        self.keys.write_all(keys.as_bytes()).unwrap();
        self.keys.flush().unwrap();
    }

    fn signal(&self, name: &str) {
        let pid = self.child.process_id().unwrap().to_string();
        let sent = std::process::Command::new("kill")
            .args([&format!("-{name}"), &pid])
            .status();
        assert!(sent.unwrap().success());
    }

    /// Waits for the end; gives the exit code. The terminal is the shell's again.
    fn end(mut self, how: &str) -> u32 {
        let code = self.child.wait().unwrap().exit_code();
        drop(self.keys);
        let cooked = self
            .master
            .get_termios()
            .map(|termios| format!("{termios:?}"));
        drop(self.master);
        while let Ok(bytes) = self.bytes.recv_timeout(PATIENCE) {
            self.screen.process(&bytes);
        }
        let screen = self.screen.screen();
        assert!(
            !screen.alternate_screen(),
            "{how}: still on the alternate screen"
        );
        assert!(!screen.hide_cursor(), "{how}: the cursor is hidden");
        assert!(cooked.unwrap().contains("ICANON"), "{how}: still raw");
        code
    }
}

#[test]
fn four_lanes_run_until_q() {
    let mut pty = Pty::start(&["preview"], "xterm-256color");
    for text in [
        "9 tok/s",
        "20 tok/s",
        "55 tok/s",
        "100 tok/s",
        "The question",
    ] {
        pty.until_shown(text);
    }
    pty.keys(" ");
    pty.until_shown("PAUSED");
    pty.keys("?");
    pty.until_shown("Keys");
    pty.keys("?\u{1b}[C+");
    pty.until_shown("25 tok/s");
    pty.keys("q");
    assert_eq!(pty.end("the end"), 0);
}

#[test]
fn control_c_is_the_signal_it_stands_for() {
    let mut pty = Pty::start(&["preview", "--speed", "30"], "xterm-256color");
    pty.until_shown("30 tok/s");
    pty.keys("\u{3}");
    assert_eq!(pty.end("Ctrl-C"), 130);
}

#[test]
fn signals_give_the_terminal_back() {
    for (name, code) in [("TERM", 143), ("INT", 130), ("QUIT", 131), ("HUP", 129)] {
        let mut pty = Pty::start(&["preview", "--speed", "30"], "xterm-256color");
        pty.until_shown("30 tok/s");
        pty.signal(name);
        assert_eq!(pty.end(name), code, "SIG{name}");
    }
}

#[test]
fn it_follows_the_size_of_the_terminal_and_ends_in_time() {
    let mut pty = Pty::start(&["preview", "--for", "2s"], "xterm-256color");
    pty.until_shown("100 tok/s");
    let size = PtySize {
        rows: 40,
        cols: 120,
        ..PtySize::default()
    };
    pty.screen.screen_mut().set_size(cells(40), cells(120));
    pty.master.resize(size).unwrap();
    // The words for a wide screen.
    pty.until_shown("meets the limit");
    assert_eq!(pty.end("the end"), 0);
}

#[test]
fn what_is_shown_is_recorded_as_well() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("demo.cast");
    let record = path.to_str().unwrap();
    let mut pty = Pty::start(&["preview", "--record", record], "xterm-256color");
    pty.until_shown("The question");
    pty.keys("q");
    assert_eq!(pty.end("the end"), 0);
    let cast = std::fs::read_to_string(path).unwrap();
    assert!(cast.lines().count() > 2, "{cast}");
    assert!(cast.contains("The"), "{cast}");
}

#[test]
fn a_dumb_terminal_gets_plain_text() {
    let mut pty = Pty::start(&["preview", "--speed", "500", "--for", "1s"], "dumb");
    pty.until_shown("question");
    assert!(!pty.screen.screen().alternate_screen());
    assert_eq!(pty.end("the end"), 0);
}
