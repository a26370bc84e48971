//! Apple: the lines of JSON that `macmon pipe` prints, without root (`brew install macmon`).

use serde::Deserialize;

use crate::event::GpuSample;
use crate::event::PowerScope;
use crate::probe::command::{CommandSource, Ended, Program, Reports};
use crate::probe::gpu::Places;
use crate::probe::source::{Fault, FaultKind};

/// Usage above which a GPU surely draws power.
const SURELY_BUSY: f64 = 0.2;
/// Reports of no power at work after which the power counts as unknown.
const ZEROS: u32 = 3;

/// The source: `macmon pipe`.
pub fn source(places: &Places) -> CommandSource {
    let plain = Program::new([places.macmon.as_str(), "pipe", "-i", &places.tick_ms()]);
    let named = plain.clone().args(["--soc-info"]);
    CommandSource::new("macmon", vec![named, plain], reports, explain)
}

fn explain(ended: &Ended) -> Fault {
    let why = format!("macmon exited: {}", ended.words);
    Fault::new(FaultKind::Died, why).fix("brew upgrade macmon")
}

/// Reads macmon's JSON, of all its generations.
pub fn reports() -> Reports {
    let mut zeros = 0;
    Reports::new(move |line| sample(serde_json::from_str(line).ok()?, &mut zeros))
}

#[derive(Debug, Deserialize)]
struct Line {
    gpu_power: Option<f64>,
    all_power: Option<f64>,
    sys_power: Option<f64>,
    gpu_freq_mhz: Option<f64>,
    gpu_active_ratio: Option<f64>,
    /// Before 0.8: clock in MHz, and ratio.
    gpu_usage: Option<(f64, f64)>,
    temp: Option<Temperatures>,
    memory: Option<Memory>,
    soc: Option<Soc>,
}

#[derive(Debug, Deserialize)]
struct Temperatures {
    gpu_temp_avg: Option<f64>,
}

#[derive(Debug, Deserialize)]
struct Memory {
    ram_total: Option<u64>,
    ram_usage: Option<u64>,
}

#[derive(Debug, Deserialize)]
struct Soc {
    chip_name: Option<String>,
    #[serde(default)]
    vm: bool,
}

fn sample(line: Line, zeros: &mut u32) -> Option<GpuSample> {
    if line.gpu_power.is_none() && line.gpu_freq_mhz.is_none() && line.gpu_usage.is_none() {
        return None;
    }
    let positive = |x: Option<f64>| x.filter(|x| *x > 0.0);
    let mhz = positive(line.gpu_freq_mhz.or(line.gpu_usage.map(|(mhz, _)| mhz)));
    let ratio = line
        .gpu_active_ratio
        .or(line.gpu_usage.map(|(_, ratio)| ratio));
    let mut watts = line
        .gpu_power
        .filter(|watts| watts.is_finite() && *watts >= 0.0);
    let mut note = None;
    let no_power = watts.is_some_and(|watts| watts <= 0.0);
    *zeros = if no_power && ratio.is_some_and(|ratio| ratio > SURELY_BUSY) {
        zeros.saturating_add(1)
    } else {
        0
    };
    let virtual_machine = line.soc.as_ref().is_some_and(|soc| soc.vm);
    if virtual_machine || (no_power && mhz.is_none()) {
        // A virtual machine has no such sensors: its zeros are not measurements.
        watts = None;
        note = Some("no power sensors here (a virtual machine?)".to_owned());
    } else if *zeros >= ZEROS {
        watts = None;
        note = Some("macmon reads no power on this macOS, although the GPU works".to_owned());
    }
    Some(GpuSample {
        source: "macmon".to_owned(),
        name: line.soc.and_then(|soc| soc.chip_name),
        watts,
        mhz,
        usage_percent: ratio.filter(|_| mhz.is_some()).map(|ratio| ratio * 100.0),
        vram_used_bytes: line.memory.as_ref().and_then(|memory| memory.ram_usage),
        vram_total_bytes: line.memory.as_ref().and_then(|memory| memory.ram_total),
        celsius: positive(line.temp.and_then(|temp| temp.gpu_temp_avg)),
        // Its power is the mean of the interval that was asked for.
        window_s: watts.map(|_| 1.0),
        scope: Some(PowerScope::Gpu),
        soc_watts: positive(line.all_power).filter(|_| watts.is_some()),
        system_watts: positive(line.sys_power),
        note,
        ..GpuSample::default()
    })
}
