//! The doctor: what can be measured, what not, and what fixes it.

use std::path::Path;
use std::time::Duration;

use crate::script::script;
use crate::tree::write;
use tokometer::probe::doctor::{Probes, Report, ServerReport, run_checks};
use tokometer::probe::gpu::{Places, SysRoot, each_source};

fn places(root: &Path) -> Places {
    let missing = || "/nonexistent/command".to_owned();
    Places {
        root: SysRoot::below(root),
        nvml_lib: Some("/nonexistent/libnvidia-ml.so.1".into()),
        nvidia_smi: missing(),
        macmon: missing(),
        powermetrics: missing(),
        sudo: missing(),
        tegrastats: missing(),
        tick: Duration::from_millis(20),
    }
}

fn report(places: &Places, descriptors: (u64, u64), server: bool) -> Report {
    asked_for(None, places, descriptors, server)
}

fn asked_for(
    asked: Option<&str>,
    places: &Places,
    descriptors: (u64, u64),
    server: bool,
) -> Report {
    let at = |url: &str, usually: &str, found: bool| ServerReport {
        url: url.to_owned(),
        usually: usually.to_owned(),
        found: found.then(|| "ollama 0.33.0".to_owned()),
        error: (!found).then(|| "refused".to_owned()),
    };
    let servers = || {
        vec![
            at("http://127.0.0.1:11434", "Ollama", server),
            at("http://127.0.0.1:8000", "vLLM", false),
        ]
    };
    run_checks(Probes {
        sources: each_source(places),
        tick: places.tick,
        patience: Duration::from_secs(20),
        servers: &servers,
        asked: asked.map(str::to_owned),
        descriptors: Some(descriptors),
        users: 256,
        terminal: vec![("colors".to_owned(), "256".to_owned())],
    })
}

#[test]
fn a_healthy_machine() {
    let root = tempfile::tempdir().unwrap();
    let card = "sys/class/drm/card0/device";
    write(root.path(), &format!("{card}/vendor"), "0x1002");
    write(
        root.path(),
        &format!("{card}/product_name"),
        "Radeon RX 7900 XTX",
    );
    write(root.path(), &format!("{card}/hwmon/hwmon0/name"), "amdgpu");
    write(
        root.path(),
        &format!("{card}/hwmon/hwmon0/power1_average"),
        "285000000",
    );
    write(
        root.path(),
        &format!("{card}/hwmon/hwmon0/temp1_input"),
        "61000",
    );
    let mut places = places(root.path());
    let words = "powermetrics must be invoked as the superuser";
    places.powermetrics = script(
        root.path(),
        "powermetrics",
        &format!("echo '{words}' >&2; exit 1"),
    );
    places.sudo = script(
        root.path(),
        "sudo",
        "echo 'sudo: a password is required' >&2; exit 1",
    );
    let report = report(&places, (1024, 4096), true);
    assert!(report.ok);
    insta::assert_snapshot!(report.text(), @r"
    tokometer 0.1.0

    Power, clock, usage
      ok  amd           Radeon RX 7900 XTX (GPU)
          measures power 285.0 W, temperature 61 °C
          without clock, usage, memory, energy counter
      –   nvml          NVIDIA's library libnvidia-ml cannot be loaded
      –   nvidia-smi    /nonexistent/command is not installed
      –   macmon        /nonexistent/command is not installed
      no  powermetrics  powermetrics needs root
          fix: brew install macmon (needs no root), or sudo -v before the start
      –   intel         no Intel GPU in /sys/class/drm
      –   jetson        not a Jetson board
      –   tegrastats    /nonexistent/command is not installed
      –   rapl          no RAPL counter in /sys/class/powercap

    Servers
      ok  http://127.0.0.1:11434     ollama 0.33.0
      –   http://127.0.0.1:8000      vLLM (refused)

    Descriptors
      ok  1024 now, 4096 at most, 320 needed

    Terminal
          colors         256
    ");
    let json = serde_json::to_value(&report).unwrap();
    assert_eq!(json["schema"], "tokometer/doctor/1");
    assert_eq!(json["sources"][0]["source"], "amd");
    assert_eq!(json["sources"][0]["state"], "live");
    let powermetrics = json["sources"].as_array().unwrap().iter();
    let powermetrics = powermetrics
        .clone()
        .find(|source| source["source"] == "powermetrics");
    assert_eq!(powermetrics.unwrap()["state"], "unusable");
    assert_eq!(json["servers"][0]["found"], "ollama 0.33.0");
    assert_eq!(json["servers"][1]["found"], serde_json::Value::Null);
    assert_eq!(json["descriptors"]["hard"], 4096);
}

#[test]
fn what_stands_in_the_way_of_a_run_is_not_ok() {
    let root = tempfile::tempdir().unwrap();
    let places = places(root.path());
    assert!(!report(&places, (1024, 4096), false).ok, "no server");
    let asked = |url| asked_for(Some(url), &places, (1024, 4096), true).ok;
    assert!(asked("http://127.0.0.1:11434"));
    assert!(!asked("http://127.0.0.1:8000"), "another server is no help");
    let few = report(&places, (256, 256), true);
    assert!(!few.ok, "too few descriptors for 256 users");
    assert!(few.text().contains("no  256 now, 256 at most, 320 needed"));
}
