//! The program while it goes on.

use std::process::{ExitStatus, Stdio};
use std::sync::mpsc;
use std::thread::JoinHandle;

use assert_cmd::assert::OutputAssertExt as _;

use crate::process::{Ended, Place, patience};

impl Place {
    /// Starts it, to be listened to while it goes on.
    pub(crate) fn start(&self, arguments: &[&str]) -> Process {
        let mut command = self.command(arguments);
        let command = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let (line, lines) = mpsc::channel();
        let out = listen(child.stdout.take().unwrap(), line.clone());
        let err = listen(child.stderr.take().unwrap(), line);
        Process {
            child,
            lines,
            readers: Some((out, err)),
        }
    }
}

/// Tells every line as it comes, and gives all of them at the end.
fn listen(
    from: impl std::io::Read + Send + 'static,
    tell: mpsc::Sender<String>,
) -> JoinHandle<String> {
    use std::io::BufRead as _;
    std::thread::spawn(move || {
        let mut all = String::new();
        for line in std::io::BufReader::new(from).lines() {
            let line = line.unwrap();
            all.push_str(&line);
            all.push('\n');
            drop(tell.send(line));
        }
        all
    })
}

/// The program while it goes on.
pub(crate) struct Process {
    child: std::process::Child,
    lines: mpsc::Receiver<String>,
    readers: Option<(JoinHandle<String>, JoinHandle<String>)>,
}

impl Process {
    /// Waits for a line that holds `text`, on either output.
    pub(crate) fn says(&self, text: &str) -> String {
        let mut message = Vec::new();
        loop {
            let line = self.lines.recv_timeout(patience());
            let line = line.unwrap_or_else(|_| panic_with(text, &message));
            if line.contains(text) {
                return line;
            }
            message.push(line);
        }
    }

    /// Sends a signal, by its name.
    pub(crate) fn signal(&self, name: &str) {
        let pid = self.child.id().to_string();
        let mut kill = std::process::Command::new("kill");
        kill.args(["-s", name, &pid]).assert().success();
    }

    /// Kills it: it can do nothing any more.
    pub(crate) fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Waits for its end.
    pub(crate) fn end(mut self) -> Ended {
        let status = self.status();
        let (out, err) = self.readers.take().unwrap();
        Ended {
            code: status.code().unwrap(),
            out: out.join().unwrap(),
            err: err.join().unwrap(),
        }
    }

    /// The outputs close when it ends: until then their readers tell of lines.
    fn status(&mut self) -> ExitStatus {
        loop {
            match self.lines.recv_timeout(patience()) {
                Ok(_) => {}
                Err(mpsc::RecvTimeoutError::Disconnected) => return self.child.wait().unwrap(),
                Err(mpsc::RecvTimeoutError::Timeout) => {
                    panic_with("its end", &[]);
                }
            }
        }
    }
}

#[expect(clippy::panic, reason = "what does not come fails its test")]
fn panic_with(awaited: &str, message: &[String]) -> ! {
    panic!("waited for {awaited} and heard:\n{}", message.join("\n"))
}

impl Drop for Process {
    fn drop(&mut self) {
        // Does nothing to one that was waited for.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}
