//! What else differs between compared runs: hardware, server, prompts, plan, and how a server was simulated.

use crate::event::RunInfo;
use crate::metrics::state::RunState;
use crate::metrics::what_if::in_percent;
use crate::plan::Plan;
use crate::platform::Machine;
use crate::text::numbers::{UNKNOWN, bytes, clock, plain};
use crate::text::sanitize::one_line;

/// The longest setting in a sentence, characters.
const LONGEST: usize = 80;
/// The longest setting in the name of a run, characters.
const SHORT: usize = 28;
/// The most settings in the name of a run.
const IN_A_NAME: usize = 3;

/// A setting that runs can differ in.
struct Setting {
    /// The start of a sentence.
    name: &'static str,
    /// What stands before it in the name of a run; None where it is not told there.
    short: Option<&'static str>,
    of: fn(&RunState, &RunInfo) -> Option<String>,
}

const fn setting(
    name: &'static str,
    short: Option<&'static str>,
    of: fn(&RunState, &RunInfo) -> Option<String>,
) -> Setting {
    Setting { name, short, of }
}

/// All of them. One that a run does not know, such as the GPU of a machine that nobody sampled, does not differ.
const SETTINGS: &[Setting] = &[
    setting("The source of the numbers", Some(""), |_, info| {
        Some(source(info).to_owned())
    }),
    setting("The model", Some(""), |_, info| Some(model(info))),
    setting("The client's machine", None, |_, info| {
        Some(machine(&info.machine))
    }),
    setting("The GPU", Some(""), |run, _| gpus(run)),
    setting("The hardware as noted", Some(""), |_, info| {
        info.remarks.hardware.clone()
    }),
    setting("The server", Some(""), |_, info| {
        Some(info.target.server.clone().unwrap_or_else(unknown))
    }),
    setting("The number of slots", Some("slots "), |_, info| {
        let slots = info.target.slots.map(|slots| slots.to_string());
        Some(slots.unwrap_or_else(unknown))
    }),
    setting("The prompt", None, |_, info| Some(prompts(info))),
    setting("max-tokens", Some("max-tokens "), |_, info| {
        let most = info.plan.max_tokens;
        Some(most.map_or_else(|| "no limit".to_owned(), |n| n.to_string()))
    }),
    setting("The length of a cycle", Some(""), |_, info| {
        Some(format!("each user {}", info.plan.asks()))
    }),
    setting("How levels are found", None, |_, info| {
        Some(match info.plan.settle {
            Some(settle) => format!("searched for {}", clock(settle.within_s)),
            None => "planned".to_owned(),
        })
    }),
    setting("The endpoint", Some(""), |_, info| {
        Some(info.plan.api.to_string())
    }),
    setting("Thinking", Some("think "), |_, info| {
        Some(info.plan.think.to_string())
    }),
    setting("What requests ask for", Some(""), |_, info| {
        Some(options(&info.plan))
    }),
    setting("The limits", None, |_, info| Some(limits(info))),
    setting("The pause between cycles", None, |_, info| {
        Some(format!("{} s", plain(info.plan.rest_s)))
    }),
    setting("The number of warm-up requests", None, |_, info| {
        Some(info.plan.warmup.to_string())
    }),
    setting("The timeouts", None, |_, info| Some(timeouts(info))),
    setting("Whether hopeless levels are skipped", None, |_, info| {
        let skips = info.plan.stop_when_hopeless;
        Some(if skips { "yes" } else { "no" }.to_owned())
    }),
    setting("The price of a kilowatt-hour", None, |_, info| {
        let price = info.plan.energy.price.as_ref();
        Some(price.map_or_else(
            || "none".to_owned(),
            |price| format!("{} {}", plain(price.per_kwh), price.currency),
        ))
    }),
    setting(
        "The time scale of the simulation",
        Some("time scale "),
        |_, info| info.simulated.then(|| plain(info.plan.time_scale)),
    ),
    setting("The profile of the simulation", Some(""), |_, info| {
        Some(info.simulation.as_ref()?.profile.clone())
    }),
    setting(
        "The faults of the simulation",
        Some("faults "),
        |_, info| {
            let faults = info.simulation.as_ref()?.faults.join(", ");
            Some(if faults.is_empty() {
                "none".to_owned()
            } else {
                faults
            })
        },
    ),
];

/// In sentences, each naming what differs between the first run and another.
pub(crate) fn config_diff(runs: &[&RunState]) -> Vec<String> {
    let mut all = Vec::new();
    let Some((first, others)) = runs.split_first() else {
        return all;
    };
    for other in others {
        let sentences = SETTINGS.iter().filter_map(|setting| {
            let [a, b] = [first, other].map(|run| (setting.of)(run, run.info.as_ref()?));
            sentence(setting.name, &a?, &b?)
        });
        for sentence in sentences {
            if !all.contains(&sentence) {
                all.push(sentence);
            }
        }
    }
    all
}

/// What tells each run from the others, in short: empty where nothing does.
pub(crate) fn names(runs: &[&RunState]) -> Vec<String> {
    let mut names = vec![Vec::new(); runs.len()];
    for setting in SETTINGS {
        let Some(short) = setting.short else { continue };
        let values = runs.iter().map(|run| (setting.of)(run, run.info.as_ref()?));
        let values: Vec<Option<String>> = values.collect();
        let mut known = values.iter().flatten();
        let first = known.next();
        if known.all(|value| Some(value) == first) {
            continue;
        }
        for (name, value) in names.iter_mut().zip(values) {
            let value = value.filter(|_| name.len() < IN_A_NAME);
            name.extend(value.map(|value| format!("{short}{}", one_line(&value, SHORT))));
        }
    }
    names.into_iter().map(|name| name.join(" · ")).collect()
}

fn sentence(what: &str, a: &str, b: &str) -> Option<String> {
    if a == b {
        return None;
    }
    let (a, b) = (one_line(a, LONGEST), one_line(b, LONGEST));
    let are_many = ["The limits", "The timeouts", "The faults"];
    let verb = if are_many.iter().any(|many| what.starts_with(many)) {
        "differ"
    } else {
        "differs"
    };
    // Two long texts may begin alike.
    if a == b {
        return Some(format!("{what} {verb}"));
    }
    Some(format!("{what} {verb}: {a} vs {b}"))
}

fn unknown() -> String {
    UNKNOWN.to_owned()
}

fn source(info: &RunInfo) -> &'static str {
    if info.simulated {
        "simulated"
    } else if info.imported.is_some() {
        "imported: chunks counted as tokens"
    } else {
        "measured"
    }
}

fn model(info: &RunInfo) -> String {
    let model = &info.target.model;
    let quantization = model.quantization.as_deref().unwrap_or(UNKNOWN);
    format!("{} {quantization}", model.name)
}

fn machine(machine: &Machine) -> String {
    let cores = machine.cores.map(|cores| format!("{cores} cores"));
    let memory = machine.memory_bytes.map(|memory| bytes(Some(memory)));
    let arch = Some(machine.arch.clone()).filter(|arch| !arch.is_empty());
    let parts: Vec<String> = [machine.cpu.clone(), arch, cores, memory]
        .into_iter()
        .flatten()
        .collect();
    if parts.is_empty() {
        unknown()
    } else {
        parts.join(", ")
    }
}

fn gpus(run: &RunState) -> Option<String> {
    let gpus = run.machine.gpus.values();
    let mut names: Vec<String> = gpus.filter_map(|(_, gpu)| gpu.name.clone()).collect();
    names.sort();
    (!names.is_empty()).then(|| names.join(", "))
}

fn prompts(info: &RunInfo) -> String {
    match info.plan.prompts.as_slice() {
        [] => unknown(),
        [only] => only.clone(),
        [first, ..] => {
            let rest = info.plan.prompts.join("\n");
            let more = info.plan.prompts.len();
            let first = one_line(first, LONGEST / 2);
            // The whole of them is compared, of which only the beginning is shown.
            format!("{more} prompts, the first: {first} {rest}")
        }
    }
}

/// What requests ask of the server beside an answer.
fn options(plan: &Plan) -> String {
    match serde_json::to_value(&plan.options) {
        Ok(serde_json::Value::Object(fields)) if !fields.is_empty() => {
            let fields = fields.iter().map(|(name, value)| format!("{name} {value}"));
            fields.collect::<Vec<_>>().join(", ")
        }
        _ => "the server's own settings".to_owned(),
    }
}

fn limits(info: &RunInfo) -> String {
    let limits = &info.plan.limits;
    format!(
        "wait ≤ {} s, speed ≥ {} tok/s, share {} %",
        limits.wait_s,
        limits.speed_tok_s,
        plain(in_percent(limits.share))
    )
}

fn timeouts(info: &RunInfo) -> String {
    let timeouts = info.plan.timeouts;
    let each = [timeouts.first_s, timeouts.next_s, timeouts.total_s];
    let each = each.map(|s| s.map_or_else(|| "none".to_owned(), |s| format!("{} s", plain(s))));
    format!(
        "{} to the first token, {} between, {} in all",
        each[0], each[1], each[2]
    )
}
