//! Commands that answer, refuse, hang, die or rave: each tells on itself and delays nobody.

use std::fs;
use std::path::Path;
use std::time::Duration;

use crate::script::script;
use crate::until::until;
use tokometer::event::{GpuSample, RunClock};
use tokometer::probe::gpu::first_of::FirstOf;
use tokometer::probe::gpu::{Places, macmon, nvidia_smi, powermetrics, tegrastats};
use tokometer::probe::sampler::{Sampler, SourceState, SourceStatus};
use tokometer::probe::source::{FaultKind, Observation, Source};

/// A quarter of the real second, so that hanging shows after less than one.
const TICK: Duration = Duration::from_millis(250);

const REPORT: &str = r"printf '%s\n' '*** Sampled system activity (x) (100.00ms elapsed) ***' '**** GPU usage ****' \
'GPU HW active frequency: 1002 MHz' 'GPU HW active residency: 100.00% (338 MHz: 0%)' 'GPU Power: 19304 mW'";

/// Places at which every command is missing.
fn nowhere() -> Places {
    let missing = || "/nonexistent/command".to_owned();
    Places {
        nvidia_smi: missing(),
        macmon: missing(),
        powermetrics: missing(),
        sudo: missing(),
        tegrastats: missing(),
        tick: TICK,
        ..Places::default()
    }
}

fn watch(sources: Vec<Box<dyn Source>>) -> Sampler {
    Sampler::start(RunClock::start(), TICK, sources)
}

fn samples(watch: &Sampler) -> Vec<GpuSample> {
    let gpus = watch.take().into_iter().filter_map(|(_, seen)| match seen {
        Observation::Gpu(sample) => Some(sample),
        _ => None,
    });
    gpus.collect()
}

/// The status of the only source, once it has a fault.
fn fault(watch: &Sampler) -> SourceStatus {
    let mut reported = None;
    until("the source says what is wrong", || {
        reported = watch
            .status()
            .into_iter()
            .next()
            .filter(|status| status.fault.is_some());
        reported.is_some()
    });
    reported.unwrap()
}

/// Whether a process is there and no mere zombie.
fn lives(pid: u32) -> bool {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat"));
    stat.is_ok_and(|text| {
        let state = text.rsplit(')').next().unwrap_or("");
        !state.trim_start().starts_with('Z')
    })
}

fn pid_in(file: &Path) -> u32 {
    until("the command has started", || {
        fs::read_to_string(file).is_ok_and(|text| text.ends_with('\n'))
    });
    fs::read_to_string(file).unwrap().trim().parse().unwrap()
}

#[test]
fn a_command_that_answers_is_read_and_gone_after_the_stop() {
    let folder = tempfile::tempdir().unwrap();
    let pid = folder.path().join("pid");
    let body = format!(
        r#"echo $$ > {}; while :; do echo '{{"gpu_power":20.25,"gpu_freq_mhz":1397,"gpu_active_ratio":1.0}}'; sleep 0.02; done"#,
        pid.display()
    );
    let places = Places {
        macmon: script(folder.path(), "macmon", &body),
        ..nowhere()
    };
    let mut watch = watch(vec![Box::new(macmon::source(&places))]);
    let mut seen = Vec::new();
    until("five samples", || {
        seen.extend(samples(&watch));
        seen.len() >= 5
    });
    assert_eq!(seen[0].watts, Some(20.25));
    assert_eq!(watch.status()[0].state, SourceState::Live);
    assert_eq!(watch.status()[0].note().why, None);
    let pid = pid_in(&pid);
    assert!(lives(pid));
    watch.stop();
    until("the command is gone", || !lives(pid));
}

#[test]
fn one_that_hangs_is_told_and_killed_with_its_children_and_delays_nobody() {
    let folder = tempfile::tempdir().unwrap();
    let (pid, child) = (folder.path().join("pid"), folder.path().join("child"));
    let hang = format!(
        "echo $$ > {}; sleep 1000 & echo $! > {}; wait",
        pid.display(),
        child.display()
    );
    let places = Places {
        macmon: script(folder.path(), "macmon", &hang),
        tegrastats: script(
            folder.path(),
            "tegrastats",
            "while :; do echo 'GR3D_FREQ 10%@1300 VDD_GPU 5139mW/5139mW'; sleep 0.02; done",
        ),
        ..nowhere()
    };
    let watch = watch(vec![
        Box::new(macmon::source(&places)),
        Box::new(tegrastats::source(&places)),
    ]);
    until("the hanging source is told", || {
        matches!(
            watch.status()[0].state,
            SourceState::Late | SourceState::Failing
        )
    });
    assert!(watch.status()[0].note().why.is_some());
    until("the other source is read meanwhile", || {
        samples(&watch).len() >= 3
    });
    assert_eq!(watch.status()[1].state, SourceState::Live);
    let (pid, child) = (pid_in(&pid), pid_in(&child));
    until("the hanging source is given up", || {
        let fault = watch.status()[0].fault.clone();
        fault.is_some_and(|fault| fault.kind == FaultKind::Silent)
    });
    until("it is killed", || !lives(pid));
    until("its child is killed", || !lives(child));
}

#[test]
fn one_that_falls_silent_grows_old() {
    let folder = tempfile::tempdir().unwrap();
    let once = "echo 'GR3D_FREQ 10%@1300 VDD_GPU 5139mW/5139mW'; sleep 1000";
    let places = Places {
        tegrastats: script(folder.path(), "tegrastats", once),
        ..nowhere()
    };
    let watch = watch(vec![Box::new(tegrastats::source(&places))]);
    until("a sample", || !samples(&watch).is_empty());
    let age = |status: &SourceStatus| status.age_s.unwrap();
    until("it is old", || {
        let status = &watch.status()[0];
        status.state != SourceState::Live && age(status) > 0.6
    });
    until("it is given up", || watch.status()[0].fault.is_some());
    assert!(age(&watch.status()[0]) > 0.6, "its age goes on");
    assert_eq!(
        samples(&watch),
        [],
        "the old number never comes again as new"
    );
}

#[test]
fn one_that_dies_in_the_middle_of_a_line_is_started_again() {
    let folder = tempfile::tempdir().unwrap();
    let go = folder.path().join("go");
    let body = format!(
        "if [ -e {0} ]; then while :; do {REPORT}; sleep 0.02; done; fi; {REPORT}; printf 'GPU Po'; exit 3",
        go.display()
    );
    let places = Places {
        powermetrics: script(folder.path(), "powermetrics", &body),
        ..nowhere()
    };
    let watch = watch(vec![Box::new(powermetrics::source(&places))]);
    let status = fault(&watch);
    assert_eq!(status.state, SourceState::Failing);
    assert_eq!(status.fault.unwrap().kind, FaultKind::Died);
    let seen = samples(&watch);
    assert!(!seen.is_empty(), "what came before the death counts");
    fs::write(go, "").unwrap();
    until("all is well again", || {
        watch.status()[0].state == SourceState::Live
    });
    assert!(seen.iter().all(|sample| sample.watts == Some(19.304)));
}

#[test]
fn one_that_ends_in_peace_is_started_again_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let places = Places {
        powermetrics: script(
            folder.path(),
            "powermetrics",
            &format!("{REPORT}; sleep 0.3; {REPORT}"),
        ),
        ..nowhere()
    };
    let watch = watch(vec![Box::new(powermetrics::source(&places))]);
    let mut seen = 0;
    until("three lives of two reports", || {
        seen += samples(&watch).len();
        seen >= 6
    });
    assert_eq!(watch.status()[0].fault, None);
}

#[test]
fn powermetrics_without_root_says_what_fixes_it() {
    let folder = tempfile::tempdir().unwrap();
    let places = Places {
        powermetrics: script(
            folder.path(),
            "powermetrics",
            "echo 'powermetrics must be invoked as the superuser' >&2; exit 1",
        ),
        sudo: script(
            folder.path(),
            "sudo",
            "echo 'sudo: a password is required' >&2; exit 1",
        ),
        ..nowhere()
    };
    let watch = watch(vec![Box::new(FirstOf::new(
        "apple",
        vec![
            Box::new(macmon::source(&places)),
            Box::new(powermetrics::source(&places)),
        ],
    ))]);
    let status = fault(&watch);
    assert_eq!(status.state, SourceState::Unusable);
    let note = status.note();
    assert_eq!(note.why.unwrap(), "powermetrics needs root");
    assert!(note.fix.unwrap().starts_with("brew install macmon"));
}

#[test]
fn powermetrics_runs_through_sudo_where_that_asks_for_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let asked = folder.path().join("asked");
    let body = format!(
        "if [ -z \"$AS_ROOT\" ]; then echo 'must be invoked as the superuser' >&2; exit 1; fi
         echo \"$@\" > {}; while :; do {REPORT}; sleep 0.02; done",
        asked.display()
    );
    let sudo = "[ \"$1\" = -n ] || exit 9; shift; AS_ROOT=1 exec \"$@\"";
    let places = Places {
        powermetrics: script(folder.path(), "powermetrics", &body),
        sudo: script(folder.path(), "sudo", sudo),
        ..nowhere()
    };
    let watch = watch(vec![Box::new(powermetrics::source(&places))]);
    until("a sample", || {
        samples(&watch).iter().any(|s| s.mhz == Some(1002.0))
    });
    let asked = fs::read_to_string(asked).unwrap();
    assert_eq!(asked.trim(), "--samplers gpu_power -i 250 -n 300 -b 1");
}

#[test]
fn one_that_raves_is_stopped_and_quoted() {
    let folder = tempfile::tempdir().unwrap();
    let places = Places {
        macmon: script(folder.path(), "macmon", "exec yes 'segmentation fault'"),
        ..nowhere()
    };
    let watch = watch(vec![Box::new(macmon::source(&places))]);
    let status = fault(&watch);
    let fault = status.fault.unwrap();
    assert_eq!(fault.kind, FaultKind::Garbage);
    assert!(
        fault.why.contains("segmentation fault") && fault.why.len() < 300,
        "{}",
        fault.why
    );
}

#[test]
fn old_drivers_are_asked_for_less() {
    let folder = tempfile::tempdir().unwrap();
    let body = r#"case "$*" in *instant*) echo 'Field "power.draw.instant" is not a valid field to query.'; exit 2;; esac
        while :; do echo '0, GPU-1, Tesla V100, 250.10, 1530, 99, 30000, 32768, 61'; sleep 0.02; done"#;
    let places = Places {
        nvidia_smi: script(folder.path(), "nvidia-smi", body),
        ..nowhere()
    };
    let watch = watch(vec![Box::new(nvidia_smi::source(&places))]);
    until("a sample", || {
        samples(&watch).iter().any(|s| s.watts == Some(250.1))
    });
}

#[test]
fn a_driver_that_does_not_answer_is_told_in_its_own_words() {
    let folder = tempfile::tempdir().unwrap();
    let body = "echo \"NVIDIA-SMI has failed because it couldn't communicate with the NVIDIA driver.\"; exit 9";
    let places = Places {
        nvidia_smi: script(folder.path(), "nvidia-smi", body),
        ..nowhere()
    };
    let watch = watch(vec![Box::new(nvidia_smi::source(&places))]);
    let status = fault(&watch);
    assert_eq!(status.state, SourceState::Unusable);
    assert!(status.note().why.unwrap().contains("couldn't communicate"));
}

#[test]
fn what_is_not_installed_is_absent_and_no_reason_to_worry() {
    let places = nowhere();
    let watch = watch(vec![
        Box::new(macmon::source(&places)),
        Box::new(powermetrics::source(&places)),
        Box::new(nvidia_smi::source(&places)),
        Box::new(tegrastats::source(&places)),
    ]);
    until("all are absent", || {
        watch
            .status()
            .iter()
            .all(|status| status.state == SourceState::Absent)
    });
}

#[test]
fn where_macmon_hangs_powermetrics_is_read() {
    let folder = tempfile::tempdir().unwrap();
    let places = Places {
        macmon: script(folder.path(), "macmon", "sleep 1000"),
        powermetrics: script(
            folder.path(),
            "powermetrics",
            &format!("while :; do {REPORT}; sleep 0.02; done"),
        ),
        ..nowhere()
    };
    let watch = watch(vec![Box::new(FirstOf::new(
        "apple",
        vec![
            Box::new(macmon::source(&places)),
            Box::new(powermetrics::source(&places)),
        ],
    ))]);
    until("a sample", || {
        samples(&watch).iter().any(|s| s.source == "powermetrics")
    });
}
