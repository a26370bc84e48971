//! NVML against a fake library: whatever it lacks, the rest is read.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use crate::tree::write;
use tokometer::event::{GpuSample, PowerScope};
use tokometer::metrics::gpus::in_use;
use tokometer::probe::gpu::nvml::Nvml;
use tokometer::probe::gpu::{Places, ServerPids, SysRoot};
use tokometer::probe::source::{Fault, FaultKind, Observation, Pace, Source};

/// A fake library of its own, in its own folder.
struct Fake {
    folder: tempfile::TempDir,
}

impl Fake {
    fn new(flags: &[&str]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let source =
            Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/monitor/fake_nvml.rs");
        let compiled = Command::new(std::env::var("RUSTC").unwrap_or_else(|_| "rustc".to_owned()))
            .args([
                "--edition",
                "2024",
                "--crate-type",
                "cdylib",
                "--crate-name",
                "fake_nvml",
            ])
            .args(["--check-cfg", "cfg(old_driver)"])
            .args(flags)
            .arg("-o")
            .arg(folder.path().join("libnvidia-ml.so.1"))
            .arg(source)
            .env("FAKE_NVML_STATE", folder.path().join("state"))
            .output()
            .unwrap();
        let errors = String::from_utf8_lossy(&compiled.stderr);
        assert!(compiled.status.success(), "{errors}");
        Self { folder }
    }

    fn mode(&self, words: &str) {
        fs::write(self.folder.path().join("state"), words).unwrap();
    }

    fn source(&self, server: &[u32]) -> Nvml {
        let places = Places {
            nvml_lib: Some(self.folder.path().join("libnvidia-ml.so.1")),
            root: SysRoot::below(self.folder.path()),
            ..Places::default()
        };
        let pids = ServerPids::default();
        pids.set(server.iter().copied());
        Nvml::new(&places, pids)
    }

    fn read(&self, words: &str) -> Result<Vec<GpuSample>, Fault> {
        self.mode(words);
        gpus(self.source(&[]).read(&pace()))
    }
}

fn pace() -> Pace {
    Pace::new(Duration::from_millis(10))
}

fn gpus(read: Result<Vec<Observation>, Fault>) -> Result<Vec<GpuSample>, Fault> {
    let only = |seen| match seen {
        Observation::Gpu(sample) => Some(sample),
        _ => None,
    };
    read.map(|seen| seen.into_iter().filter_map(only).collect())
}

#[test]
fn all_figures_and_whatever_is_missing() {
    let fake = Fake::new(&[]);
    let full = fake.read("").unwrap().remove(0);
    assert_eq!(full.source, "nvml:GPU-a");
    assert_eq!(full.name.as_deref(), Some("NVIDIA H200"));
    assert_eq!((full.watts, full.limit_watts), (Some(627.4), Some(700.0)));
    assert_eq!((full.mhz, full.usage_percent), (Some(1980.0), Some(100.0)));
    assert_eq!(full.vram_used_bytes, Some(32_362 << 20));
    assert_eq!(full.celsius, Some(52.0));
    assert!(full.energy_counter_j.unwrap() >= 5000.0);
    assert_eq!((full.window_s, full.scope), (None, Some(PowerScope::Gpu)));
    let bandwidth = full.bandwidth_bytes_s.unwrap();
    assert!((bandwidth / 4.917e12 - 1.0).abs() < 0.001, "{bandwidth}");

    let averaged = fake.read("noenergy").unwrap().remove(0);
    assert_eq!(
        (averaged.watts, averaged.energy_counter_j),
        (Some(627.4), None)
    );
    assert_eq!(averaged.window_s, Some(0.01), "the mean of a tick");

    let by_field = fake.read("nopower").unwrap().remove(0);
    assert_eq!(by_field.watts, Some(626.26));
    let none = fake.read("nopower c2c noenergy").unwrap().remove(0);
    assert_eq!(
        (none.watts, none.window_s, none.mhz),
        (None, None, Some(1980.0))
    );

    let sliced = fake.read("mig").unwrap().remove(0);
    assert_eq!((sliced.usage_percent, sliced.watts), (None, Some(627.4)));
    assert!(sliced.note.unwrap().contains("MIG"));

    write(
        fake.folder.path(),
        "proc/meminfo",
        "MemTotal: 1000 kB\nMemFree: 1 kB\nMemAvailable: 400 kB\n",
    );
    let unified = fake.read("unified").unwrap().remove(0);
    assert_eq!(unified.vram_total_bytes, Some(1_024_000));
    assert_eq!(unified.vram_used_bytes, Some(614_400));
}

#[test]
fn what_keeps_it_from_measuring_is_told() {
    let fake = Fake::new(&[]);
    let refused = fake.read("nodriver").unwrap_err();
    assert_eq!(refused.kind, FaultKind::Refused);
    assert!(refused.fix.is_some());
    assert_eq!(fake.read("noperm").unwrap_err().kind, FaultKind::Refused);
    assert_eq!(fake.read("none").unwrap_err().kind, FaultKind::Absent);
    let places = Places {
        nvml_lib: Some("/nonexistent/libnvidia-ml.so.1".into()),
        ..Places::default()
    };
    let mut missing = Nvml::new(&places, ServerPids::default());
    assert_eq!(missing.read(&pace()).unwrap_err().kind, FaultKind::Absent);
}

#[test]
fn a_lost_gpu_comes_back() {
    let fake = Fake::new(&[]);
    fake.mode("");
    let mut source = fake.source(&[]);
    source.read(&pace()).unwrap();
    fake.mode("lost");
    assert_eq!(source.read(&pace()).unwrap_err().kind, FaultKind::Died);
    fake.mode("");
    assert_eq!(gpus(source.read(&pace())).unwrap()[0].celsius, Some(52.0));
}

#[test]
fn the_gpus_of_the_server_are_known_by_its_processes() {
    let fake = Fake::new(&[]);
    fake.mode("two");
    let seen = gpus(fake.source(&[4242, 4243]).read(&pace())).unwrap();
    let reported: Vec<_> = seen
        .iter()
        .map(|gpu| (gpu.serves, gpu.other_processes))
        .collect();
    assert_eq!(reported, [(Some(true), Some(1)), (Some(false), Some(1))]);
    assert_eq!(in_use(&seen).len(), 1);
    // In a container the numbers are others: nothing is known, and all count.
    let seen = gpus(fake.source(&[1]).read(&pace())).unwrap();
    assert!(
        seen.iter()
            .all(|gpu| gpu.serves.is_none() && gpu.other_processes.is_none())
    );
    assert_eq!(in_use(&seen).len(), 2);
}

#[test]
fn an_old_driver_lacks_a_call_and_nothing_else() {
    let fake = Fake::new(&["--cfg", "old_driver"]);
    let sample = fake.read("").unwrap().remove(0);
    assert_eq!((sample.vram_used_bytes, sample.watts), (None, Some(627.4)));
}
