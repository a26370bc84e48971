//! Apple: the text of `powermetrics`, as root or through `sudo -n` (it never asks for a password).

use crate::event::GpuSample;
use crate::event::PowerScope;
use crate::probe::command::{CommandSource, Ended, Program, Reports};
use crate::probe::gpu::Places;
use crate::probe::source::{Fault, FaultKind};

/// Reports after which powermetrics ends on its own and is started again. Under `sudo` it belongs to
/// root and cannot be killed, so it must not live for ever should the closed pipe not end it.
const REPORTS: &str = "300";

/// The source: `powermetrics`, then `sudo -n powermetrics`.
pub fn source(places: &Places) -> CommandSource {
    let plain = Program::new([
        places.powermetrics.as_str(),
        "--samplers",
        "gpu_power",
        "-i",
        &places.tick_ms(),
        "-n",
        REPORTS,
        "-b",
        "1",
    ]);
    let through_sudo = Program::new([places.sudo.as_str(), "-n"]).args(plain.0.clone());
    CommandSource::new("powermetrics", vec![plain, through_sudo], reports, explain)
}

fn explain(ended: &Ended) -> Fault {
    let refused = ["superuser", "password", "sudo"];
    if refused.iter().any(|word| ended.words.contains(word)) {
        return Fault::new(FaultKind::Refused, "powermetrics needs root")
            .fix("brew install macmon (needs no root), or sudo -v before the start");
    }
    let why = format!("powermetrics exited: {}", ended.words);
    Fault::new(FaultKind::Died, why).fix("brew install macmon")
}

/// Reads powermetrics' text, of all known systems and chips.
pub fn reports() -> Reports {
    let mut report = Report::default();
    Reports::new(move |line| report.line(line))
}

/// What is known of the report that is being read.
#[derive(Debug, Default)]
struct Report {
    machine: Option<String>,
    elapsed_s: Option<f64>,
    in_gpu: bool,
    mhz: Option<f64>,
    usage: Option<f64>,
    idle: Option<f64>,
    /// Power told outside the GPU's section, in case it has none.
    outer_watts: Option<f64>,
    given: bool,
    begun: bool,
}

impl Report {
    /// Takes one line; returns a sample if it completes one.
    fn line(&mut self, line: &str) -> Option<GpuSample> {
        if line.starts_with("*** Sampled system activity") {
            let left_over = self.left_over();
            *self = Self {
                machine: self.machine.take(),
                elapsed_s: elapsed(line),
                begun: true,
                ..Self::default()
            };
            return left_over;
        }
        if line.starts_with("****") {
            self.in_gpu = line.contains("GPU");
            return None;
        }
        let (key, value) = line.split_once(':')?;
        match key.trim() {
            "Machine model" => self.machine = Some(value.trim().to_owned()),
            "GPU HW active frequency" | "GPU active frequency" => self.mhz = leading(value),
            "GPU HW active residency" | "GPU active residency" | "GPU 0 GPU Busy" => {
                self.usage = leading(value);
            }
            "GPU idle residency" => self.idle = leading(value),
            "GPU Power" if self.begun => {
                let watts = power(value);
                if self.in_gpu && watts.is_some() && !self.given {
                    self.given = true;
                    return Some(self.sample(watts));
                }
                self.outer_watts = self.outer_watts.or(watts);
            }
            _ => {}
        }
        None
    }

    /// A report that came to its end without a power line in the GPU's section.
    fn left_over(&self) -> Option<GpuSample> {
        let known = self.mhz.is_some() || self.usage.is_some() || self.outer_watts.is_some();
        (self.begun && !self.given && known).then(|| self.sample(self.outer_watts))
    }

    fn sample(&self, watts: Option<f64>) -> GpuSample {
        GpuSample {
            source: "powermetrics".to_owned(),
            name: self.machine.clone(),
            watts,
            mhz: self.mhz,
            usage_percent: self.usage.or(self.idle.map(|idle| (100.0 - idle).max(0.0))),
            window_s: self.elapsed_s.filter(|_| watts.is_some()),
            scope: Some(PowerScope::Gpu),
            ..GpuSample::default()
        }
    }
}

/// The length of a report's window, seconds: `(5021.96ms elapsed)`.
fn elapsed(line: &str) -> Option<f64> {
    let (before, _) = line.rsplit_once("ms elapsed")?;
    let (_, number) = before.rsplit_once('(')?;
    number.parse().ok().map(|ms: f64| ms / 1e3)
}

/// The number that a text begins with, whatever follows it: `  1.63% (338 MHz: …`.
fn leading(text: &str) -> Option<f64> {
    let text = text.trim_start();
    let end = text
        .find(|c: char| !c.is_ascii_digit() && c != '.')
        .unwrap_or(text.len());
    text.get(..end)?.parse().ok()
}

/// Watts, of `28 mW` or `1.2 W`.
fn power(text: &str) -> Option<f64> {
    let value = leading(text)?;
    if text.contains("mW") {
        Some(value / 1e3)
    } else {
        text.contains('W').then_some(value)
    }
}
