//! One answer of the run, whole, with what is known of its request.

use std::path::Path;
use std::sync::Arc;

use crate::event::RequestRecord;
use crate::report::Report;
use crate::report::section::{Block, Section, section};
use crate::report::text::clean;
use crate::store::recordings::{KeptAnswer, Rank, kept_in};
use crate::text::numbers::{joined, number, percent, seconds, users};
use crate::text::sanitize::lines;

/// The longest thinking, and the longest answer, that is shown whole, characters.
const LONGEST: usize = 1_500;

/// The answer to show: the median request of the level that `wanted` names, or of the first level that kept one.
pub(super) fn pick(directory: &Path, wanted: Option<u32>) -> Option<Arc<KeptAnswer>> {
    let mut kept = kept_in(directory);
    let rank = |kept: &KeptAnswer| {
        let is_wanted = kept.users == wanted;
        let is_median = kept.ranks.contains(&Rank::Median);
        (!is_wanted, !is_median, kept.users, kept.cycle, kept.request)
    };
    kept.sort_by_key(|kept| rank(kept));
    kept.into_iter().next()
}

/// The section of a sample answer; empty where none was kept.
pub(super) fn sample(report: &Report) -> Section {
    let title = "A sample answer";
    let Some(kept) = &report.sample else {
        return section(title, Vec::new());
    };
    let (mut thinking, mut answer) = (String::new(), String::new());
    let (mut thought, mut pieces) = (0_u32, 0_u32);
    for (text, piece) in kept.answer.parts() {
        pieces += 1;
        if piece.is_thinking() {
            thought += 1;
            thinking.push_str(text);
        } else {
            answer.push_str(text);
        }
    }
    let mut blocks = vec![Block::Text(about(report, kept, (thought, pieces)))];
    for (name, text) in [("Thinking:", thinking), ("Answer:", answer)] {
        let text = shortened(&text);
        if !text.is_empty() {
            blocks.push(Block::Text(name.to_owned()));
            blocks.push(Block::Quote(text));
        }
    }
    section(title, blocks)
}

fn about(report: &Report, kept: &KeptAnswer, (thought, pieces): (u32, u32)) -> String {
    let which = match (kept.ranks.first(), kept.users) {
        (Some(Rank::Median), Some(at)) => format!("The median request at {}", users(at)),
        (_, Some(at)) => format!("A request at {}", users(at)),
        _ => "A request".to_owned(),
    };
    let cycles = &report.gathered.state.cycles;
    let mut requests = cycles.iter().flat_map(|cycle| &cycle.requests);
    let record = requests.find(|record| record.id == kept.request);
    let wait = record.and_then(RequestRecord::ttft_s);
    let speed = record.and_then(RequestRecord::speed_tok_s);
    // Pieces that were joined no longer tell how many there were.
    let joined_pieces =
        (kept.answer.has_times() && pieces > 0).then(|| f64::from(thought) / f64::from(pieces));
    let share = record
        .and_then(RequestRecord::thinking_share)
        .or(joined_pieces);
    let known = joined([
        wait.map(|wait| format!("wait {}", seconds(Some(wait)))),
        speed.map(|speed| number(Some(speed), 1, " tokens/s")),
        share.map(|share| format!("thinking {} of it", percent(Some(share), 0))),
    ]);
    let which = clean(&which);
    if known.is_empty() {
        format!("{which}.")
    } else {
        format!("{which}: {known}.")
    }
}

fn shortened(text: &str) -> String {
    let text = lines(text.trim());
    let text = text.trim();
    let mut short: String = text.chars().take(LONGEST).collect();
    if short.len() < text.len() {
        short.push('…');
    }
    short
}
