//! What else differs between compared runs: hardware, server, prompts, plan.

use crate::event::RunInfo;
use crate::metrics::state::RunState;
use crate::plan::{CycleShape, Plan};
use crate::platform::Machine;
use crate::text::numbers::{UNKNOWN, bytes, percent};
use crate::text::sanitize::one_line;

/// In sentences, each naming what differs between the first run and another.
pub(crate) fn config_diff(runs: &[&RunState]) -> Vec<String> {
    let mut all = Vec::new();
    let Some((first, others)) = runs.split_first() else {
        return all;
    };
    for other in others {
        if let (Some(a), Some(b)) = (&first.info, &other.info) {
            for sentence in hardware(first, other, a, b).into_iter().chain(plans(a, b)) {
                if !all.contains(&sentence) {
                    all.push(sentence);
                }
            }
        }
    }
    all
}

fn differs(what: &str, a: &str, b: &str) -> Option<String> {
    let (a, b) = (one_line(a, 80), one_line(b, 80));
    (a != b).then(|| format!("{what} differs: {a} vs {b}"))
}

fn hardware(first: &RunState, other: &RunState, a: &RunInfo, b: &RunInfo) -> Vec<String> {
    let (gpus_a, gpus_b) = (gpus(first), gpus(other));
    let known = !gpus_a.is_empty() && !gpus_b.is_empty();
    let source = |info: &RunInfo| {
        if info.simulated {
            "simulated"
        } else if info.imported.is_some() {
            "imported: chunks counted as tokens"
        } else {
            "measured"
        }
    };
    let model = |info: &RunInfo| {
        let model = &info.target.model;
        let quantization = model.quantization.as_deref().unwrap_or(UNKNOWN);
        format!("{} {quantization}", model.name)
    };
    let server = |info: &RunInfo| {
        info.target
            .server
            .clone()
            .unwrap_or_else(|| UNKNOWN.to_owned())
    };
    let slots = |info: &RunInfo| {
        let slots = info.target.slots.map(|slots| slots.to_string());
        slots.unwrap_or_else(|| UNKNOWN.to_owned())
    };
    [
        differs("The source of the numbers", source(a), source(b)),
        differs("The model", &model(a), &model(b)),
        differs(
            "The client's machine",
            &machine(&a.machine),
            &machine(&b.machine),
        ),
        known
            .then(|| differs("The GPU", &gpus_a, &gpus_b))
            .flatten(),
        differs("The server", &server(a), &server(b)),
        differs("The number of slots", &slots(a), &slots(b)),
        way(a)
            .zip(way(b))
            .and_then(|(a, b)| differs("The way to the server", &a, &b)),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// How a run reached its server: its scheme says whether over TLS. Imported runs have no address.
fn way(info: &RunInfo) -> Option<String> {
    let route = &info.target.route;
    let (scheme, _) = info.target.url.split_once(':')?;
    let http2 = route.http2.then(|| "HTTP/2".to_owned());
    let proxy = route.proxy.as_ref().map(|proxy| format!("through {proxy}"));
    let parts: Vec<String> = [Some(scheme.to_owned()), http2, proxy]
        .into_iter()
        .flatten()
        .collect();
    Some(parts.join(", "))
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
        UNKNOWN.to_owned()
    } else {
        parts.join(", ")
    }
}

fn gpus(run: &RunState) -> String {
    let names = run
        .machine
        .gpus
        .values()
        .filter_map(|(_, sample)| sample.name.clone());
    let mut names: Vec<String> = names.collect();
    names.sort();
    names.join(", ")
}

fn length(shape: CycleShape) -> String {
    match shape {
        CycleShape::Waves(1) => "each user asks once".to_owned(),
        CycleShape::Waves(times) => format!("each user asks {times} times"),
        CycleShape::DurationS(seconds) => format!("{seconds} s"),
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

fn plans(a: &RunInfo, b: &RunInfo) -> Vec<String> {
    let (p, q) = (&a.plan, &b.plan);
    let tokens = |most: Option<u32>| most.map_or_else(|| "no limit".to_owned(), |n| n.to_string());
    let prompts = |prompts: &[String]| {
        let first = prompts.first().map_or(UNKNOWN, String::as_str);
        match prompts.len() {
            0 | 1 => first.to_owned(),
            more => format!("{more} prompts, the first: {first}"),
        }
    };
    let limits = |plan: &Plan| {
        let limits = &plan.limits;
        format!(
            "wait ≤ {} s, speed ≥ {} tok/s, share {}",
            limits.wait_s,
            limits.speed_tok_s,
            percent(Some(limits.share), 0)
        )
    };
    let visibly = differs("The prompt", &prompts(&p.prompts), &prompts(&q.prompts));
    // Two long lists of prompts may begin alike.
    let prompt =
        visibly.or_else(|| (p.prompts != q.prompts).then(|| "The prompts differ".to_owned()));
    [
        prompt,
        differs("max-tokens", &tokens(p.max_tokens), &tokens(q.max_tokens)),
        differs("The length of a cycle", &length(p.shape), &length(q.shape)),
        differs("The endpoint", &p.api.to_string(), &q.api.to_string()),
        differs("Thinking", &p.think.to_string(), &q.think.to_string()),
        differs("What requests ask for", &options(p), &options(q)),
        differs("The limits", &limits(p), &limits(q)),
    ]
    .into_iter()
    .flatten()
    .collect()
}
