//! NVIDIA Jetson: the lines that `tegrastats` prints.

use crate::event::GpuSample;
use crate::probe::command::{CommandSource, Ended, Program, Reports};
use crate::probe::gpu::Places;
use crate::probe::gpu::jetson::{Rail, from_rails};
use crate::probe::source::{Fault, FaultKind};

/// The source: `tegrastats`.
pub fn source(places: &Places) -> CommandSource {
    CommandSource::new(
        "tegrastats",
        vec![Program::new([
            places.tegrastats.as_str(),
            "--interval",
            &places.tick_ms(),
        ])],
        reports,
        explain,
    )
}

fn explain(ended: &Ended) -> Fault {
    let why = format!("tegrastats exited: {}", ended.words);
    Fault::new(FaultKind::Died, why)
}

/// Reads tegrastats' lines.
pub fn reports() -> Reports {
    Reports::new(sample)
}

fn sample(line: &str) -> Option<GpuSample> {
    let words: Vec<&str> = line.split_whitespace().collect();
    let after = |key: &str| {
        let at = words.iter().position(|word| *word == key)?;
        words.get(at + 1).copied()
    };
    let (usage_percent, mhz) = after("GR3D_FREQ").map_or((None, None), gr3d);
    let memory = after("RAM").and_then(megabytes);
    let pairs = words.iter().zip(words.iter().skip(1));
    let rails: Vec<Rail> = pairs
        .filter_map(|(label, value)| rail(label, value))
        .collect();
    let celsius = words.iter().find_map(|word| {
        let (name, value) = word.split_once('@')?;
        let is_gpu = name.eq_ignore_ascii_case("gpu");
        is_gpu.then(|| number(value.trim_end_matches('C')))?
    });
    let (watts, scope, note, system_watts) = from_rails(&rails);
    let known = usage_percent.is_some() || mhz.is_some() || watts.is_some();
    known.then(|| GpuSample {
        source: "tegrastats".to_owned(),
        name: Some("Jetson".to_owned()),
        watts,
        mhz,
        usage_percent,
        vram_used_bytes: memory.map(|(used, _)| used),
        vram_total_bytes: memory.map(|(_, total)| total),
        celsius,
        scope,
        system_watts,
        note,
        ..GpuSample::default()
    })
}

/// Usage in percent and clock in MHz: `10%@1300`, `12%@[1300,1300]`, `@[1000,1000,1000]`, `10%`.
fn gr3d(word: &str) -> (Option<f64>, Option<f64>) {
    let (usage, clock) = word.split_once('@').unwrap_or((word, ""));
    let usage = usage.strip_suffix('%').and_then(number);
    let clocks: Vec<f64> = clock
        .trim_matches(['[', ']'])
        .split(',')
        .filter_map(number)
        .collect();
    let mean = (!clocks.is_empty()).then(|| clocks.iter().sum::<f64>() / clocks.len() as f64);
    (usage, mean)
}

/// Memory in use and there, bytes: `2448/7620MB`.
fn megabytes(word: &str) -> Option<(u64, u64)> {
    let (used, total) = word.strip_suffix("MB")?.split_once('/')?;
    let bytes = |number: &str| number.parse::<u64>().ok()?.checked_mul(1 << 20);
    Some((bytes(used)?, bytes(total)?))
}

/// A rail: its label, and its momentary power before the average: `5139mW/5139mW`, or `0/0` in milliwatts.
fn rail(label: &str, value: &str) -> Option<Rail> {
    let is_label = label
        .bytes()
        .all(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'_');
    let (now, _) = value.split_once('/')?;
    let milliwatts = number(now.strip_suffix("mW").unwrap_or(now))?;
    let is_rail = label.starts_with('V') || label.starts_with("POM_");
    (is_label && is_rail).then(|| (label.to_owned(), milliwatts / 1e3))
}

/// A number; what only looks like one to the parser (`inf`, `NaN`) is none.
fn number(text: &str) -> Option<f64> {
    text.parse().ok().filter(|x: &f64| x.is_finite())
}
