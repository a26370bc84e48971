//! What the machine did: GPU by level, processes, and what is unknown.

use crate::event::Stamp;
use crate::metrics::devices::{DeviceStats, Devices, Stat};
use crate::metrics::energy::Energy;
use crate::metrics::level::counted;
use crate::report::Report;
use crate::report::gather::ProcessTrace;
use crate::report::table::{Table, heads};
use crate::report::text::clean;
use crate::text::numbers::{bytes, floor_u64, grouped, number, or_unknown, users};

/// A table for each GPU source: what it did at each level. With the name of the device.
pub(super) fn gpu_by_level(report: &Report) -> Vec<(String, Table)> {
    let state = &report.gathered.state;
    let levels = counted(&state.cycles);
    let none = DeviceStats::default();
    let meter = &state.machine.meter;
    let gpus = report.gathered.gpus.iter();
    gpus.map(|(source, trace)| {
        let mut rows: Vec<Vec<String>> = levels
            .iter()
            .map(|(level, cycles)| {
                let gpus = Devices::from_cycles(cycles.iter().map(|cycle| &cycle.machine.gpus));
                let spans = cycles.iter().filter_map(|c| Some((c.opened?, c.ended?)));
                let power = meter.for_device(source, spans);
                row(users(*level), gpus.get(source).unwrap_or(&none), power)
            })
            .collect();
        let whole = state.machine.tracks.get(source).map(|track| &track.run);
        let power = meter.for_device(source, [(Stamp(0), state.now)]);
        rows.push(row("whole run".to_owned(), whole.unwrap_or(&none), power));
        let name = match &trace.name {
            Some(name) => format!("{} ({})", clean(name), clean(source)),
            None => clean(source),
        };
        let table = Table {
            caption: "Power in watts, clock in MHz, usage in percent",
            head: heads([
                "Level",
                "Samples",
                "Power mean",
                "max",
                "Clock mean",
                "max",
                "Usage mean",
                "Memory max",
                "Temperature max",
            ]),
            rows,
        };
        (name, table)
    })
    .collect()
}

fn row(name: String, gpu: &DeviceStats, power: Option<Energy>) -> Vec<String> {
    let size = |value: f64| bytes(Some(floor_u64(value)));
    let used = gpu.vram_used_bytes.max.map(size);
    let memory = match (used, gpu.vram_total_bytes.max.map(size)) {
        (Some(used), Some(total)) => Some(format!("{used} of {total}")),
        (used, _) => used,
    };
    vec![
        name,
        gpu.samples.to_string(),
        grouped(power.and_then(|power| power.mean_watts()), 1),
        grouped(power.and_then(|power| power.max_watts), 1),
        grouped(gpu.mhz.mean, 0),
        grouped(gpu.mhz.max, 0),
        grouped(gpu.usage_percent.mean, 0),
        or_unknown(memory),
        number(gpu.celsius.max, 0, " °C"),
    ]
}

/// What each process took; None where no process was sampled.
pub(super) fn processes(report: &Report) -> Option<Table> {
    let size = |stat: Stat| bytes(stat.max.map(floor_u64));
    let rows: Vec<Vec<String>> = report
        .gathered
        .processes
        .values()
        .map(|ProcessTrace { stats, .. }| {
            vec![
                or_unknown(stats.pid),
                or_unknown(Some(clean(&stats.name))),
                or_unknown(stats.role.as_deref().map(clean)),
                grouped(stats.cpu_percent.mean, 1),
                grouped(stats.cpu_percent.max, 1),
                grouped(stats.memory_percent.max, 1),
                size(stats.rss_bytes),
                size(stats.vsz_bytes),
                range(stats.threads),
                range(stats.descriptors),
            ]
        })
        .collect();
    (!rows.is_empty()).then(|| Table {
        caption: "CPU in percent of one core, memory in percent of the total; maxima of the run unless noted",
        head: heads([
            "Pid",
            "Name",
            "Role",
            "CPU mean",
            "CPU max",
            "Memory",
            "RSS",
            "VSZ",
            "Threads",
            "Descriptors",
        ]),
        rows,
    })
}

fn range(stat: Stat) -> String {
    match (stat.min, stat.max) {
        (Some(low), Some(high)) if high - low >= 1.0 => {
            format!("{}–{}", grouped(Some(low), 0), grouped(Some(high), 0))
        }
        (_, high) => grouped(high, 0),
    }
}

/// What the report does without, in sentences.
pub(super) fn missing(report: &Report) -> Vec<String> {
    let mut missing: Vec<String> = report.missing.iter().map(|text| clean(text)).collect();
    let gathered = &report.gathered;
    let mut add = |text: &str| missing.push(text.to_owned());
    if gathered.state.cycles.is_empty() {
        add("No cycle was run, so there are no figures and no charts.");
    }
    if gathered.gpus.is_empty() {
        add("No GPU was sampled, so there are no charts of power and frequency.");
    } else {
        let tracks = &gathered.state.machine.tracks;
        let gpus = || tracks.values().map(|track| &track.run);
        if gpus().all(|gpu| gpu.watts.n == 0) {
            add("Power is unknown, so there is no chart of it.");
        }
        if gpus().all(|gpu| gpu.mhz.n == 0) {
            add("The GPU clock is unknown, so there is no chart of it.");
        }
        if gpus().all(|gpu| gpu.usage_percent.n == 0) {
            add("GPU usage is unknown.");
        }
    }
    let unknown = crate::report::details::unknown(report);
    if !unknown.is_empty() && !report.summary.cycles.is_empty() {
        add(&format!("Unknown at every level: {}.", unknown.join("; ")));
    }
    if gathered.processes.is_empty() {
        add("No process was sampled, so there is no chart of processes.");
    }
    let energy = report.summary.energy.as_ref();
    if energy.and_then(|energy| energy.wh).is_none() {
        add("Energy is unknown.");
    }
    missing
}
