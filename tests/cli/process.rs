//! The program, started as a script would.

use std::path::PathBuf;
use std::time::Duration;

use assert_cmd::assert::OutputAssertExt as _;
use tempfile::TempDir;
use tokometer::store;
use tokometer::store::Recovered;

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

    pub(crate) fn command(&self, arguments: &[&str]) -> std::process::Command {
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_tokometer"));
        command
            .args(arguments)
            .current_dir(self.directory.path())
            .env("TOKOMETER_RUNS_DIR", self.directory.path().join("runs"))
            // No test looks at a server that happens to run here.
            .env("OLLAMA_HOST", NOBODY)
            .env("TOKOMETER_CONFIG", "")
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
