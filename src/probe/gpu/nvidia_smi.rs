//! NVIDIA without its library: the CSV lines that `nvidia-smi` prints.

use crate::event::GpuSample;
use crate::event::PowerScope;
use crate::probe::command::{CommandSource, Ended, Program, Reports};
use crate::probe::gpu::Places;
use crate::probe::source::{Fault, FaultKind};
use crate::text::numbers::floor_u64;

/// What is asked of every driver.
const FIELDS: &str = "index,uuid,name,power.draw,clocks.current.sm,utilization.gpu,memory.used,\
                      memory.total,temperature.gpu";
/// What only newer drivers know, asked behind the others.
const NEWER_FIELDS: &str = "power.draw.instant,power.limit";
/// How many fields every line has.
const LEAST_FIELDS: usize = 9;

/// The source: `nvidia-smi`, printing a line a GPU each tick.
pub fn source(places: &Places) -> CommandSource {
    let form = |fields: &str| {
        Program::new([
            places.nvidia_smi.clone(),
            format!("--query-gpu={fields}"),
            "--format=csv,noheader,nounits".to_owned(),
            "-lms".to_owned(),
            places.tick_ms(),
        ])
    };
    // One unknown field makes the whole command fail, so old drivers are asked for less.
    let newer = form(&format!("{FIELDS},{NEWER_FIELDS}"));
    CommandSource::new("nvidia-smi", vec![newer, form(FIELDS)], reports, explain)
}

fn explain(ended: &Ended) -> Fault {
    let words = &ended.words;
    if words.contains("No devices were found") {
        return Fault::absent("nvidia-smi finds no GPU");
    }
    if words.contains("driver") || words.contains("Driver") {
        return Fault::new(FaultKind::Refused, words.clone())
            .fix("load or update the NVIDIA driver (a restart often does)");
    }
    Fault::new(FaultKind::Died, format!("nvidia-smi exited: {words}"))
}

/// Reads nvidia-smi's lines.
pub fn reports() -> Reports {
    Reports::new(sample)
}

/// One line as a sample. What the driver does not report (`[N/A]`, `[Not Supported]`…) is not a number.
fn sample(line: &str) -> Option<GpuSample> {
    let fields: Vec<&str> = line.split(',').map(str::trim).collect();
    if fields.len() < LEAST_FIELDS {
        return None;
    }
    let text = |n: usize| fields.get(n).copied().filter(|t| !t.starts_with('['));
    let number =
        |n: usize| -> Option<f64> { text(n)?.parse().ok().filter(|x: &f64| x.is_finite()) };
    let index: u32 = text(0)?.parse().ok()?;
    let mebibytes = |n: usize| number(n).map(|mib| floor_u64(mib * 1_048_576.0));
    let id = text(1).map_or_else(|| index.to_string(), str::to_owned);
    Some(GpuSample {
        source: format!("nvidia-smi:{id}"),
        name: text(2).map(str::to_owned),
        watts: number(3).or_else(|| number(9)),
        mhz: number(4),
        usage_percent: number(5),
        vram_used_bytes: mebibytes(6),
        vram_total_bytes: mebibytes(7),
        celsius: number(8),
        limit_watts: number(10),
        scope: Some(PowerScope::Gpu),
        ..GpuSample::default()
    })
}
