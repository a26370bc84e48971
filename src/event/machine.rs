//! What the monitors see: GPUs, processes, the server's own state, and how the sources fare.

use serde::{Deserialize, Serialize};

/// One reading of one GPU (or package); each field absent where not known.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct GpuSample {
    /// Which source and device, for example `nvml:GPU-1234`.
    pub source: String,
    /// The device's name.
    pub name: Option<String>,
    /// Power, watts.
    pub watts: Option<f64>,
    /// Clock, MHz.
    pub mhz: Option<f64>,
    /// Usage, percent.
    pub usage_percent: Option<f64>,
    /// Memory in use, bytes.
    pub vram_used_bytes: Option<u64>,
    /// Memory there is, bytes.
    pub vram_total_bytes: Option<u64>,
    /// Temperature, °C.
    pub celsius: Option<f64>,
    /// Energy counter, joules since some beginning.
    pub energy_counter_j: Option<f64>,
    /// The window that `watts` is the mean of, seconds; None for an instant.
    pub window_s: Option<f64>,
    /// What `watts` and the energy counter cover.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scope: Option<PowerScope>,
    /// The most power the device may draw, watts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit_watts: Option<f64>,
    /// Power of the chip as a whole (CPU, GPU and the rest), watts, where a source reports it beside `watts`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub soc_watts: Option<f64>,
    /// Power of the whole machine, watts, where a source reports it beside `watts`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub system_watts: Option<f64>,
    /// Memory bandwidth of the device, bytes a second, from its bus width and memory clock.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bandwidth_bytes_s: Option<f64>,
    /// Whether the server under test computes on it, where known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub serves: Option<bool>,
    /// Processes that compute on it and are not the server's, where known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub other_processes: Option<u32>,
    /// How old the reading was when it was taken over, seconds; None for a fresh one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub age_s: Option<f64>,
    /// What a reader of the figures should know, for example that usage is active residency.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
    /// Whether it is made up.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub simulated: bool,
}

/// What a power figure covers. Figures of different scopes are never added.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, strum::Display,
)]
#[serde(rename_all = "snake_case")]
pub enum PowerScope {
    /// The GPU alone (on cards: the card's board).
    #[strum(serialize = "GPU")]
    Gpu,
    /// CPU, GPU and the rest of one chip.
    #[strum(serialize = "SoC (CPU+GPU)")]
    Soc,
    /// The CPU's package.
    #[strum(serialize = "CPU package")]
    Package,
    /// A module or board with more than the GPU on it.
    #[strum(serialize = "board")]
    Board,
}

/// One reading of one process; each field absent where not known.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct ProcessSample {
    /// Process id; 0 for a group of processes that an exporter reports.
    pub pid: u32,
    /// Parent's id.
    pub parent: Option<u32>,
    /// Name.
    pub name: String,
    /// `server`, `runner`, `client`.
    pub role: Option<String>,
    /// Threads.
    pub threads: Option<u32>,
    /// Open descriptors.
    pub descriptors: Option<u32>,
    /// Resident memory, bytes.
    pub rss_bytes: Option<u64>,
    /// Virtual memory, bytes.
    pub vsz_bytes: Option<u64>,
    /// Processor use, percent of one core.
    pub cpu_percent: Option<f64>,
    /// Share of main memory, percent.
    pub memory_percent: Option<f64>,
    /// Age, seconds.
    pub age_s: Option<f64>,
    /// Requests it answers at once, from its command line (a model runner).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub slots: Option<u32>,
    /// Context over all slots, tokens, from its command line (a model runner).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub context: Option<u64>,
}

/// How busy the server's machine is; each field absent where not known.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct HostSample {
    /// Processor cores.
    pub cores: Option<u32>,
    /// Processor use of all processes together, percent of one core.
    pub cpu_percent: Option<f64>,
    /// The part of it that is neither the server's nor the client's, percent of one core.
    pub others_percent: Option<f64>,
    /// Pages of memory written to and read from the disk, a second.
    pub swapped_pages_s: Option<f64>,
    /// Memory that is on the disk instead, bytes, where the pages are not counted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub swap_used_bytes: Option<u64>,
}

/// A process id; None for the 0 of a group.
pub fn known_pid(pid: u32) -> Option<u32> {
    (pid != 0).then_some(pid)
}

impl ProcessSample {
    /// What distinguishes it from others: its id, or, of a group that an exporter reports, its name.
    pub fn id(&self) -> (u32, String) {
        let group = (self.pid == 0).then(|| self.name.clone());
        (self.pid, group.unwrap_or_default())
    }
}

/// The server's own state, as it reports it; each field absent where not known.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct ServerSample {
    /// Who reports it: `command line`, `/slots`, `/api/ps`, or an exporter's address.
    pub source: String,
    /// Requests it answers at once.
    pub slots: Option<u32>,
    /// Of these, busy now.
    pub slots_busy: Option<u32>,
    /// Context over all slots, tokens.
    pub context: Option<u64>,
    /// Requests being answered.
    pub running: Option<u32>,
    /// Requests waiting in line.
    pub waiting: Option<u32>,
    /// Share of the key-value cache in use, percent.
    pub kv_cache_percent: Option<f64>,
    /// Prompt tokens read since the server's start.
    pub prompt_tokens_total: Option<f64>,
    /// Output tokens written since the server's start.
    pub output_tokens_total: Option<f64>,
    /// The models in memory.
    pub models: Vec<LoadedModel>,
}

/// A model in the server's memory.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct LoadedModel {
    /// Its name.
    pub name: String,
    /// Bytes in memory.
    pub size_bytes: Option<u64>,
    /// Of these, bytes in GPU memory.
    pub vram_bytes: Option<u64>,
    /// Context it is loaded with, tokens.
    pub context: Option<u64>,
}

impl LoadedModel {
    /// Share of it in GPU memory, 0–1; 0 means that the CPU computes.
    pub fn gpu_share(&self) -> Option<f64> {
        let (size, vram) = (self.size_bytes?, self.vram_bytes?);
        (size > 0).then(|| (vram as f64 / size as f64).min(1.0))
    }
}

/// Power of the warm but idle machine, measured before the first cycle.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct EnergyBaseline {
    /// Mean power, watts, over all devices that count.
    pub watts: f64,
    /// How long it was measured, seconds.
    pub seconds: f64,
    /// What it covers.
    pub scope: Option<PowerScope>,
}

/// The state of a source of the monitors.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SourceNote {
    pub source: SourceName,
    /// What it is up to.
    pub state: SourceState,
    /// What is wrong, if something is.
    pub why: Option<String>,
    /// The command or step that fixes it, where one does.
    #[serde(rename = "mend")]
    pub fix: Option<String>,
}

impl SourceNote {
    /// What is wrong and what fixes it, in a line; None where nothing is.
    pub fn line(&self) -> Option<String> {
        let why = self.why.as_ref()?;
        // An address is named by what is wrong with it.
        let named = if why.contains(self.source.as_str()) {
            why.clone()
        } else {
            format!("{}: {why}", self.source)
        };
        Some(match &self.fix {
            Some(fix) => format!("{named}: {fix}"),
            None => named,
        })
    }
}

/// What a note of a source is about.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(from = "String", into = "String")]
pub enum SourceName {
    /// A source by its name: `nvidia`, `processes`, an exporter's address.
    Source(String),
    /// All of this machine: none of its sources is read, since the server runs on another.
    ThisMachine,
}

impl SourceName {
    const THIS_MACHINE: &str = "this machine";

    /// What files of runs and the screen call it.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Source(name) => name,
            Self::ThisMachine => Self::THIS_MACHINE,
        }
    }
}

impl From<String> for SourceName {
    fn from(name: String) -> Self {
        if name == Self::THIS_MACHINE {
            Self::ThisMachine
        } else {
            Self::Source(name)
        }
    }
}

impl From<SourceName> for String {
    fn from(name: SourceName) -> Self {
        name.as_str().to_owned()
    }
}

impl std::fmt::Display for SourceName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What a source is up to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, strum::Display)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum SourceState {
    /// No reading yet, but there is time.
    Starting,
    /// Its newest reading is fresh.
    Live,
    /// It has not answered for a while.
    Late,
    /// It says what is wrong; it is asked again.
    Failing,
    /// It says what is wrong; asking again is of no use.
    Unusable,
    /// This machine has no such thing.
    Absent,
}
