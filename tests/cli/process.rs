//! The program, started as a script would.

use std::path::PathBuf;
use std::process::{ExitStatus, Stdio};
use std::sync::mpsc;
use std::thread::JoinHandle;
use std::time::Duration;

use assert_cmd::assert::OutputAssertExt as _;
use tempfile::TempDir;
use tokometer::store::{self, Recovered};

/// Where nobody listens.
pub(crate) const NOBODY: &str = "127.0.0.1:1";

/// How long something may take.
pub(crate) fn patience() -> Duration {
    let asked = std::env::var("TOKOMETER_TEST_PATIENCE_S").ok();
    let seconds = asked.map_or(60, |seconds| seconds.parse().unwrap());
    Duration::from_secs(seconds)
}

/// A place for runs, and the program that writes there.
pub(crate) struct Place {
    pub(crate) directory: TempDir,
}

/// What a program wrote and how it ended.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) code: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Place {
    pub(crate) fn new() -> Self {
        Self {
            directory: tempfile::tempdir().unwrap(),
        }
    }

    fn command(&self, arguments: &[&str]) -> std::process::Command {
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_tokometer"));
        command
            .args(arguments)
            .current_dir(self.directory.path())
            .env("TOKOMETER_RUNS_DIR", self.directory.path().join("runs"))
            // No test looks at a server that happens to run here.
            .env("OLLAMA_HOST", NOBODY)
            .env("COLUMNS", "100");
        command
    }

    /// Runs it to its end, without a terminal.
    pub(crate) fn run(&self, arguments: &[&str]) -> Ended {
        self.run_in(arguments, &[])
    }

    /// Runs it to its end, in an environment.
    pub(crate) fn run_in(&self, arguments: &[&str], environment: &[(&str, &str)]) -> Ended {
        let mut command = self.command(arguments);
        command.envs(environment.iter().copied());
        let mut command = assert_cmd::Command::from_std(command);
        let output = command.timeout(patience()).output().unwrap();
        let assert = output.assert();
        let output = assert.get_output();
        Ended {
            code: output.status.code().unwrap(),
            out: String::from_utf8(output.stdout.clone()).unwrap(),
            err: String::from_utf8(output.stderr.clone()).unwrap(),
        }
    }

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

    /// The only run in the place.
    pub(crate) fn recorded(&self) -> Recovered {
        store::read(&self.run_path()).unwrap()
    }

    pub(crate) fn run_path(&self) -> PathBuf {
        let entries = std::fs::read_dir(self.directory.path().join("runs")).unwrap();
        let runs: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
        assert_eq!(runs.len(), 1, "{runs:?}");
        runs.into_iter().next().unwrap()
    }

    /// A file of the only run.
    pub(crate) fn file(&self, name: &str) -> String {
        std::fs::read_to_string(self.run_path().join(name)).unwrap()
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
        let mut said = Vec::new();
        loop {
            let line = self.lines.recv_timeout(patience());
            let line = line.unwrap_or_else(|_| panic_with(text, &said));
            if line.contains(text) {
                return line;
            }
            said.push(line);
        }
    }

    /// Sends a signal, by its name.
    #[cfg(unix)]
    pub(crate) fn signal(&self, name: &str) {
        let pid = self.child.id().to_string();
        let mut kill = std::process::Command::new("kill");
        kill.args(["-s", name, &pid]).assert().success();
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
fn panic_with(awaited: &str, said: &[String]) -> ! {
    panic!("waited for {awaited} and heard:\n{}", said.join("\n"))
}

impl Drop for Process {
    fn drop(&mut self) {
        // Does nothing to one that was waited for.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}
