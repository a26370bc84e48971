//! What the lanes of a run replay: an answer of each level, or what is known of it where no answer has its times.

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::metrics::level::LevelMetrics;
use crate::metrics::state::{CycleState, RunState};
use crate::plan::Limits;
use crate::store::recordings::{KeptAnswer, Rank};
use crate::text::numbers;
use crate::tui::lanes::text::{Language, Script};

/// The levels of a run of which a cycle is over, smallest first.
pub fn levels(run: &RunState) -> BTreeSet<u32> {
    let over = run.cycles.iter().filter(|cycle| cycle.ended.is_some());
    over.map(|cycle| cycle.users).collect()
}

/// A lane for each level, with the answer of this rank.
pub fn lanes(run: &RunState, kept: &[Arc<KeptAnswer>], rank: Rank) -> Vec<Script> {
    let lane = |users| lane(run, users, of_rank(kept, users, rank));
    levels(run).into_iter().filter_map(lane).collect()
}

/// The answer of a level that has this rank, or else that of the median; of an older run, whose single answers have no
/// rank, the first whose times were kept.
pub fn of_rank(
    kept: &[Arc<KeptAnswer>],
    users: u32,
    rank: Rank,
) -> Option<(&KeptAnswer, Option<Rank>)> {
    let of_level = || {
        let of_level = kept.iter().filter(|kept| kept.users == Some(users));
        of_level.map(|kept| &**kept)
    };
    let ranked = |rank: Rank| {
        let has_rank = of_level().find(|kept| kept.ranks.contains(&rank));
        has_rank.map(|kept| (kept, Some(rank)))
    };
    let unranked = || {
        let has_times = of_level().find(|kept| kept.ranks.is_empty() && kept.answer.has_times());
        has_times.map(|kept| (kept, None))
    };
    ranked(rank)
        .or_else(|| ranked(Rank::Median))
        .or_else(unranked)
}

/// The lane of a level: the answer, or without one a text that waits and comes as the level did in the mean. None where
/// not even that is known.
pub fn lane(
    run: &RunState,
    users: u32,
    answer: Option<(&KeptAnswer, Option<Rank>)>,
) -> Option<Script> {
    let name = numbers::users(users);
    let (script, which) = if let Some((kept, rank)) = answer {
        let script = Script::recorded(&name, &kept.answer, kept.simulated);
        (script, rank.map_or("rank unknown", rank_name))
    } else {
        let cycles = run.cycles.iter().filter(|cycle| cycle.users == users);
        let cycles: Vec<&CycleState> = cycles.collect();
        let level = LevelMetrics::from_cycles(&cycles, &Limits::default());
        let (wait_s, tok_s) = (level.ttft_s.mean?, level.speed_tok_s.mean?);
        let essay = Script::essay(Language::default());
        let paced = essay.paced(&name, wait_s, tok_s, run.is_simulated());
        (paced, "means only")
    };
    (!script.is_empty()).then(|| script.of_level(users, which))
}

/// What a lane calls a rank.
const fn rank_name(rank: Rank) -> &'static str {
    match rank {
        Rank::Median => "median wait",
        Rank::MedianSpeed => "median speed",
        Rank::P95Wait => "p95 wait",
        Rank::Fastest => "fastest",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::{Answer, Piece};

    fn kept(users: u32, ranks: &[Rank], pieces: &[(u32, u64, bool)]) -> Arc<KeptAnswer> {
        let pieces = pieces
            .iter()
            .map(|&(end, at, thinking)| Piece::new(end, at, thinking));
        Arc::new(KeptAnswer {
            simulated: true,
            model: "m".to_owned(),
            cycle: 0,
            users: Some(users),
            request: 1,
            prompt: None,
            ranks: ranks.to_vec(),
            wait_place: None,
            speed_place: None,
            of: None,
            answer: Arc::new(Answer {
                text: "one two".to_owned(),
                pieces: pieces.collect(),
            }),
        })
    }

    #[test]
    fn a_lane_says_which_answer_it_replays() {
        let timed = [(3, 500_000, false), (7, 700_000, false)];
        let merged = [(3, 500_000, true), (7, 700_000, false)];
        for (ranks, pieces, which) in [
            (
                &[Rank::Median, Rank::Fastest][..],
                &timed,
                Some("median wait"),
            ),
            (&[Rank::Median], &merged, Some("median wait")),
            (&[Rank::Fastest], &timed, None),
            (&[], &timed, Some("rank unknown")),
            (&[], &merged, None),
        ] {
            let kept = [kept(4, ranks, pieces)];
            let answer = of_rank(&kept, 4, Rank::Median);
            let run = RunState::default();
            let script = lane(&run, 4, answer);
            assert_eq!(script.as_ref().and_then(|s| s.which), which, "{ranks:?}");
            if let Some(script) = script {
                assert_eq!(script.at_us(), Some(&[500_000, 700_000][..]));
                assert_eq!((&*script.name, script.level), ("4 users", Some(4)));
                assert!(script.simulated);
            }
        }
    }
}
