//! `tokometer preview` on a real terminal of its own: what it shows, what keys and signals do, and that
//! the terminal is given back.

use std::io::{Read as _, Write as _};
use std::process::{Child, Command};
use std::sync::mpsc::{Receiver, channel};
use std::time::Instant;

use super::pty::{self, Pty};
use super::seen::cells;
use crate::process::patience;

/// The preview, in a terminal of its own.
struct Preview {
    pty: Pty,
    bytes: Receiver<Vec<u8>>,
    screen: vt100::Parser,
    child: Child,
}

impl Preview {
    fn start(args: &[&str], term: &str) -> Self {
        let pty = Pty::open(80, 24);
        let mut command = Command::new(env!("CARGO_BIN_EXE_tokometer"));
        command.args(args).env("TERM", term).env_remove("NO_COLOR");
        let child = pty.start(command);
        let (sender, bytes) = channel();
        let mut reader = pty.user.try_clone().unwrap();
        std::thread::spawn(move || {
            let mut buffer = [0; 4096];
            while let Ok(count @ 1..) = reader.read(&mut buffer) {
                if sender.send(buffer.get(..count).unwrap().to_vec()).is_err() {
                    break;
                }
            }
        });
        Self {
            pty,
            bytes,
            screen: vt100::Parser::new(cells(24), cells(80), 0),
            child,
        }
    }

    /// Waits until the screen is as it should be.
    fn until(&mut self, what: &str, is: impl Fn(&vt100::Screen) -> bool) {
        let start = Instant::now();
        while !is(self.screen.screen()) {
            let left = patience().saturating_sub(start.elapsed());
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
        self.pty.user.write_all(keys.as_bytes()).unwrap();
    }

    fn signal(&self, name: &str) {
        let pid = self.child.id().to_string();
        let sent = std::process::Command::new("kill")
            .args([&format!("-{name}"), &pid])
            .status();
        assert!(sent.unwrap().success());
    }

    /// Waits for the end; gives the exit code. The terminal is the shell's again.
    fn end(mut self, how: &str) -> i32 {
        let code = self.child.wait().unwrap().code().unwrap();
        let settings = pty::settings(&self.pty.user);
        drop(self.pty.program);
        while let Ok(bytes) = self.bytes.recv_timeout(patience()) {
            self.screen.process(&bytes);
        }
        let screen = self.screen.screen();
        assert!(
            !screen.alternate_screen(),
            "{how}: still on the alternate screen"
        );
        assert!(!screen.hide_cursor(), "{how}: the cursor is hidden");
        assert!(settings.contains("ICANON"), "{how}: still raw");
        code
    }
}

#[test]
fn four_lanes_run_until_q() {
    let mut preview = Preview::start(&["preview"], "xterm-256color");
    for text in [
        "9 tok/s",
        "20 tok/s",
        "55 tok/s",
        "100 tok/s",
        "The question",
    ] {
        preview.until_shown(text);
    }
    preview.keys(" ");
    preview.until_shown("PAUSED");
    preview.keys("?");
    preview.until_shown("Keys");
    preview.keys("?\u{1b}[C+");
    preview.until_shown("25 tok/s");
    preview.keys("q");
    assert_eq!(preview.end("the end"), 0);
}

#[test]
fn control_c_is_the_signal_it_stands_for() {
    let mut preview = Preview::start(&["preview", "--speed", "30"], "xterm-256color");
    preview.until_shown("30 tok/s");
    preview.keys("\u{3}");
    assert_eq!(preview.end("Ctrl-C"), 130);
}

#[test]
fn signals_give_the_terminal_back() {
    for (name, code) in [("TERM", 143), ("INT", 130), ("QUIT", 131), ("HUP", 129)] {
        let mut preview = Preview::start(&["preview", "--speed", "30"], "xterm-256color");
        preview.until_shown("30 tok/s");
        preview.signal(name);
        assert_eq!(preview.end(name), code, "SIG{name}");
    }
}

#[test]
fn it_follows_the_size_of_the_terminal_and_ends_in_time() {
    let mut preview = Preview::start(&["preview", "--for", "2s"], "xterm-256color");
    preview.until_shown("100 tok/s");
    preview.screen.screen_mut().set_size(cells(40), cells(120));
    pty::resize(&preview.pty.user, 120, 40);
    // The words for a wide screen.
    preview.until_shown("meets the limit");
    assert_eq!(preview.end("the end"), 0);
}

#[test]
fn what_is_shown_is_recorded_as_well() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("demo.cast");
    let record = path.to_str().unwrap();
    let mut preview = Preview::start(&["preview", "--record", record], "xterm-256color");
    preview.until_shown("The question");
    preview.keys("q");
    assert_eq!(preview.end("the end"), 0);
    let cast = std::fs::read_to_string(path).unwrap();
    assert!(cast.lines().count() > 2, "{cast}");
    assert!(cast.contains("The"), "{cast}");
}

#[test]
fn a_dumb_terminal_gets_plain_text() {
    let mut preview = Preview::start(&["preview", "--speed", "500", "--for", "1s"], "dumb");
    preview.until_shown("question");
    assert!(!preview.screen.screen().alternate_screen());
    assert_eq!(preview.end("the end"), 0);
}
