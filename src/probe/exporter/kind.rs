//! What the known exporters call things, and in which units.

use std::collections::BTreeMap;

use strum::IntoEnumIterator;

use crate::event::{GpuSample, PowerScope, ServerSample};
use crate::probe::exporter::text::Metric;
use crate::text::numbers::floor_u64;

/// The known exporters, found by the names of their metrics.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    serde::Serialize,
    strum::Display,
    strum::EnumIter,
)]
#[serde(rename_all = "kebab-case")]
#[strum(serialize_all = "kebab-case")]
pub enum ExporterKind {
    /// NVIDIA's dcgm-exporter.
    Dcgm,
    /// `nvidia_gpu_exporter`.
    NvidiaSmi,
    /// Prometheus' `node_exporter`.
    Node,
    /// `macmon serve`.
    Macmon,
    /// `all-smi api`.
    AllSmi,
    /// process-exporter.
    Process,
    Vllm,
    /// llama.cpp's llama-server, started with `--metrics`.
    LlamaServer,
}

impl ExporterKind {
    fn prefix(self) -> &'static str {
        match self {
            Self::Dcgm => "DCGM_FI_",
            Self::NvidiaSmi => "nvidia_smi_",
            Self::Node => "node_",
            Self::Macmon => "macmon_",
            Self::AllSmi => "all_smi_",
            Self::Process => "namedprocess_namegroup_",
            Self::Vllm => "vllm:",
            Self::LlamaServer => "llamacpp:",
        }
    }
}

/// Whether a metric is of any use.
pub(crate) fn is_known(name: &str) -> bool {
    const NODE: [&str; 3] = ["node_hwmon_", "node_drm_", "node_rapl_"];
    if name.ends_with("_bucket") {
        return false;
    }
    if name.starts_with("node_") {
        return NODE.iter().any(|prefix| name.starts_with(prefix));
    }
    name.starts_with("process_") || ExporterKind::iter().any(|d| name.starts_with(d.prefix()))
}

/// The exporters whose metrics are on a page.
pub fn kinds(metrics: &[Metric]) -> Vec<ExporterKind> {
    ExporterKind::iter()
        .filter(|d| {
            metrics
                .iter()
                .any(|metric| metric.name.starts_with(d.prefix()))
        })
        .collect()
}

/// What a metric says of a GPU.
#[derive(Debug, Clone, Copy)]
enum Figure {
    Watts,
    LimitWatts,
    SocWatts,
    SystemWatts,
    Mhz,
    Usage,
    Used,
    Free,
    Total,
    Celsius,
    Joules,
}

/// The names of GPU metrics: what they say, and the factor to our units.
const GPU: [(&str, Figure, f64); 39] = [
    ("DCGM_FI_DEV_POWER_USAGE", Figure::Watts, 1.0),
    ("DCGM_FI_DEV_SM_CLOCK", Figure::Mhz, 1.0),
    ("DCGM_FI_DEV_GPU_UTIL", Figure::Usage, 1.0),
    ("DCGM_FI_DEV_FB_USED", Figure::Used, 1_048_576.0),
    ("DCGM_FI_DEV_FB_FREE", Figure::Free, 1_048_576.0),
    ("DCGM_FI_DEV_FB_TOTAL", Figure::Total, 1_048_576.0),
    ("DCGM_FI_DEV_GPU_TEMP", Figure::Celsius, 1.0),
    ("DCGM_FI_DEV_TOTAL_ENERGY_CONSUMPTION", Figure::Joules, 1e-3),
    ("nvidia_smi_power_draw_watts", Figure::Watts, 1.0),
    (
        "nvidia_smi_enforced_power_limit_watts",
        Figure::LimitWatts,
        1.0,
    ),
    ("nvidia_smi_clocks_current_sm_clock_hz", Figure::Mhz, 1e-6),
    (
        "nvidia_smi_clocks_current_graphics_clock_hz",
        Figure::Mhz,
        1e-6,
    ),
    ("nvidia_smi_utilization_gpu_ratio", Figure::Usage, 100.0),
    ("nvidia_smi_memory_used_bytes", Figure::Used, 1.0),
    ("nvidia_smi_memory_total_bytes", Figure::Total, 1.0),
    ("nvidia_smi_temperature_gpu", Figure::Celsius, 1.0),
    ("nvidia_smi_energy_joules_total", Figure::Joules, 1.0),
    ("node_hwmon_power_average_watt", Figure::Watts, 1.0),
    ("node_hwmon_power_input_watt", Figure::Watts, 1.0),
    ("node_hwmon_energy_joule_total", Figure::Joules, 1.0),
    ("node_hwmon_temp_celsius", Figure::Celsius, 1.0),
    ("node_drm_gpu_busy_percent", Figure::Usage, 1.0),
    ("node_drm_memory_vram_used_bytes", Figure::Used, 1.0),
    ("node_drm_memory_vram_size_bytes", Figure::Total, 1.0),
    ("node_rapl_package_joules_total", Figure::Joules, 1.0),
    ("macmon_gpu_power_watts", Figure::Watts, 1.0),
    ("macmon_all_power_watts", Figure::SocWatts, 1.0),
    ("macmon_sys_power_watts", Figure::SystemWatts, 1.0),
    ("macmon_gpu_freq_mhz", Figure::Mhz, 1.0),
    ("macmon_gpu_active_ratio", Figure::Usage, 100.0),
    ("macmon_memory_ram_used_bytes", Figure::Used, 1.0),
    ("macmon_memory_ram_total_bytes", Figure::Total, 1.0),
    ("macmon_gpu_temp_celsius", Figure::Celsius, 1.0),
    ("all_smi_gpu_power_consumption_watts", Figure::Watts, 1.0),
    ("all_smi_gpu_frequency_mhz", Figure::Mhz, 1.0),
    ("all_smi_gpu_utilization", Figure::Usage, 1.0),
    ("all_smi_gpu_memory_used_bytes", Figure::Used, 1.0),
    ("all_smi_gpu_memory_total_bytes", Figure::Total, 1.0),
    ("all_smi_gpu_temperature_celsius", Figure::Celsius, 1.0),
];
/// An energy counter that several scopes share.
const ALL_SMI_ENERGY: &str = "all_smi_energy_consumed_joules_total";
/// The labels that tell one device from another, the surest first.
const DEVICE: [&str; 8] = [
    "UUID", "uuid", "gpu_uuid", "chip", "card", "gpu", "index", "path",
];
/// The labels that name a device.
const NAME: [&str; 4] = ["modelName", "name", "gpu_name", "gpu"];

/// A device of a page: its sample, and when the page says it was taken.
#[derive(Debug, Clone, Default)]
pub(crate) struct Device {
    pub(crate) sample: GpuSample,
    pub(crate) at_s: Option<f64>,
    free: Option<u64>,
}

/// The GPUs (and CPU packages) of a page, by what tells them apart.
pub(crate) fn devices(metrics: &[Metric]) -> Vec<Device> {
    let mut found: BTreeMap<String, Device> = BTreeMap::new();
    for metric in metrics.iter().filter(|metric| metric.value.is_finite()) {
        let rule = GPU.iter().find(|(name, ..)| *name == metric.name);
        let (figure, factor) = match rule {
            Some((_, figure, factor)) => (*figure, *factor),
            None if metric.name == ALL_SMI_ENERGY && metric.label("scope") == Some("gpu") => {
                (Figure::Joules, 1.0)
            }
            None => continue,
        };
        if !is_of_a_gpu(metric, metrics) {
            continue;
        }
        let id = DEVICE
            .iter()
            .find_map(|label| metric.label(label))
            .unwrap_or("");
        let package = metric.name.starts_with("node_rapl_");
        let key = if package {
            format!("rapl:{id}")
        } else {
            id.to_owned()
        };
        let device = found.entry(key.clone()).or_default();
        device.sample.source = key;
        let scope = if package {
            PowerScope::Package
        } else {
            PowerScope::Gpu
        };
        device.sample.scope = Some(scope);
        device.at_s = device.at_s.or(metric.at_s);
        if device.sample.name.is_none() {
            device.sample.name = name(metric, metrics);
        }
        device.put(figure, metric.value * factor);
    }
    merge_node(found)
}

impl Device {
    /// Takes a figure; of several of one kind (parts of a card) the first counts.
    fn put(&mut self, figure: Figure, value: f64) {
        let sample = &mut self.sample;
        let bytes = || Some(floor_u64(value));
        let fill = |field: &mut Option<f64>| *field = field.or(Some(value));
        match figure {
            Figure::Watts => fill(&mut sample.watts),
            Figure::LimitWatts => fill(&mut sample.limit_watts),
            Figure::SocWatts => fill(&mut sample.soc_watts),
            Figure::SystemWatts => fill(&mut sample.system_watts),
            Figure::Mhz => fill(&mut sample.mhz),
            Figure::Usage => fill(&mut sample.usage_percent),
            Figure::Celsius => fill(&mut sample.celsius),
            Figure::Joules => fill(&mut sample.energy_counter_j),
            Figure::Used => sample.vram_used_bytes = sample.vram_used_bytes.or_else(bytes),
            Figure::Total => sample.vram_total_bytes = sample.vram_total_bytes.or_else(bytes),
            Figure::Free => self.free = self.free.or_else(bytes),
        }
    }
}

/// Sensors of a machine are many: only those of a known graphics driver are a GPU's.
fn is_of_a_gpu(metric: &Metric, metrics: &[Metric]) -> bool {
    if !metric.name.starts_with("node_hwmon_") {
        return true;
    }
    let chip = metric.label("chip");
    let driver = metrics
        .iter()
        .find(|other| other.name == "node_hwmon_chip_names" && other.label("chip") == chip)
        .and_then(|other| other.label("chip_name"));
    let other_sensor = metric
        .label("sensor")
        .is_some_and(|sensor| !sensor.ends_with('1'));
    !other_sensor && driver.is_some_and(|driver| ["amdgpu", "xe", "i915"].contains(&driver))
}

fn name(metric: &Metric, metrics: &[Metric]) -> Option<String> {
    let own = NAME.iter().find_map(|label| metric.label(label));
    let uuid = metric.label("uuid");
    let from_info = || {
        metrics
            .iter()
            .find(|other| other.name == "nvidia_smi_gpu_info" && other.label("uuid") == uuid)
            .and_then(|other| other.label("name"))
    };
    let name = if metric.name.starts_with("nvidia_smi_") {
        from_info()
    } else {
        own.filter(|name| name.parse::<u32>().is_err())
    };
    name.map(crate::probe::source::short)
}

/// `node_exporter` names a card once by its sensors and once by its number: where there is one of each,
/// they are one.
fn merge_node(mut found: BTreeMap<String, Device>) -> Vec<Device> {
    let card = |key: &String| key.starts_with("card");
    let (cards, chips): (Vec<String>, Vec<String>) = found
        .keys()
        .filter(|key| !key.starts_with("rapl:"))
        .cloned()
        .partition(card);
    if let ([one_card], [chip]) = (cards.as_slice(), chips.as_slice())
        && let Some(other) = found.remove(one_card)
        && let Some(device) = found.get_mut(chip)
    {
        let (to, from) = (&mut device.sample, other.sample);
        to.usage_percent = to.usage_percent.or(from.usage_percent);
        to.vram_used_bytes = to.vram_used_bytes.or(from.vram_used_bytes);
        to.vram_total_bytes = to.vram_total_bytes.or(from.vram_total_bytes);
    }
    let mut devices: Vec<Device> = found.into_values().collect();
    for device in &mut devices {
        let sum = device.sample.vram_used_bytes.zip(device.free);
        let sum = sum.map(|(used, free)| used.saturating_add(free));
        device.sample.vram_total_bytes = device.sample.vram_total_bytes.or(sum);
    }
    devices
}

/// What the page of a server reports. Several engines are added up.
pub(crate) fn server(metrics: &[Metric]) -> Option<ServerSample> {
    let all = |name: &str| -> Option<f64> {
        let of_name = metrics.iter().filter(|metric| metric.name == name);
        let values: Vec<f64> = of_name
            .map(|metric| metric.value)
            .filter(|x| x.is_finite())
            .collect();
        (!values.is_empty()).then(|| values.iter().sum())
    };
    let either = |a: &str, b: &str| all(a).or_else(|| all(b));
    let count = |value: Option<f64>| value.and_then(|value| u32::try_from(floor_u64(value)).ok());
    let cache = metrics
        .iter()
        .filter(|metric| {
            ["vllm:kv_cache_usage_perc", "vllm:gpu_cache_usage_perc"]
                .contains(&metric.name.as_str())
        })
        .map(|metric| metric.value * 100.0)
        .filter(|percent| percent.is_finite())
        .reduce(f64::max);
    let running = count(either(
        "vllm:num_requests_running",
        "llamacpp:requests_processing",
    ));
    let waiting = count(either(
        "vllm:num_requests_waiting",
        "llamacpp:requests_deferred",
    ));
    (running.is_some() || waiting.is_some()).then(|| ServerSample {
        running,
        waiting,
        kv_cache_percent: cache,
        prompt_tokens_total: either("vllm:prompt_tokens_total", "llamacpp:prompt_tokens_total"),
        output_tokens_total: either(
            "vllm:generation_tokens_total",
            "llamacpp:tokens_predicted_total",
        ),
        ..ServerSample::default()
    })
}
