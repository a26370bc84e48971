//! What a plan asks of a server, before it starts: requests and tokens that may cost money.

use crate::metrics::verdict::settle::SKETCHED;
use crate::plan::{CycleShape, Plan, SettlePlan};
use crate::text::numbers::{clock, counted, floor_u64, grouped_count, users};

/// Tokens a second of one answer that an estimate takes for granted where only the time of a cycle is planned: few
/// servers are faster.
const TOK_S: f64 = 100.0;
/// Characters of a prompt to a token, about.
const CHARACTERS_TO_A_TOKEN: u64 = 4;

/// The requests and tokens that a plan asks for: at the most where it bounds them, else about how many.
pub fn sentence(plan: &Plan) -> String {
    let asked = match (plan.settle, plan.shape) {
        (Some(settle), _) => settling(plan, &settle),
        (None, CycleShape::Waves(times)) => {
            let each: u64 = plan.levels.iter().map(|users| u64::from(*users)).sum();
            at_most(plan, each * u64::from(times))
        }
        (None, CycleShape::DurationS(seconds)) => {
            let all = plan.levels.iter().map(|users| f64::from(*users)).sum();
            format!("{} at {TOK_S} tok/s each", about(plan, all, seconds))
        }
    };
    format!(
        "{asked}; about {} a request{}",
        counted(prompt_tokens(plan), "prompt token", "prompt tokens"),
        warmup(plan)
    )
}

fn warmup(plan: &Plan) -> String {
    match plan.warmup {
        0 => String::new(),
        n => format!(
            "; {} first",
            counted(n, "warm-up request", "warm-up requests")
        ),
    }
}

fn prompt_tokens(plan: &Plan) -> u64 {
    let characters = plan
        .prompts
        .iter()
        .map(|prompt| prompt.chars().count() as u64);
    let mean = characters.sum::<u64>() / (plan.prompts.len() as u64).max(1);
    mean.div_ceil(CHARACTERS_TO_A_TOKEN)
}

/// A known number of requests: `at most 63 requests, 16,128 output tokens`.
fn at_most(plan: &Plan, requests: u64) -> String {
    let noun = if requests == 1 { "request" } else { "requests" };
    let tokens = plan.max_tokens.map_or_else(
        || "with answers of any length".to_owned(),
        |tokens| {
            let tokens = requests.saturating_mul(u64::from(tokens));
            format!("{} output tokens", grouped_count(tokens))
        },
    );
    format!("at most {} {noun}, {tokens}", grouped_count(requests))
}

/// What so many users who keep asking for so long get through.
fn about(plan: &Plan, users: f64, seconds: f64) -> String {
    let tokens = users * seconds * TOK_S;
    let requests = plan.max_tokens.map_or_else(String::new, |most| {
        let requests = floor_u64((tokens / f64::from(most.max(1))).ceil());
        format!("{} requests, ", grouped_count(requests))
    });
    format!(
        "about {requests}{} output tokens",
        grouped_count(floor_u64(tokens))
    )
}

fn settling(plan: &Plan, settle: &SettlePlan) -> String {
    let sketch = format!("sketch: {}", at_most(plan, sketched(settle)));
    if settle.within_s <= 0.0 {
        return sketch;
    }
    let Some(budget) = settle.budget_tokens else {
        let rest = about(plan, f64::from(settle.most), settle.within_s);
        return format!(
            "{sketch}; then, until the answer is known, {rest} if {} ask for {} at {TOK_S} tok/s each \
             (--budget-tokens N ends it sooner)",
            users(settle.most),
            clock(settle.within_s)
        );
    };
    // What is in flight when it is spent still ends.
    let beyond = plan.max_tokens.map_or_else(
        || "what is in flight then ends".to_owned(),
        |tokens| {
            let beyond = u64::from(settle.most).saturating_mul(u64::from(tokens));
            let beyond = grouped_count(beyond);
            format!("at most {beyond} more are in flight then")
        },
    );
    let budget = grouped_count(budget);
    format!("ends after {budget} output tokens, {beyond} ({sketch})")
}

/// The most requests of a sketch: of a level with few users each asks until there are some, and the others' last ones end.
fn sketched(settle: &SettlePlan) -> u64 {
    let (mut users, mut all) = (settle.first.max(1), 0_u64);
    loop {
        let few = u64::from(users) < SKETCHED as u64;
        let level = if few {
            SKETCHED as u64 + u64::from(users) - 1
        } else {
            u64::from(users)
        };
        all = all.saturating_add(level);
        if users >= settle.most {
            return all;
        }
        users = users.saturating_mul(2).min(settle.most);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan(settle: Option<SettlePlan>) -> Plan {
        Plan {
            levels: vec![1, 2, 4],
            prompts: vec!["12345678".to_owned(), "1234567890".to_owned()],
            settle,
            ..Plan::default()
        }
    }

    #[test]
    fn waves_are_counted() {
        let mut plan = plan(None);
        plan.shape = CycleShape::Waves(3);
        assert_eq!(
            sentence(&plan),
            "at most 21 requests, 5,376 output tokens; about 3 prompt tokens a request; 1 warm-up request first"
        );
        plan.max_tokens = None;
        plan.warmup = 0;
        assert_eq!(
            sentence(&plan),
            "at most 21 requests, with answers of any length; about 3 prompt tokens a request"
        );
    }

    #[test]
    fn a_time_is_an_estimate() {
        let mut plan = plan(None);
        plan.shape = CycleShape::DurationS(60.0);
        plan.warmup = 0;
        // 7 users × 60 s × 100 tok/s = 42,000 tokens, in answers of 256.
        assert_eq!(
            sentence(&plan),
            "about 165 requests, 42,000 output tokens at 100 tok/s each; about 3 prompt tokens a request"
        );
    }

    #[test]
    fn a_run_that_finds_its_levels_names_its_sketch_and_its_end() {
        let mut plan = plan(Some(SettlePlan::default().far_away()));
        plan.warmup = 0;
        // 4 of 1 user, 4 + 1 of 2, then 4 and 8.
        assert_eq!(
            sentence(&plan),
            "sketch: at most 21 requests, 5,376 output tokens; then, until the answer is known, about 938 requests, \
             240,000 output tokens if 8 users ask for 5:00 at 100 tok/s each (--budget-tokens N ends it sooner); about 3 \
             prompt tokens a request"
        );
        let settle = SettlePlan {
            budget_tokens: Some(10_000),
            ..SettlePlan::default().far_away()
        };
        plan.settle = Some(settle);
        assert_eq!(
            sentence(&plan),
            "ends after 10,000 output tokens, at most 2,048 more are in flight then (sketch: at most 21 requests, 5,376 \
             output tokens); about 3 prompt tokens a request"
        );
        plan.settle = Some(SettlePlan {
            within_s: 0.0,
            ..settle
        });
        assert_eq!(
            sentence(&plan),
            "sketch: at most 21 requests, 5,376 output tokens; about 3 prompt tokens a request"
        );
    }
}
