//! Which of the causes was seen, in words.

use crate::event::failures_in_words;
use crate::metrics::bottleneck::seen::{Seen, Server, Wait};
use crate::metrics::bottleneck::{Evidence, Limit, ReasonKind};
use crate::metrics::interval::{Moments, relative_alike, welch};
use crate::metrics::machine::Swapping;
use crate::metrics::verdict::{Judgment, State};
use crate::text::numbers::{
    UNKNOWN, bytes, counted, decimal, floor_u64, grouped_count, percent, seconds, short, users,
};
use crate::text::sanitize::one_line;

/// Below this usage, percent, a GPU is not what holds the answers up.
const BUSY: f64 = 70.0;
/// The total falls if it is less than this share of what it was, and beyond the noise.
const FELL: f64 = 0.9;
/// A part of a wait counts if it is more than this share of it.
pub(crate) const PART_OF_WAIT: f64 = 0.1;
/// Loading for less than this, seconds, is only a look at a model that is in memory.
pub(crate) const LOADED_S: f64 = 0.5;
/// A prompt is cold if reading it took this many times as long as it mostly takes…
const COLD_TIMES: f64 = 3.0;
/// …and so many others show how long that is.
const COLD_OTHERS: usize = 3;
/// Waits grow with prompts if the longest prompt has this many times the tokens of the shortest…
const PROMPTS_VARY: f64 = 1.5;
/// …if the prompts explain so much of the waits' variance…
const EXPLAINED: f64 = 0.5;
/// …and if there are so many.
const PROMPTS: usize = 8;
/// The client asks and reads on one thread: so much of a core means that it is late.
pub(crate) const CLIENT_CORES: f64 = 0.8;
/// From here on, percent, a cache of keys and values has no room for another request.
const CACHE_FULL: f64 = 99.0;
/// The server's words are cut to so many characters.
const WORDS: usize = 120;

/// A cause, and what was seen of it.
type Cause = (ReasonKind, String);

/// The causes for which a level misses a limit, the main one first; none where nothing was seen.
pub(super) fn causes(
    limit: Limit,
    judged: &Judgment,
    at: &Seen,
    before: Option<&Seen>,
    server: &Server,
) -> Vec<Cause> {
    let missed = judged.of.saturating_sub(judged.met);
    let failed = at.at.failed;
    if failed > 0 && failed * 2 >= missed {
        return vec![failures(at)];
    }
    let mut beside: Vec<Cause> = Vec::new();
    beside.extend(client(at, server));
    beside.extend(memory(at));
    beside.extend(other_process(at, server));
    if limit == Limit::Speed {
        beside.extend(not_on_gpu(server).or_else(|| gpu_idle(at)));
    }
    let of_wait = || match limit {
        Limit::Wait => wait(at, before, server),
        Limit::Speed => None,
    };
    let is_disturbed = |cause: &Cause| cause.0 != ReasonKind::NotOnGpu;
    let too_much = || {
        let fails = judged.state == Some(State::Fails) && !beside.iter().any(is_disturbed);
        (at.at.users == 1 && fails).then(|| alone(limit, &at.at))
    };
    let grown = || before.and_then(|before| grown(limit, before, at));
    let main = of_wait().or_else(grown).or_else(too_much);
    main.into_iter().chain(beside).collect()
}

fn number(value: Option<f64>, unit: &str) -> String {
    match value {
        Some(_) if unit == "s" => seconds(value),
        Some(value) if value < 10.0 => format!("{} {unit}", decimal(value, 2)),
        Some(value) => format!("{} {unit}", decimal(value, 1)),
        None => UNKNOWN.to_owned(),
    }
}

fn failures(seen: &Seen) -> Cause {
    let at = &seen.at;
    let kinds = failures_in_words(seen.errors.iter().map(|(kind, n)| (kind, *n)));
    let of = format!("{} of {} requests", at.failed, at.requests);
    if seen.unreached * 2 > at.failed {
        let text = format!(
            "the server went away: {of} failed at {} ({kinds})",
            users(at.users)
        );
        return (ReasonKind::ServerGone, text);
    }
    let words = match &seen.words {
        Some((words, count)) => {
            let times = if *count == at.failed && seen.errors.len() == 1 {
                String::new()
            } else {
                format!(" {}", counted(*count, "time", "times"))
            };
            format!(": “{}”{times}", one_line(words, WORDS))
        }
        None => String::new(),
    };
    let text = format!("{of} failed at {} ({kinds}{words})", users(at.users));
    (ReasonKind::Errors, text)
}

/// Where the waits that were too long come from.
fn wait(at: &Seen, before: Option<&Seen>, server: &Server) -> Option<Cause> {
    reload(at)
        .or_else(|| cold_prompt(at))
        .or_else(|| prefill(at))
        .or_else(|| prompts(at))
        .or_else(|| slots(at, before, server))
        .or_else(|| queue(at))
}

/// Of the late waits those that meet a condition, if they are at least half; and the longest part of them.
fn mostly(late: &[Wait], part: impl Fn(&Wait) -> Option<f64>) -> Option<(usize, f64)> {
    let parts: Vec<f64> = late.iter().filter_map(part).collect();
    let longest = parts.iter().copied().reduce(f64::max)?;
    (parts.len() * 2 >= late.len()).then_some((parts.len(), longest))
}

/// "3 of 4 requests that waited too long at 8 users".
fn late_requests(count: usize, at: &Seen) -> String {
    let all = at.late.len();
    let noun = if all == 1 { "request" } else { "requests" };
    format!(
        "{count} of {all} {noun} that waited too long at {}",
        users(at.at.users)
    )
}

fn reload(at: &Seen) -> Option<Cause> {
    let loading = |wait: &Wait| {
        let load = wait.load_s?;
        (load >= LOADED_S && load > PART_OF_WAIT * wait.wait_s).then_some(load)
    };
    let (count, longest) = mostly(&at.late, loading)?;
    let text = format!(
        "{} waited for the model to load, up to {}",
        late_requests(count, at),
        seconds(Some(longest))
    );
    Some((ReasonKind::Reload, text))
}

fn cold_prompt(at: &Seen) -> Option<Cause> {
    let usual = |prompt: u32| {
        let others = at.waits.iter().filter(|wait| wait.prompt == prompt);
        let mut read: Vec<f64> = others.filter_map(|wait| wait.prefill_s).collect();
        read.sort_by(f64::total_cmp);
        (read.len() > COLD_OTHERS).then(|| read.get(read.len() / 2).copied())?
    };
    let cold = |wait: &Wait| {
        let (read, usual) = (wait.prefill_s?, usual(wait.prompt)?);
        (read > COLD_TIMES * usual && read * 2.0 >= wait.wait_s).then_some(read)
    };
    let (count, longest) = mostly(&at.late, cold)?;
    let of_coldest = |wait: &&Wait| cold(wait) == Some(longest);
    let usual = usual(at.late.iter().find(of_coldest)?.prompt);
    let text = format!(
        "{}: the server took {} to read a prompt that usually takes {}",
        late_requests(count, at),
        seconds(Some(longest)),
        seconds(usual)
    );
    Some((ReasonKind::ColdPrompt, text))
}

/// The means of the late waits of which the server reports the parts: wait, prefill, rest.
fn parts(late: &[Wait]) -> Option<(f64, f64, f64)> {
    let known = late.iter().filter_map(|wait| {
        let rest = wait.rest_s()?;
        Some((wait.wait_s, wait.prefill_s?, rest))
    });
    let (mut sum, mut n) = ((0.0, 0.0, 0.0), 0_usize);
    for (wait, prefill, rest) in known {
        sum = (sum.0 + wait, sum.1 + prefill, sum.2 + rest);
        n += 1;
    }
    let count = n as f64;
    (n > 0 && n * 2 >= late.len()).then(|| (sum.0 / count, sum.1 / count, sum.2 / count))
}

fn prefill(at: &Seen) -> Option<Cause> {
    let (wait, prefill, _) = parts(&at.late)?;
    (prefill * 2.0 >= wait).then(|| {
        let text = format!(
            "the server reads the prompt for {} of a wait of {} at {}",
            seconds(Some(prefill)),
            seconds(Some(wait)),
            users(at.at.users)
        );
        (ReasonKind::Prefill, text)
    })
}

/// Waits that grow with the prompts, where the server does not say how long it reads them.
fn prompts(at: &Seen) -> Option<Cause> {
    if parts(&at.late).is_some() || at.late.is_empty() {
        return None;
    }
    let known = at.waits.iter();
    let mut known: Vec<(u64, f64)> = known
        .filter_map(|wait| Some((wait.prompt_tokens?, wait.wait_s)))
        .collect();
    known.sort_by(|a, b| a.0.cmp(&b.0).then(a.1.total_cmp(&b.1)));
    let (shortest, longest) = (known.first()?.0, known.last()?.0);
    if known.len() < PROMPTS || (longest as f64) < PROMPTS_VARY * shortest.max(1) as f64 {
        return None;
    }
    let n = known.len() as f64;
    let mean_tokens = known.iter().map(|(tokens, _)| *tokens as f64).sum::<f64>() / n;
    let mean_wait = known.iter().map(|(_, wait)| wait).sum::<f64>() / n;
    let (mut xx, mut xy, mut yy) = (0.0, 0.0, 0.0);
    for (tokens, wait) in &known {
        let (x, y) = (*tokens as f64 - mean_tokens, wait - mean_wait);
        (xx, xy, yy) = (xx + x * x, xy + x * y, yy + y * y);
    }
    if xy <= 0.0 || yy <= 0.0 || xy * xy / (xx * yy) < EXPLAINED {
        return None;
    }
    let quarter = known.len() / 4;
    let mean = |some: &[(u64, f64)]| {
        let n = some.len() as f64;
        let tokens: u64 = some.iter().map(|(tokens, _)| tokens).sum();
        let waits: f64 = some.iter().map(|(_, wait)| wait).sum();
        format!(
            "{} at {} tokens",
            seconds(Some(waits / n)),
            grouped_count(tokens / (some.len() as u64).max(1))
        )
    };
    let short = mean(known.get(..quarter)?);
    let long = mean(known.get(known.len() - quarter..)?);
    let text = format!(
        "wait grows with the prompt ({short} → {long}, with {})",
        users(at.at.users)
    );
    Some((ReasonKind::Prefill, text))
}

/// Fewer slots than users, where the server reports them or the requests show them.
fn slots(at: &Seen, before: Option<&Seen>, server: &Server) -> Option<Cause> {
    // A server that answers more at once than it says is not limited by what it says.
    let reported = server.slots.filter(|slots| at.most_at_once <= *slots);
    let why = match (reported, at.at_once) {
        (Some(slots), _) if slots < at.at.users => {
            format!("more users than slots ({slots}), so the rest wait in the queue")
        }
        (None, Some(1)) => "only 1 was answered at once, so the rest wait in the queue".to_owned(),
        (None, Some(most)) => {
            format!("at most {most} were answered at once, so the rest wait in the queue")
        }
        _ => return None,
    };
    if at.late.is_empty() {
        return None;
    }
    let seen = match before {
        Some(before) if speed_holds(&before.at, &at.at) => format!(
            "wait grows ({}) while speed holds ({})",
            from_to(&before.at, &at.at, |l| l.wait_s, "s"),
            from_to(&before.at, &at.at, |l| l.speed_tok_s, "tok/s")
        ),
        Some(before) => format!(
            "wait grows ({})",
            from_to(&before.at, &at.at, |l| l.wait_s, "s")
        ),
        None => format!("{} wait {}", users(at.at.users), number(at.at.wait_s, "s")),
    };
    Some((ReasonKind::Queue, format!("{seen}: {why}")))
}

/// The wait before the prompt is read, where the server reports what comes after.
fn queue(at: &Seen) -> Option<Cause> {
    let (wait, _, rest) = parts(&at.late)?;
    (rest * 2.0 >= wait).then(|| {
        let text = format!(
            "requests spend {} of {} waiting before the server reads their prompt at {}",
            seconds(Some(rest)),
            seconds(Some(wait)),
            users(at.at.users)
        );
        (ReasonKind::Queue, text)
    })
}

/// Whether the speed fell by less than half of what sharing among all users would take.
fn speed_holds(before: &Evidence, at: &Evidence) -> bool {
    let fair = f64::from(before.users) / f64::from(at.users.max(1));
    ratio(before.speed_tok_s, at.speed_tok_s).is_some_and(|ratio| ratio >= 1.0 - (1.0 - fair) / 2.0)
}

fn ratio(was: Option<f64>, is: Option<f64>) -> Option<f64> {
    let (was, is) = (was?, is?);
    (was > 0.0).then(|| is / was)
}

fn from_to(
    before: &Evidence,
    at: &Evidence,
    figure: fn(&Evidence) -> Option<f64>,
    unit: &str,
) -> String {
    format!(
        "{} at {} → {} at {}",
        number(figure(before), unit),
        before.users,
        number(figure(at), unit),
        users(at.users)
    )
}

/// By how much, as a share, the second is more (or less) than the first, if that is beyond the noise of both.
fn change(before: Option<Moments>, at: Option<Moments>) -> Option<f64> {
    let difference = relative_alike(&before?, &at?)?;
    difference.is_shown().then_some(difference.by)
}

/// What changed from the level before, beyond the noise.
fn grown(limit: Limit, before: &Seen, at: &Seen) -> Option<Cause> {
    let wait_text = from_to(&before.at, &at.at, |level| level.wait_s, "s");
    let speed_text = from_to(&before.at, &at.at, |level| level.speed_tok_s, "tok/s");
    let total_text = from_to(&before.at, &at.at, |level| level.total_tok_s, "tok/s");
    let speed = change(before.speed, at.speed);
    let falls = speed.is_some_and(|by| by < 0.0);
    let lead = match limit {
        Limit::Speed if !falls => return None,
        Limit::Speed => String::new(),
        Limit::Wait => {
            change(before.wait, at.wait).filter(|by| *by > 0.0)?;
            if !falls || speed_holds(&before.at, &at.at) {
                let text = format!("wait grows ({wait_text}) while speed holds ({speed_text})");
                return Some((ReasonKind::Queue, text));
            }
            format!("wait grows ({wait_text}); ")
        }
    };
    // Totals are compared by their difference: both have their noise from parts of equal length.
    let compared = before.total.zip(at.total).map(|(a, b)| welch(&a, &b));
    let is_shown = compared.is_some_and(|difference| difference.is_shown());
    let total = ratio(before.at.total_tok_s, at.at.total_tok_s);
    if total.is_some_and(|ratio| ratio < FELL) && is_shown {
        let text =
            format!("{lead}total throughput falls ({total_text}): more users slow down everyone");
        return Some((ReasonKind::Thrash, text));
    }
    let gain = match total {
        Some(ratio) if ratio >= 2.0 => format!("grows only {}×", short(ratio)),
        Some(ratio) if ratio > 1.0 / FELL && is_shown => {
            format!("gains only {}", percent(Some(ratio - 1.0), 0))
        }
        Some(ratio) if (FELL..=1.0 / FELL).contains(&ratio) => "stays".to_owned(),
        Some(_) => "stays within its noise".to_owned(),
        None => "is not known".to_owned(),
    };
    let text = format!(
        "{lead}speed falls with more users ({speed_text}) while total throughput {gain} ({total_text}): the users share it"
    );
    Some((ReasonKind::Bandwidth, text))
}

fn alone(limit: Limit, at: &Evidence) -> Cause {
    let figure = match limit {
        Limit::Wait => format!("a wait of {}", number(at.wait_s, "s")),
        Limit::Speed => number(at.speed_tok_s, "tok/s"),
    };
    let text = format!(
        "even {} gets {figure}: this model is too much for this server",
        users(at.users)
    );
    (ReasonKind::Alone, text)
}

fn gpu_idle(at: &Seen) -> Option<Cause> {
    let usage = at.gpu_percent.filter(|percent| *percent < BUSY)?;
    let text = format!(
        "the GPU is not busy ({} at {}): look at the client, the network or the CPU",
        percent(Some(usage / 100.0), 0),
        users(at.at.users)
    );
    Some((ReasonKind::GpuIdle, text))
}

fn not_on_gpu(server: &Server) -> Option<Cause> {
    let (inside, all) = server.outside_gpu?;
    let text = format!(
        "only {} of the model is in GPU memory ({} of {}): the CPU computes the rest",
        percent(Some(inside as f64 / all as f64), 0),
        bytes(Some(inside)),
        bytes(Some(all))
    );
    Some((ReasonKind::NotOnGpu, text))
}

fn client(at: &Seen, server: &Server) -> Option<Cause> {
    let cores = at.client_cores.filter(|cores| *cores >= CLIENT_CORES)?;
    (!server.is_own).then(|| {
        let text = format!(
            "the client used {} of a core at {}: it may itself be the bottleneck",
            percent(Some(cores), 0),
            users(at.at.users)
        );
        (ReasonKind::Client, text)
    })
}

fn memory(at: &Seen) -> Option<Cause> {
    let users = users(at.at.users);
    let full = at.kv_cache_percent.filter(|p| *p >= CACHE_FULL);
    let text = match (full, at.host.swapping()) {
        (Some(full), _) => format!(
            "the server's key-value cache was {} full at {users}",
            percent(Some(full / 100.0), 0)
        ),
        (None, Some(Swapping::Grew(grown))) => format!(
            "the server's machine moved {} of memory to the disk at {users}",
            bytes(Some(grown))
        ),
        (None, Some(Swapping::Pages(pages))) => format!(
            "the server's machine swapped {} pages a second at {users}",
            grouped_count(floor_u64(pages))
        ),
        (None, None) => return None,
    };
    Some((ReasonKind::Memory, text))
}

fn other_process(at: &Seen, server: &Server) -> Option<Cause> {
    if let Some((others, cores)) = at.host.taken_by_others() {
        let text = format!(
            "other processes used {} of the {} at {}, which left none free",
            percent(Some(others), 0),
            counted(cores, "core", "cores"),
            users(at.at.users)
        );
        return Some((ReasonKind::OtherProcess, text));
    }
    // Whether others take anything shows only where the GPU is busy.
    let is_busy = at.gpu_percent.is_some_and(|percent| percent >= BUSY);
    (server.others_on_gpu > 0 && is_busy).then(|| {
        let text = format!(
            "{} the GPU besides the server",
            counted(
                server.others_on_gpu,
                "other process uses",
                "other processes use"
            )
        );
        (ReasonKind::OtherProcess, text)
    })
}
