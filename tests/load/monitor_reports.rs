//! What commands print becomes samples, whatever the system, the version and the pieces it comes in.

use tokometer::event::{GpuSample, PowerScope};
use tokometer::probe::command::Reports;
use tokometer::probe::gpu::{macmon, nvidia_smi, powermetrics, tegrastats};

/// The samples that `reports` makes of `text`, fed in pieces of 1, 7, 64 bytes and whole: all the same.
fn samples(reports: fn() -> Reports, text: &str) -> Vec<GpuSample> {
    let fed = |size: usize| -> Vec<GpuSample> {
        let mut reports = reports();
        let pieces = text.as_bytes().chunks(size);
        pieces.flat_map(|piece| reports.feed(piece)).collect()
    };
    let whole = fed(text.len());
    for size in [1, 7, 64] {
        assert_eq!(fed(size), whole, "in pieces of {size} bytes");
    }
    whole
}

fn powermetrics(text: &str) -> Vec<GpuSample> {
    samples(powermetrics::reports, text)
}

/// Watts, MHz and usage of a sample.
fn figures(sample: &GpuSample) -> (Option<f64>, Option<f64>, Option<f64>) {
    let hundredths = |x: f64| (x * 100.0).round() / 100.0;
    let usage = sample.usage_percent.map(hundredths);
    (sample.watts, sample.mhz, usage)
}

#[test]
fn powermetrics_idle() {
    let m4 = powermetrics(include_str!("../fixtures/monitor/powermetrics-m4-idle.txt"));
    assert_eq!(m4.len(), 1);
    assert_eq!(figures(&m4[0]), (Some(0.028), Some(338.0), Some(1.63)));
    assert_eq!(m4[0].name.as_deref(), Some("Mac16,6"));
    assert_eq!(m4[0].window_s, Some(5.02196));
    assert_eq!(m4[0].scope, Some(PowerScope::Gpu));
    let m2 = powermetrics(include_str!(
        "../fixtures/monitor/powermetrics-m2pro-idle.txt"
    ));
    assert_eq!(figures(&m2[0]), (Some(0.004), Some(444.0), Some(0.97)));
    assert_eq!(m2[0].window_s, Some(0.50305));
}

#[test]
fn powermetrics_counts_the_power_of_the_gpu_section_once() {
    let load = powermetrics(include_str!("../fixtures/monitor/powermetrics-m4-load.txt"));
    assert_eq!(load.len(), 2, "not one more for the summary of the CPU");
    assert_eq!(figures(&load[0]), (Some(19.304), Some(1002.0), Some(100.0)));
    assert_eq!(figures(&load[1]), (Some(11.816), Some(1399.0), Some(98.2)));
}

#[test]
fn powermetrics_of_older_systems_and_intel_macs() {
    let old = powermetrics(include_str!("../fixtures/monitor/powermetrics-old.txt"));
    assert_eq!(figures(&old[0]), (Some(0.3), Some(715.0), Some(5.98)));
    assert_eq!(
        figures(&old[1]),
        (Some(0.45), None, None),
        "only a power line"
    );
    assert_eq!(old.len(), 2);
    let intel = powermetrics(include_str!("../fixtures/monitor/powermetrics-intel.txt"));
    assert_eq!(figures(&intel[0]), (None, None, Some(0.72)));
    assert_eq!(intel[0].window_s, None, "no power, no window of it");
}

#[test]
fn a_report_that_breaks_off_is_no_report() {
    let text = include_str!("../fixtures/monitor/powermetrics-m4-idle.txt");
    let cut = text.find("GPU Power").unwrap() + "GPU Power: 2".len();
    assert_eq!(powermetrics(&text[..cut]), []);
}

#[test]
fn macmon_of_all_generations() {
    let all = samples(
        macmon::reports,
        include_str!("../fixtures/monitor/macmon.jsonl"),
    );
    assert_eq!(figures(&all[0]), (Some(0.0108), Some(503.0), Some(1.36)));
    assert_eq!(
        (all[0].celsius, all[0].system_watts),
        (Some(29.4), Some(10.49))
    );
    assert_eq!(figures(&all[1]), (Some(0.0175), Some(461.0), Some(9.0)));
    assert_eq!(all[1].name.as_deref(), Some("Apple M2 Pro"));
    assert_eq!(all[1].soc_watts, Some(0.3));
    assert_eq!(
        figures(&all[2]),
        (None, None, None),
        "a virtual machine has no sensors"
    );
    assert!(all[2].note.is_some());
}

#[test]
fn macmon_that_reads_no_power_at_work_is_not_believed() {
    let line = r#"{"gpu_freq_mhz":1398,"gpu_active_ratio":0.9,"gpu_power":0.0}"#;
    let all = samples(macmon::reports, &format!("{line}\n{line}\n{line}\n"));
    assert_eq!(all[1].watts, Some(0.0));
    assert_eq!(all[2].watts, None);
    assert!(all[2].note.as_deref().unwrap().contains("no power"));
}

#[test]
fn macmon_rubbish_makes_no_sample() {
    let text = "not json\n[1,2]\n{}\n{\"gpu_power\":\"much\"}\n\u{1b}[2J\n";
    assert_eq!(samples(macmon::reports, text), []);
}

#[test]
fn nvidia_smi_tells_what_the_driver_knows() {
    let all = samples(
        nvidia_smi::reports,
        include_str!("../fixtures/monitor/nvidia-smi.csv"),
    );
    assert_eq!(all.len(), 5);
    assert_eq!(figures(&all[0]), (Some(77.71), Some(345.0), Some(0.0)));
    assert_eq!(all[0].vram_used_bytes, Some(0));
    assert_eq!(figures(&all[1]), (Some(627.4), Some(1980.0), Some(100.0)));
    assert_eq!(all[1].vram_used_bytes, Some(32362 << 20));
    assert_eq!(all[1].limit_watts, Some(700.0));
    assert_eq!(figures(&all[2]), (Some(295.01), Some(1980.0), None), "MIG");
    assert_eq!(
        all[3].watts,
        Some(38.92),
        "the instant where there is no average"
    );
    assert_eq!(all[3].limit_watts, None);
    assert_eq!((all[4].watts, all[4].vram_total_bytes), (Some(11.17), None));
    assert!(all[4].source.ends_with("000000000004"));
}

#[test]
fn nvidia_smi_complaints_make_no_sample() {
    let text = "Field \"power.draw.instant\" is not a valid field to query.\n\nNo devices were found\n,,,,,,,,,\n";
    assert_eq!(samples(nvidia_smi::reports, text), []);
}

#[test]
fn tegrastats_of_all_boards() {
    let all = samples(
        tegrastats::reports,
        include_str!("../fixtures/monitor/tegrastats.txt"),
    );
    assert_eq!(figures(&all[0]), (Some(5.139), Some(1300.0), Some(10.0)));
    assert_eq!(all[0].scope, Some(PowerScope::Soc));
    assert!(all[0].note.as_deref().unwrap().contains("VDD_GPU_SOC"));
    assert_eq!(all[0].celsius, Some(45.5));
    assert_eq!(all[0].vram_used_bytes, Some(2448 << 20));
    assert_eq!(figures(&all[1]), (Some(3.2), Some(1200.0), Some(12.0)));
    assert_eq!(all[1].system_watts, Some(9.0));
    assert_eq!(
        figures(&all[2]),
        (Some(4.0), Some(1000.0), None),
        "Thor tells no usage"
    );
    assert_eq!(all[2].scope, Some(PowerScope::Gpu));
    assert_eq!(figures(&all[3]), (Some(0.0), Some(76.0), Some(0.0)));
    assert_eq!(
        (all[3].celsius, all[3].system_watts),
        (Some(32.0), Some(1.5))
    );
}

proptest::proptest! {
    /// Nothing that a command could print makes a reader fail, or depend on the pieces it comes in.
    #[test]
    fn any_output_is_survived(lines in proptest::collection::vec(line(), 0..30)) {
        let text = format!("{}\n", lines.join("\n"));
        for seen in [
            samples(powermetrics::reports, &text),
            samples(macmon::reports, &text),
            samples(nvidia_smi::reports, &text),
            samples(tegrastats::reports, &text),
        ] {
            let sane = |x: Option<f64>| x.is_none_or(f64::is_finite);
            assert!(seen.iter().all(|sample| sane(sample.watts) && sane(sample.mhz)));
        }
    }
}

/// A line as a command prints it, or a broken one.
fn line() -> impl proptest::strategy::Strategy<Value = String> {
    use proptest::prelude::*;
    let known = prop::sample::select(vec![
        "*** Sampled system activity (x) (1000.00ms elapsed) ***",
        "**** GPU usage ****",
        "GPU HW active frequency: 338 MHz",
        "GPU Power: 28 mW",
        "GPU Power: mW",
        "GPU Power: 99999999999999999999999999999999999999999999 W",
        r#"{"gpu_power":1e400,"gpu_freq_mhz":1}"#,
        r#"{"gpu_power":3.5,"gpu_usage":[1,2]}"#,
        "0, GPU-1, x, inf, NaN, 1, 2, 3, 4",
        "GR3D_FREQ 10%@[,] VDD_GPU 1mW/",
        "GR3D_FREQ %@inf POM_5V_GPU NaN/0",
    ]);
    prop_oneof![known.prop_map(str::to_owned), "\\PC{0,40}"]
}
