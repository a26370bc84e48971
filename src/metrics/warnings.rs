//! What casts doubt on the numbers of a run, and what to do about it, as far as its events show.

use crate::event::{RequestRecord, Warning, WarningKind};
use crate::metrics::bottleneck::{CLIENT_CORES, LOADED_S, PART_OF_WAIT};
use crate::metrics::dist::percentile;
use crate::metrics::state::{CycleState, RunState};
use crate::text::numbers::{counted, percent, seconds, users};

/// The first request is slow if it waited this many times as long as the median of the others…
const SLOW_TIMES: f64 = 3.0;
/// …and this much longer, seconds.
const SLOW_S: f64 = 0.5;
/// Others that the first request can be compared with.
const FEWEST_OTHERS: usize = 3;
/// Tokens with less than this between them, microseconds, came at once…
const SUDDEN_US: u64 = 100;
/// …and a stream came in bursts if this share of its gaps is like that…
const SUDDEN_SHARE: f64 = 0.9;
/// …of at least so many.
const FEWEST_GAPS: u64 = 10;
/// Server and client may count this share of the tokens differently.
const COUNT_SHARE: f64 = 0.02;

/// The warnings that follow from what was measured.
pub(crate) fn from_run(run: &RunState) -> Vec<Warning> {
    let mut all = Vec::new();
    all.extend(cold_load(run));
    // The requests of an import are in the order of their ends: none of them is the first.
    if run
        .info
        .as_ref()
        .is_some_and(|info| info.imported.is_none())
    {
        // Where more ask than are answered at once, the first may simply have waited in line.
        let slots = run.slots();
        let in_line = |cycle: &CycleState| slots.is_some_and(|slots| cycle.users > slots);
        let cycles = run.cycles.iter().filter(|cycle| !in_line(cycle));
        all.extend(cycles.filter_map(slow_first));
    }
    all.extend(client_late(run));
    all.extend(token_counts(run));
    all.extend(unread_parts(run));
    all.extend(buffered(run));
    all.extend(sampler_gaps(run));
    all.extend(other_processes(run));
    all.extend(processor_taken(run));
    all.extend(cut_short(run));
    all
}

fn done(run: &RunState) -> impl Iterator<Item = &RequestRecord> {
    run.cycles.iter().flat_map(CycleState::succeeded)
}

fn cold_load(run: &RunState) -> Option<Warning> {
    let loads = done(run).filter_map(|request| {
        let load = request.server.load_s.filter(|load| *load >= LOADED_S)?;
        (load > PART_OF_WAIT * request.ttft_s()?).then_some(load)
    });
    let cold: Vec<f64> = loads.collect();
    let longest = cold.iter().copied().reduce(f64::max)?;
    Some(Warning {
        kind: WarningKind::ColdLoad,
        text: format!(
            "{} waited for the model to load, up to {}: these waits say nothing about the \
             server under load. Keep the model in memory (keep_alive) and warm up first.",
            counted(cold.len() as u64, "request", "requests"),
            seconds(Some(longest))
        ),
    })
}

fn slow_first(cycle: &CycleState) -> Option<Warning> {
    let mut waits: Vec<(u64, f64)> = cycle
        .succeeded()
        .filter_map(|request| Some((request.id, request.ttft_s()?)))
        .collect();
    waits.sort_by_key(|(id, _)| *id);
    let (first, others) = waits.split_first()?;
    if others.len() < FEWEST_OTHERS {
        return None;
    }
    let mut sorted: Vec<f64> = others.iter().map(|(_, wait)| *wait).collect();
    sorted.sort_by(f64::total_cmp);
    let median = percentile(&sorted, 0.5)?;
    let slow = first.1 > median * SLOW_TIMES && first.1 > median + SLOW_S;
    slow.then(|| Warning {
        kind: WarningKind::SlowFirst,
        text: format!(
            "The first request at {} waited {}, the others {} (median): the server was \
             still warming up. Raise --warmup.",
            users(cycle.users),
            seconds(Some(first.1)),
            seconds(Some(median))
        ),
    })
}

/// The client asks and reads on one thread: once that has no time left, waits and speeds are its own. In one process with a
/// simulated server nobody knows which of both took it.
fn client_late(run: &RunState) -> Option<Warning> {
    let of_cycle = |cycle: &CycleState| {
        let client = cycle.client.filter(|client| client.seconds > 0.0)?;
        Some((client.cpu_s / client.seconds, cycle.users))
    };
    let cores = run.cycles.iter().filter_map(of_cycle);
    let (cores, at) = cores.reduce(|a, b| if b.0 > a.0 { b } else { a })?;
    (cores >= CLIENT_CORES && !run.is_simulated()).then(|| Warning {
        kind: WarningKind::ClientLate,
        text: format!(
            "The client used {} of a core at {}: it may limit the speed. Use fewer users, or run it on another machine.",
            percent(Some(cores), 0),
            users(at)
        ),
    })
}

fn token_counts(run: &RunState) -> Option<Warning> {
    let (mut server, mut chunks) = (0_u64, 0_u64);
    for request in done(run) {
        if let Some(tokens) = request.server.output_tokens {
            server += tokens;
            chunks += u64::from(request.chunks);
        }
    }
    let differ = server.abs_diff(chunks) as f64 > server as f64 * COUNT_SHARE;
    (server > 0 && differ).then(|| Warning {
        kind: WarningKind::TokenCounts,
        text: format!(
            "The server counts {server} output tokens, but {chunks} chunks arrived: gaps are between chunks, \
             speeds use the server's count."
        ),
    })
}

fn unread_parts(run: &RunState) -> Option<Warning> {
    let parts: u64 = done(run)
        .filter_map(|request| request.unread_parts.map(u64::from))
        .sum();
    (parts > 0).then(|| Warning {
        kind: WarningKind::TokenCounts,
        text: format!(
            "{} of the answers held no text that tokometer can read (an image, a tool's call …): they count for nothing.",
            counted(parts, "part", "parts")
        ),
    })
}

/// Tokens that come all at once were not written like that. A simulated server may be as fast as it likes.
fn buffered(run: &RunState) -> Option<Warning> {
    let is_sudden = |request: &&RequestRecord| {
        let gaps = request.itl_us.as_chunks::<2>().0.iter();
        let (sudden, all) = gaps.fold((0, 0), |(sudden, all), [us, count]| {
            let here = if *us < SUDDEN_US { *count } else { 0 };
            (sudden + here, all + count)
        });
        all >= FEWEST_GAPS && sudden as f64 >= all as f64 * SUDDEN_SHARE
    };
    let (of, sudden) = (done(run).count(), done(run).filter(is_sudden).count());
    let most = sudden * 2 > of && !run.is_simulated();
    most.then(|| Warning {
        kind: WarningKind::Buffered,
        text: format!(
            "The tokens of {sudden} of {} came in bursts, as after a proxy that holds the stream back: waits, speeds and \
             gaps are those of the bursts. Switch its buffering off (nginx: proxy_buffering off), or ask the server directly.",
            counted(of as u64, "request", "requests")
        ),
    })
}

fn sampler_gaps(run: &RunState) -> Option<Warning> {
    let gaps = run.cycles.iter().flat_map(|cycle| {
        let from = cycle.opened.unwrap_or(cycle.started);
        let meter = &run.machine.meter;
        meter.gaps(from, cycle.ended.unwrap_or(run.now))
    });
    let gaps: Vec<f64> = gaps.map(|(_, seconds)| seconds).collect();
    let longest = gaps.iter().copied().reduce(f64::max)?;
    Some(Warning {
        kind: WarningKind::SamplerGap,
        text: format!(
            "GPU samples are missing {} within cycles, for up to {}: energy excludes \
             these gaps.",
            counted(gaps.len() as u64, "time", "times"),
            seconds(Some(longest))
        ),
    })
}

fn other_processes(run: &RunState) -> Option<Warning> {
    let others = run
        .machine
        .gpus
        .values()
        .filter(|(_, sample)| sample.serves != Some(false));
    let others = others.filter_map(|(_, sample)| sample.other_processes);
    let count = others.sum::<u32>();
    (count > 0).then(|| Warning {
        kind: WarningKind::OtherProcess,
        text: format!(
            "{} on the GPU: speed and energy include their share. \
             Stop them and repeat.",
            counted(
                count,
                "other process is active",
                "other processes are active"
            )
        ),
    })
}

fn processor_taken(run: &RunState) -> Option<Warning> {
    let cycles = run.cycles.iter();
    let taken =
        cycles.filter_map(|cycle| Some((cycle.machine.host.taken_by_others()?, cycle.users)));
    let ((others, cores), at) = taken.reduce(|a, b| if b.0.0 > a.0.0 { b } else { a })?;
    Some(Warning {
        kind: WarningKind::OtherProcess,
        text: format!(
            "Other processes used {} of the {} at {}, which left none free: waits and speeds are affected. Stop them and repeat.",
            percent(Some(others), 0),
            counted(cores, "core", "cores"),
            users(at)
        ),
    })
}

/// The cycles that ended before all their requests had, or are still running: the verdict knows only a part of them.
fn cut_short(run: &RunState) -> Option<Warning> {
    let cut = run.cycles.iter().filter(|cycle| !cycle.is_whole());
    let users: Vec<String> = cut.map(|cycle| cycle.users.to_string()).collect();
    (!users.is_empty()).then(|| Warning {
        kind: WarningKind::CutShort,
        text: format!(
            "The cycle with {} {} is incomplete: in the verdict only the requests count that were sent before the first unfinished one (fast requests finish first).",
            users.join(", "),
            if *users == ["1"] { "user" } else { "users" }
        ),
    })
}

/// The repeats that disagree, for the summary.
pub(crate) fn disagreement(verdict: &crate::metrics::verdict::Verdict) -> Option<Warning> {
    let levels = verdict.levels.iter();
    let marked: Vec<String> = levels
        .filter(|level| level.repeats.as_ref().is_some_and(|r| r.disagree))
        .map(|level| level.users.to_string())
        .collect();
    (!marked.is_empty()).then(|| Warning {
        kind: WarningKind::Repeats,
        text: format!(
            "Repeats disagree at {} {}: they are on both sides of a limit, or differ by more than chance. \
             Repeat these levels on a quiet machine.",
            marked.join(", "),
            if *marked == ["1"] { "user" } else { "users" }
        ),
    })
}

#[cfg(test)]
#[path = "warnings_tests.rs"]
mod tests;
