//! What a run is asked to do: levels, pauses, prompts, limits and stop rules.
//!
//! A [`Plan`] is complete and valid: nothing in it is left for a worker to interpret. It is made
//! from the flags by `cli`, shown by the dashboard before the start, and stored with the run.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// The prompt of the study that tokometer grew from.
pub const STUDY_PROMPT: &str = "What is the philosophical definition of time?";
/// The levels of the study.
pub const STUDY_LEVELS: [u32; 15] = [1, 2, 4, 5, 8, 16, 19, 32, 38, 57, 64, 76, 95, 128, 256];
/// The levels of a run that names none.
pub const DEFAULT_LEVELS: [u32; 6] = [1, 2, 4, 8, 16, 32];

/// What a run is asked to do.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Plan {
    /// Users of each cycle, in order.
    pub levels: Vec<u32>,
    /// How long a cycle is.
    pub shape: CycleShape,
    /// The most tokens of an answer; None for no limit.
    pub max_tokens: Option<u32>,
    /// The prompts; users take them in turn.
    pub prompts: Vec<String>,
    /// Pause between cycles, seconds.
    pub rest_s: f64,
    /// Requests before the first cycle.
    pub warmup: u32,
    /// When a request counts as failed.
    pub timeouts: Timeouts,
    /// Which of the server's endpoints is asked.
    pub api: Api,
    /// Whether a thinking model should think.
    pub think: Think,
    /// What else a request asks of the server.
    #[serde(default, skip_serializing_if = "RequestOptions::are_none")]
    pub options: RequestOptions,
    /// What a person would accept.
    pub limits: Limits,
    /// Skip the larger levels once one fails both limits for nearly everyone.
    pub stop_when_hopeless: bool,
    /// How much faster than real the simulated server runs; 1 for real servers.
    pub time_scale: f64,
    /// How long a server that went away is waited for, seconds.
    #[serde(default = "patience_s")]
    pub patience_s: f64,
    /// What is asked about energy.
    #[serde(default)]
    pub energy: EnergyPlan,
    /// How the run finds its own levels; None where they are as planned.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub settle: Option<SettlePlan>,
}

fn patience_s() -> f64 {
    120.0
}

/// How a run finds its own levels: a sketch that doubles the users, then the levels between which the answer lies.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct SettlePlan {
    /// How long at the most, from the first measured request on, sketch included; seconds of the server. 0 for the sketch
    /// only.
    pub within_s: f64,
    /// Users to begin with.
    pub first: u32,
    /// The most users.
    pub most: u32,
    /// Output tokens after which nothing new is asked; None for no limit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub budget_tokens: Option<u64>,
}

/// The most users of a run that finds its own levels, where the server is neither on this machine nor on a private
/// network.
pub const MOST_FAR_AWAY: u32 = 8;

impl SettlePlan {
    /// The same with few users: each request may cost money.
    #[must_use]
    pub fn far_away(self) -> Self {
        Self {
            first: self.first.min(MOST_FAR_AWAY),
            most: self.most.min(MOST_FAR_AWAY),
            ..self
        }
    }

    /// What it is, in a sentence: `1, 2, 4 … users until the answer is known, at most 5:00`.
    pub fn sentence(&self) -> String {
        let doubled = (0..3).map(|times| self.first.saturating_mul(1 << times));
        let users: Vec<String> = doubled
            .filter(|users| *users <= self.most)
            .map(|users| users.to_string())
            .collect();
        let users = users.join(", ");
        if self.within_s <= 0.0 {
            return format!("{users} … users, a sketch");
        }
        let most = crate::text::numbers::clock(self.within_s);
        format!("{users} … users until the answer is known, at most {most}")
    }
}

impl Default for SettlePlan {
    fn default() -> Self {
        Self {
            within_s: 300.0,
            first: 1,
            most: 256,
            budget_tokens: None,
        }
    }
}

/// What is asked about energy.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct EnergyPlan {
    /// How long the power of the warm but idle machine is measured before the first cycle, seconds;
    /// 0 for not at all.
    pub idle_s: f64,
    /// What energy costs.
    pub price: Option<Price>,
    /// Memory bandwidth of what computes, bytes a second, where the user gives it.
    pub bandwidth_bytes_s: Option<f64>,
    /// Bytes that the model reads for each token, where the user gives it: of a mixture of experts only a part.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub active_bytes: Option<u64>,
}

impl Default for EnergyPlan {
    fn default() -> Self {
        Self {
            idle_s: 10.0,
            price: None,
            bandwidth_bytes_s: None,
            active_bytes: None,
        }
    }
}

/// A price of energy.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Price {
    /// Per kilowatt-hour.
    pub per_kwh: f64,
    /// The currency, as the user writes it: `R$`.
    pub currency: String,
}

impl Default for Plan {
    fn default() -> Self {
        Self {
            levels: DEFAULT_LEVELS.to_vec(),
            shape: CycleShape::Waves(1),
            max_tokens: Some(256),
            prompts: vec![STUDY_PROMPT.to_owned()],
            rest_s: 3.0,
            warmup: 1,
            timeouts: Timeouts::default(),
            api: Api::Chat,
            think: Think::Auto,
            options: RequestOptions::default(),
            limits: Limits::default(),
            stop_when_hopeless: true,
            time_scale: 1.0,
            patience_s: patience_s(),
            energy: EnergyPlan::default(),
            settle: None,
        }
    }
}

impl Plan {
    /// How often each user of a level asks, after "each user".
    pub fn asks(&self) -> String {
        match self.shape {
            _ if self.settle.is_some() => "keeps asking until enough is known".to_owned(),
            CycleShape::Waves(1) => "asks once".to_owned(),
            CycleShape::Waves(times) => format!("asks {times} times in a row"),
            CycleShape::DurationS(seconds) => format!("keeps asking for {seconds} s"),
        }
    }

    /// The plan as it is run against a server that is not on this machine or a private network.
    #[must_use]
    pub fn far_away(&self) -> Self {
        Self {
            settle: self.settle.map(SettlePlan::far_away),
            ..self.clone()
        }
    }

    /// The preset of the study: its levels, its prompt, `/api/generate`, no token limit, no
    /// time-outs, 10 s rest, and no level skipped.
    pub fn study() -> Self {
        Self {
            levels: STUDY_LEVELS.to_vec(),
            max_tokens: None,
            rest_s: 10.0,
            timeouts: Timeouts {
                first_s: None,
                next_s: None,
                total_s: None,
            },
            api: Api::Generate,
            stop_when_hopeless: false,
            ..Self::default()
        }
    }
}

/// How long a cycle is.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CycleShape {
    /// Each user asks this many times in a row; 1 is a single wave. No barrier between rounds.
    Waves(u32),
    /// Each user asks again until this many seconds are over.
    DurationS(f64),
}

/// When a request counts as failed; None for never.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Timeouts {
    /// Sent → first token, seconds.
    pub first_s: Option<f64>,
    /// Token → next token, seconds.
    pub next_s: Option<f64>,
    /// Sent → final chunk, seconds.
    pub total_s: Option<f64>,
}

impl Default for Timeouts {
    fn default() -> Self {
        Self {
            first_s: Some(300.0),
            next_s: Some(60.0),
            total_s: Some(1800.0),
        }
    }
}

/// Which of Ollama's endpoints is asked; other dialects have one each.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    Default,
    Serialize,
    Deserialize,
    clap::ValueEnum,
    strum::Display,
)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum Api {
    /// `/api/chat`
    #[default]
    Chat,
    /// `/api/generate`
    Generate,
}

/// Whether a thinking model should think.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    Default,
    Serialize,
    Deserialize,
    clap::ValueEnum,
    strum::Display,
)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum Think {
    /// Ask for it.
    On,
    /// Ask for none.
    Off,
    /// Leave it to the server.
    #[default]
    Auto,
}

impl Think {
    /// What a request says of it; None for nothing.
    pub fn as_flag(self) -> Option<bool> {
        match self {
            Self::On => Some(true),
            Self::Off => Some(false),
            Self::Auto => None,
        }
    }
}

/// What a request asks of the server beside an answer; what is absent is left to the server.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct RequestOptions {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub temperature: Option<f64>,
    /// The seed of the sampling.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub seed: Option<u64>,
    /// The context that the model is to be loaded with, tokens.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub num_ctx: Option<u32>,
    /// How long the model is to stay in memory.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub keep_alive: Option<String>,
    /// Whether the model is to write on until the most tokens are reached.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub ignore_eos: bool,
    /// Fields of the body, merged into it last.
    #[serde(skip_serializing_if = "Map::is_empty")]
    pub body: Map<String, Value>,
}

impl RequestOptions {
    /// Whether all is left to the server.
    pub fn are_none(&self) -> bool {
        *self == Self::default()
    }
}

/// What a person would accept.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Limits {
    /// The longest wait for the first token, seconds.
    pub wait_s: f64,
    /// The lowest speed, tokens a second.
    pub speed_tok_s: f64,
    /// The share of requests that must meet them, 0–1.
    pub share: f64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            wait_s: 10.0,
            speed_tok_s: 19.9,
            share: 0.9,
        }
    }
}
