//! What the machine did: GPU by level, processes, and what is unknown.

use std::collections::BTreeMap;

use crate::event::Stamp;
use crate::metrics::devices::{DeviceStats, Devices, ProcessStats, Stat};
use crate::metrics::energy::Energy;
use crate::metrics::level::counted;
use crate::report::Report;
use crate::report::gather::{MIB, ProcessTrace, RoleStats};
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

/// The figures of processes: mean and highest of each.
const FIGURES: [&str; 12] = [
    "CPU mean",
    "max",
    "Memory mean",
    "max",
    "RSS mean",
    "max",
    "VSZ mean",
    "max",
    "Threads mean",
    "max",
    "Descriptors mean",
    "max",
];

fn figures(stats: &ProcessStats) -> impl Iterator<Item = String> {
    let each = [
        (stats.cpu_percent, 1.0, [1, 1]),
        (stats.memory_percent, 1.0, [1, 1]),
        (stats.rss_bytes, MIB, [0, 0]),
        (stats.vsz_bytes, MIB, [0, 0]),
        (stats.threads, 1.0, [1, 0]),
        (stats.descriptors, 1.0, [1, 0]),
    ];
    each.into_iter()
        .flat_map(|(stat, unit, [mean, max]): (Stat, f64, [usize; 2])| {
            [(stat.mean, mean), (stat.max, max)]
                .map(|(value, digits)| grouped(value.map(|value| value * unit), digits))
        })
}

/// For each role what its processes took together: while nothing was asked, and at each level.
pub(super) fn roles(report: &Report) -> Vec<(String, Table)> {
    let table = |(role, levels): (&String, &BTreeMap<Option<u32>, RoleStats>)| {
        let row = |(level, stats): (&Option<u32>, &RoleStats)| {
            let name = level.map_or_else(|| "idle".to_owned(), |level| level.to_string());
            let count = match (stats.count.min, stats.count.max) {
                (Some(low), Some(high)) if high > low => format!("{low:.0}–{high:.0}"),
                (_, most) => grouped(most, 0),
            };
            [name, count]
                .into_iter()
                .chain(figures(&stats.sum))
                .collect()
        };
        let name = match role.as_str() {
            "" => "All processes:".to_owned(),
            "server" => "The server:".to_owned(),
            "runner" => "The model runner:".to_owned(),
            "client" => "The client, which is tokometer:".to_owned(),
            other => format!("{}:", clean(other)),
        };
        let table = Table {
            caption: "All processes of the role together, by users; CPU in percent of one core, memory in percent of all, RSS and VSZ in MiB",
            head: heads(["Users", "Processes"])
                .into_iter()
                .chain(heads(FIGURES))
                .collect(),
            rows: levels.iter().map(row).collect(),
        };
        (name, table)
    };
    report.gathered.roles.iter().map(table).collect()
}

/// What each process took; None where no process was sampled.
pub(super) fn processes(report: &Report) -> Option<Table> {
    let rows: Vec<Vec<String>> = report
        .gathered
        .processes
        .values()
        .map(|ProcessTrace { stats, .. }| {
            let named = [
                or_unknown(stats.pid),
                or_unknown(Some(clean(&stats.name))),
                or_unknown(stats.role.as_deref().map(clean)),
            ];
            named.into_iter().chain(figures(stats)).collect()
        })
        .collect();
    (!rows.is_empty()).then(|| Table {
        caption: "Each process over the whole run; CPU in percent of one core, memory in percent of all, RSS and VSZ in MiB",
        head: heads(["Pid", "Name", "Role"])
            .into_iter()
            .chain(heads(FIGURES))
            .collect(),
        rows,
    })
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
