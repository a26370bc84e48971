//! How the figures were gathered: the method, what was asked, the command that repeats it, what happened on the way.

use crate::event::RunInfo;
use crate::metrics::level::CountedBy;
use crate::plan::Plan;
use crate::report::Report;
use crate::report::command::repeat;
use crate::report::section::{Block, Section, section};
use crate::report::text::clean;
use crate::text::numbers::{clock, seconds};
use crate::text::sanitize::{lines, one_line};

/// The longest prompt that is shown whole, characters.
const LONGEST_PROMPT: usize = 4_000;
/// The most happenings that are listed.
const HAPPENINGS: usize = 60;

/// How it was measured.
pub(super) fn method(report: &Report) -> Section {
    let Some(info) = report.info() else {
        return section("How it was measured", Vec::new());
    };
    let mut blocks = vec![Block::Text(paragraph(report, info))];
    blocks.extend(error(report).map(Block::Text));
    blocks.push(Block::Charts(vec!["cycle"]));
    let command = repeat(info).map(|command| one_line(&command, LONGEST_PROMPT));
    if let Some(command) = command {
        let prompts = match info.plan.prompts.len() {
            0 | 1 => "",
            _ => " (FILE: the prompts of run.json, one per line)",
        };
        blocks.push(Block::Text(format!("The same run again{prompts}:")));
        blocks.push(Block::Verbatim(command));
    }
    section("How it was measured", blocks)
}

fn paragraph(report: &Report, info: &RunInfo) -> String {
    let plan = &info.plan;
    let asks = format!("each {}", plan.asks());
    if let Some(imported) = &info.imported {
        return format!(
            "The figures were imported from {}; nothing was measured anew. At each level so many users asked at the same \
             time, {asks}. The wait is what its files call TTFB, which ends with the first token; the speed is their \
             token count by their response duration, and the duration of a request is the wait and the response together.",
            clean(&imported.tool)
        );
    }
    let mut counted = report.summary.cycles.iter();
    let by_server = counted.all(|level| {
        let by = level.figures.tokens_counted_by;
        matches!(by, Some(CountedBy::Server) | None)
    });
    let tokens = if by_server {
        "the server's own count of tokens"
    } else {
        "the pieces of the stream, which stand for tokens where the server does not count them (marked ~)"
    };
    format!(
        "At each level so many users had a request in flight at the same time; {asks}. The connections of a level were \
         opened before its load began, and connect times are part of no wait. Every stamp is taken from a monotonic clock \
         where the bytes leave and arrive, at the client's socket: the wait runs from the first byte sent to the first \
         token of any kind, the speed from the first token to the last, by {tokens}. Answers are streamed. Requests that \
         failed count as outside the limits and are part of no mean; levels that were cut short are left out where \
         there is a whole one."
    )
}

/// What the tool itself may have added.
fn error(report: &Report) -> Option<String> {
    if report.summary.imported.is_some() {
        return None;
    }
    let client = &report.summary.client;
    let overhead = client.ttft_overhead_s.map_or_else(String::new, |most| {
        format!(
            " In this run the client and the network added at most {} to a request (median of its duration here \
             less its duration by the server).",
            seconds(Some(most))
        )
    });
    Some(format!(
        "The tool's own error on this machine: not calibrated.{overhead}"
    ))
}

/// What was asked.
pub(super) fn prompt(plan: &Plan) -> Option<Block> {
    let first = plan.prompts.first()?;
    let whole = lines(first);
    let text: String = whole.chars().take(LONGEST_PROMPT).collect();
    let cut = if text.len() < whole.len() { "…" } else { "" };
    Some(Block::Quote(format!("{}{cut}", text.trim())))
}

/// What a user or the server did to the run.
pub(super) fn happenings(report: &Report) -> Section {
    let all = &report.gathered.happenings;
    let mut listed: Vec<String> = all
        .iter()
        .take(HAPPENINGS)
        .map(|(at, what)| format!("{}: {}", clock(at.secs()), clean(what)))
        .collect();
    if let Some(more) = all.len().checked_sub(HAPPENINGS + 1) {
        listed.push(format!("and {} more", more + 1));
    }
    let changed = report.changed.iter();
    listed.extend(changed.map(|what| format!("after the run: judged by {}", clean(what))));
    let blocks = if listed.is_empty() {
        Vec::new()
    } else {
        vec![Block::List(listed)]
    };
    section("What happened during the run", blocks)
}
