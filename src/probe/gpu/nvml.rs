//! NVIDIA: its management library, loaded at run time.
//!
//! Each figure is asked by itself, because each may be missing by itself: an old driver does not know
//! the call, a card has no energy counter, a card cut into MIG slices tells no usage.

use std::collections::BTreeSet;
use std::path::PathBuf;

use nvml_wrapper::Device;
use nvml_wrapper::enum_wrappers::device::{Clock, TemperatureSensor};
use nvml_wrapper::enums::device::SampleValue;
use nvml_wrapper::error::NvmlError;
use nvml_wrapper::structs::device::FieldId;

use crate::event::GpuSample;
use crate::event::PowerScope;
use crate::metrics::bandwidth;
use crate::probe::gpu::sysfs::SysRoot;
use crate::probe::gpu::{Places, ServerPids};
use crate::probe::source::{Fault, FaultKind, Observation, Pace, Source};

/// The fields of power averaged over a second, and momentary, mW.
const POWER_FIELDS: [FieldId; 2] = [FieldId(185), FieldId(186)];
/// What a driver's mismatch or absence asks for.
const DRIVER: &str = "load or update the NVIDIA driver (a restart often does)";

/// The NVIDIA GPUs of this machine, by NVML.
#[derive(Debug)]
pub struct Nvml {
    lib: Option<PathBuf>,
    root: SysRoot,
    server: ServerPids,
    library: Option<nvml_wrapper::Nvml>,
}

impl Nvml {
    /// Those that the library of `places` knows. `server` tells which processes are the server's.
    pub fn new(places: &Places, server: ServerPids) -> Self {
        Self {
            lib: places.nvml_lib.clone(),
            root: places.root.clone(),
            server,
            library: None,
        }
    }

    fn load(&self) -> Result<nvml_wrapper::Nvml, NvmlError> {
        let mut builder = nvml_wrapper::Nvml::builder();
        if let Some(path) = &self.lib {
            builder.lib_path(path.as_os_str());
        }
        builder.init()
    }

    fn samples(
        &self,
        library: &nvml_wrapper::Nvml,
        pace: &Pace,
    ) -> Result<Vec<GpuSample>, NvmlError> {
        let (mut devices, mut denied) = (Vec::new(), None);
        for index in 0..library.device_count()? {
            match library.device_by_index(index) {
                Ok(device) => devices.push(device),
                // Containers often see only some of the machine's GPUs.
                Err(NvmlError::NoPermission) => denied = Some(NvmlError::NoPermission),
                Err(error) => return Err(error),
            }
        }
        if devices.is_empty() {
            return denied.map_or(Ok(Vec::new()), Err);
        }
        let mut samples = Vec::new();
        for (index, device) in devices.iter().enumerate() {
            samples.push(figures(device, index)?);
        }
        self.set_unified_memory(&mut samples);
        set_power(&devices, &mut samples, pace);
        set_users(&devices, &mut samples, &self.server.get());
        Ok(samples)
    }

    /// Chips that share the machine's memory tell none of their own.
    fn set_unified_memory(&self, samples: &mut [GpuSample]) {
        let unified =
            |sample: &GpuSample| sample.name.as_deref().is_some_and(|n| n.contains("GB10"));
        for sample in samples
            .iter_mut()
            .filter(|s| s.vram_total_bytes.is_none() && unified(s))
        {
            if let Some((used, total)) = self.root.memory() {
                sample.vram_used_bytes = Some(used);
                sample.vram_total_bytes = Some(total);
                sample.note = Some("memory is shared with the CPU".to_owned());
            }
        }
    }
}

impl Source for Nvml {
    fn name(&self) -> String {
        "nvml".to_owned()
    }

    fn read(&mut self, pace: &Pace) -> Result<Vec<Observation>, Fault> {
        // A lost GPU comes back only to a library that is loaded again: after an error this one is gone.
        let library = self.library.take().map_or_else(|| self.load(), Ok);
        let library = library.map_err(|error| fault(&error))?;
        let samples = self
            .samples(&library, pace)
            .map_err(|error| fault(&error))?;
        self.library = Some(library);
        if samples.is_empty() {
            return Err(Fault::absent("the NVIDIA driver finds no GPU"));
        }
        Ok(samples.into_iter().map(Observation::Gpu).collect())
    }
}

/// What an error of the library means for the source.
fn fault(error: &NvmlError) -> Fault {
    match error {
        NvmlError::LibloadingError(_) | NvmlError::LibraryNotFound => {
            Fault::absent("NVIDIA's library libnvidia-ml cannot be loaded")
        }
        NvmlError::DriverNotLoaded => {
            Fault::new(FaultKind::Refused, "the NVIDIA driver is not loaded").fix(DRIVER)
        }
        NvmlError::LibRmVersionMismatch => {
            Fault::new(FaultKind::Refused, error.to_string()).fix(DRIVER)
        }
        NvmlError::NoPermission => Fault::new(FaultKind::Refused, "this user may not read the GPU")
            .fix("sudo usermod -aG video,render $USER, then log in again"),
        _ => Fault::new(FaultKind::Died, format!("NVML: {error}")),
    }
}

/// All figures of one GPU but its power. Only a lost GPU is an error.
fn figures(device: &Device<'_>, index: usize) -> Result<GpuSample, NvmlError> {
    if let Err(NvmlError::GpuLost) = device.temperature(TemperatureSensor::Gpu) {
        return Err(NvmlError::GpuLost);
    }
    let id = device.uuid().unwrap_or_else(|_| index.to_string());
    let memory = device.memory_info().ok();
    let sliced = device.mig_mode().is_ok_and(|mode| mode.current == 1);
    let note = "partitioned with MIG: power covers the whole card, usage is not reported";
    let clock = |clock| device.clock_info(clock).ok().map(f64::from);
    let bandwidth_bytes_s = match (
        device.memory_bus_width(),
        device.max_clock_info(Clock::Memory),
    ) {
        (Ok(bits), Ok(mhz)) => bandwidth::from_bus(bits, mhz),
        _ => None,
    };
    Ok(GpuSample {
        source: format!("nvml:{id}"),
        name: device.name().ok(),
        mhz: clock(Clock::SM).or_else(|| clock(Clock::Graphics)),
        usage_percent: device.utilization_rates().ok().map(|u| f64::from(u.gpu)),
        vram_used_bytes: memory.as_ref().map(|memory| memory.used),
        vram_total_bytes: memory.as_ref().map(|memory| memory.total),
        celsius: device
            .temperature(TemperatureSensor::Gpu)
            .ok()
            .map(f64::from),
        energy_counter_j: device
            .total_energy_consumption()
            .ok()
            .map(|millijoules| millijoules as f64 / 1e3),
        scope: Some(PowerScope::Gpu),
        limit_watts: device
            .enforced_power_limit()
            .ok()
            .map(|mw| f64::from(mw) / 1e3),
        bandwidth_bytes_s,
        note: sliced.then(|| note.to_owned()),
        ..GpuSample::default()
    })
}

/// Power: one look where an energy counter measures what counts, else the mean of several.
fn set_power(devices: &[Device<'_>], samples: &mut [GpuSample], pace: &Pace) {
    let counted = samples
        .iter()
        .all(|sample| sample.energy_counter_j.is_some());
    if counted {
        for (device, sample) in devices.iter().zip(samples) {
            sample.watts = watts(device);
        }
        return;
    }
    let means = pace.mean_over_tick(devices.len(), |n| devices.get(n).and_then(watts));
    for (sample, mean) in samples.iter_mut().zip(means) {
        sample.watts = mean.map(|(watts, _)| watts);
        sample.window_s = mean.and_then(|(_, window)| window);
    }
}

fn watts(device: &Device<'_>) -> Option<f64> {
    if let Ok(milliwatts) = device.power_usage() {
        return Some(f64::from(milliwatts) / 1e3);
    }
    let fields = device.field_values_for(&POWER_FIELDS).ok()?;
    fields
        .into_iter()
        .flatten()
        .find_map(|field| match field.value {
            Ok(SampleValue::U32(milliwatts)) => Some(f64::from(milliwatts) / 1e3),
            _ => None,
        })
}

/// Whether the server computes on each GPU, and who else does. Unknown unless one of its processes
/// is seen somewhere: containers hide process ids.
fn set_users(devices: &[Device<'_>], samples: &mut [GpuSample], own: &BTreeSet<u32>) {
    let users: Vec<Option<BTreeSet<u32>>> = devices
        .iter()
        .map(|device| {
            let processes = device.running_compute_processes().ok()?;
            Some(processes.into_iter().map(|process| process.pid).collect())
        })
        .collect();
    let serves = |pids: &BTreeSet<u32>| !pids.is_disjoint(own);
    if !users.iter().flatten().any(serves) {
        return;
    }
    for (sample, pids) in samples.iter_mut().zip(&users) {
        sample.serves = pids.as_ref().map(serves);
        sample.other_processes = pids
            .as_ref()
            .map(|pids| crate::text::numbers::u32_of(pids.difference(own).count()));
    }
}
