//! The official Python client of Ollama against the simulated server: what it is happy with, real
//! clients are.
//!
//! It needs a Python that can import `ollama` (from `PyPI`): the one that `TOKOMETER_OLLAMA_PYTHON`
//! names, one in `target/ollama-client-venv`, or `python3`. Without one the test says so; in CI, and where
//! `TOKOMETER_REQUIRE_OLLAMA_CLIENT` is set, it fails.

use std::path::PathBuf;
use std::process::Command;
use tokometer::sim::{Profile, SimConfig, Simulator};

use crate::skip::skip;

fn python() -> Option<PathBuf> {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    let named = std::env::var_os("TOKOMETER_OLLAMA_PYTHON").map(PathBuf::from);
    let venv = root.join("target/ollama-client-venv");
    let candidates = [
        venv.join("bin/python3"),
        venv.join("Scripts/python.exe"),
        PathBuf::from("python3"),
    ];
    named.into_iter().chain(candidates).find(|python| {
        let imported = Command::new(python).args(["-c", "import ollama"]).output();
        imported.is_ok_and(|output| output.status.success())
    })
}

#[test]
fn the_official_client_is_served() {
    let Some(python) = python() else {
        let how = "no Python can import `ollama`: \
                   python3 -m venv target/ollama-client-venv && \
                   target/ollama-client-venv/bin/pip install ollama";
        return skip(how, "TOKOMETER_REQUIRE_OLLAMA_CLIENT");
    };
    let config = SimConfig {
        profile: Profile::named("fast").unwrap(),
        time_scale: 50.0,
        ..SimConfig::default()
    };
    let sim = Simulator::start(config, 0).unwrap();
    let script = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/ollama_client.py");
    let output = Command::new(python)
        .arg(script)
        .arg(sim.url())
        .output()
        .unwrap();
    let (out, err) = (
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr),
    );
    assert!(
        output.status.success() && out.trim() == "OK",
        "the client failed:\n{out}\n{err}"
    );
}
