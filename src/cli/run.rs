//! The flags of a run, and the plan that they ask for.

use std::path::PathBuf;

use clap::Args;
use clap::builder::{PossibleValue, PossibleValuesParser, TypedValueParser};

use crate::cli::display::{follow, write_reports};
use crate::cli::output::UsageError;
use crate::cli::server::{AccessArgs, Address};
use crate::cli::values::{
    SERVER, TimeOut, factor, positive_seconds, seconds, share, time_out, time_scale, users,
};
use crate::cli::{LookArgs, MonitorArgs};
use crate::dialect::{DIALECTS, Dialect};
use crate::headless::HeadlessOptions;
use crate::plan::{Api, CycleShape, Limits, Plan, RequestOptions, SettlePlan, Think, Timeouts};
use crate::session::serve::SessionOptions;
use crate::sim::SimConfig;

/// The pause between two levels of a run that finds them on its own, seconds.
const SETTLE_REST_S: f64 = 1.0;

/// The flags of `run`.
#[derive(Debug, Args, Clone)]
#[expect(clippy::struct_excessive_bools, reason = "flags are switches")]
pub struct RunArgs {
    /// Numbers of users (requests in flight), one cycle each, instead of searching for the answer
    #[arg(long, value_delimiter = ',', value_name = "N,N,…", value_parser = users, help_heading = "Load")]
    pub users: Option<Vec<u32>>,
    /// The study's plan: 15 levels up to 256, its prompt, /api/generate, no limits, 10 s rest
    #[arg(long, help_heading = "Load")]
    pub study: bool,
    /// Run each level this many times; the verdict says whether the repeats agree [default: 1]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=100), help_heading = "Load")]
    pub repeat: Option<u32>,
    /// Search for the answer for at most this long (0 = sketch only) [default: 5m unless the levels are planned]
    #[arg(long, value_parser = seconds, value_name = "TIME", help_heading = "Load")]
    pub within: Option<f64>,
    /// Wait this long for a server that went away or still loads its model [default: 2m]
    #[arg(long, value_parser = seconds, value_name = "TIME", help_heading = "Timeouts")]
    pub patience: Option<f64>,
    /// End a run that finds its own levels after this many output tokens
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..), help_heading = "Load")]
    pub budget_tokens: Option<u64>,
    /// Requests per user, one after another, without waiting for the other users [default: 1]
    #[arg(long, value_name = "K", value_parser = clap::value_parser!(u32).range(1..), conflicts_with = "duration", help_heading = "Load")]
    pub waves: Option<u32>,
    /// Each user keeps asking for this long, for example 60s
    #[arg(long, value_parser = positive_seconds, value_name = "TIME", help_heading = "Load")]
    pub duration: Option<f64>,
    /// Maximum tokens per answer (0 = unlimited) [default: 256]
    #[arg(long, value_name = "N", help_heading = "Load")]
    pub max_tokens: Option<u32>,
    /// Prompt to send
    #[arg(
        long,
        value_name = "TEXT",
        conflicts_with = "prompts",
        help_heading = "Load"
    )]
    pub prompt: Option<String>,
    /// File of prompts that users take in turn: one per line, or JSONL with "prompt"
    #[arg(long, value_name = "FILE", help_heading = "Load")]
    pub prompts: Option<PathBuf>,
    /// Pause between cycles [default: 3s, or 1s if the levels are not planned]
    #[arg(long, value_parser = seconds, value_name = "TIME", help_heading = "Load")]
    pub rest: Option<f64>,
    /// Warm-up requests before the first cycle (0 = none) [default: 1]
    #[arg(long, value_name = "N", help_heading = "Load")]
    pub warmup: Option<u32>,
    /// Skip larger levels once nearly all users miss both limits [default: true; false in --study]
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true", help_heading = "Load")]
    pub stop_when_hopeless: Option<bool>,

    /// Longest wait for the first token, or `none` [default: 5m]
    #[arg(long, value_parser = time_out, value_name = "TIME", help_heading = "Timeouts")]
    pub timeout_first: Option<TimeOut>,
    /// Longest silence between tokens, or `none` [default: 1m]
    #[arg(long, value_parser = time_out, value_name = "TIME", help_heading = "Timeouts")]
    pub timeout_next: Option<TimeOut>,
    /// Longest whole answer, or `none` [default: 30m]
    #[arg(long, value_parser = time_out, value_name = "TIME", help_heading = "Timeouts")]
    pub timeout_total: Option<TimeOut>,

    /// Server address: a port, a host, or a URL [default: `$OLLAMA_HOST`, else found on this machine]
    #[arg(
        long,
        value_name = "URL",
        conflicts_with = "sim",
        help_heading = SERVER
    )]
    pub url: Option<String>,
    /// Whether the address is that of the configuration file
    #[arg(skip)]
    pub url_from_file: bool,
    /// What lets it in
    #[command(flatten)]
    pub access: AccessArgs,
    /// Model [default: the first loaded one]
    #[arg(long, value_name = "NAME", help_heading = SERVER)]
    pub model: Option<String>,
    /// Download the model first if the server does not have it (Ollama)
    #[arg(long, requires = "model", help_heading = SERVER)]
    pub pull: bool,
    /// Server API [default: auto-detect]
    #[arg(long, value_parser = dialect_values(), help_heading = SERVER)]
    pub dialect: Option<&'static dyn Dialect>,
    /// Ollama's endpoint [default: chat; generate in --study]
    #[arg(long, value_enum, help_heading = SERVER)]
    pub api: Option<Api>,
    /// Whether a thinking model should think
    #[arg(long, value_enum, default_value_t = Think::Auto, help_heading = "Load")]
    pub think: Think,
    /// Sampling temperature [default: the server's own]
    #[arg(long, value_name = "T", value_parser = temperature, help_heading = REQUEST)]
    pub temperature: Option<f64>,
    /// Seed of the sampling [default: the server's own]
    #[arg(long, value_name = "N", help_heading = REQUEST)]
    pub sampling_seed: Option<u64>,
    /// Context to load the model with, tokens (Ollama)
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..), help_heading = REQUEST)]
    pub num_ctx: Option<u32>,
    /// How long the model stays in memory after a request, for example 30m (Ollama)
    #[arg(long, value_name = "TIME", help_heading = REQUEST)]
    pub keep_alive: Option<String>,
    /// Have the model write on until --max-tokens (vLLM, llama-server)
    #[arg(long, help_heading = REQUEST)]
    pub ignore_eos: bool,
    /// JSON object to merge into each request, last; null removes a field
    #[arg(long, value_name = "JSON", value_parser = json_object, help_heading = REQUEST)]
    pub body: Option<Fields>,
    /// Use the built-in simulated server
    #[arg(long, help_heading = SERVER)]
    pub sim: bool,
    /// Run the simulated server this many times faster than real time
    #[arg(long, value_parser = time_scale, value_name = "X", default_value = "1", help_heading = "Simulated server")]
    pub time_scale: f64,
    /// Fault to inject into the simulated server, for example cut:every=5,after=10 (repeatable)
    #[arg(
        long = "fault",
        value_name = "FAULT",
        requires = "sim",
        help_heading = "Simulated server"
    )]
    pub faults: Vec<crate::sim::Fault>,

    /// Longest acceptable wait for the first token
    #[arg(long, value_parser = positive_seconds, value_name = "TIME", default_value = "10s", help_heading = "Limits")]
    pub limit_wait: f64,
    /// Lowest acceptable speed, tokens/s
    #[arg(long, value_parser = factor, value_name = "TOK/S", default_value = "19.9", help_heading = "Limits")]
    pub limit_speed: f64,
    /// Share of requests that must meet the limits
    #[arg(long, value_parser = share, value_name = "PERCENT", default_value = "90%", help_heading = "Limits")]
    pub share: f64,

    /// What is measured beside the requests.
    #[command(flatten)]
    pub monitors: MonitorArgs,

    /// Where runs are written [default: the platform's data folder, tokometer/runs]
    #[arg(
        long,
        value_name = "DIR",
        env = "TOKOMETER_RUNS_DIR",
        help_heading = "Output"
    )]
    pub runs_dir: Option<PathBuf>,
    /// Write nothing to disk, whatever --runs-dir says
    #[arg(long, help_heading = "Output")]
    pub no_record: bool,
    /// How it is shown.
    #[command(flatten)]
    pub look: LookArgs,
}

/// The values of `--dialect`: the registered dialects.
fn dialect_values() -> impl TypedValueParser<Value = &'static dyn Dialect> {
    let values = DIALECTS
        .iter()
        .map(|dialect| PossibleValue::new(dialect.id().to_string()).help(dialect.about()));
    PossibleValuesParser::new(values).try_map(|id| {
        let named = DIALECTS.iter().find(|dialect| dialect.id().as_str() == id);
        named.copied().ok_or("no such dialect")
    })
}

/// The heading of what each request asks for.
const REQUEST: &str = "Request";

/// The fields of a JSON object.
type Fields = serde_json::Map<String, serde_json::Value>;

fn temperature(text: &str) -> Result<f64, String> {
    let value: f64 = text.parse().map_err(|_| "not a number".to_owned())?;
    (0.0..=10.0)
        .contains(&value)
        .then_some(value)
        .ok_or_else(|| "not between 0 and 10".to_owned())
}

fn json_object(text: &str) -> Result<Fields, String> {
    match serde_json::from_str(text) {
        Ok(serde_json::Value::Object(fields)) => Ok(fields),
        Ok(_) => Err("not a JSON object".to_owned()),
        Err(error) => Err(format!("not JSON: {error}")),
    }
}

/// Why the flags make no plan: every problem, one per line.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct PlanError(pub String);

impl RunArgs {
    /// The plan that the flags ask for.
    pub fn plan(&self) -> Result<Plan, PlanError> {
        let base = if self.study {
            Plan::study()
        } else {
            Plan::default()
        };
        let shape = match (self.waves, self.duration) {
            (Some(waves), _) => CycleShape::Waves(waves),
            (None, Some(seconds)) => CycleShape::DurationS(seconds),
            (None, None) => base.shape,
        };
        let settle = self.settle();
        if settle.is_none() && self.budget_tokens.is_some() {
            return Err(PlanError(
                "--budget-tokens needs a run that finds its own levels: add --within, or drop the flags that plan the levels"
                    .to_owned(),
            ));
        }
        // Nobody waits in line after a level that finds its own end.
        let rest_s = if settle.is_some() {
            SETTLE_REST_S
        } else {
            base.rest_s
        };
        let levels = match &settle {
            Some(settle) => vec![settle.first],
            None => repeated(self.users.as_ref().unwrap_or(&base.levels), self.repeat),
        };
        Ok(Plan {
            levels,
            shape,
            max_tokens: match self.max_tokens {
                Some(0) => None,
                asked => asked.or(base.max_tokens),
            },
            prompts: self.prompts(&base)?,
            rest_s: self.rest.unwrap_or(rest_s),
            warmup: self.warmup.unwrap_or(base.warmup),
            timeouts: self.timeouts(&base),
            api: self.api.unwrap_or(base.api),
            think: self.think,
            options: RequestOptions {
                temperature: self.temperature,
                seed: self.sampling_seed,
                num_ctx: self.num_ctx,
                keep_alive: self.keep_alive.clone(),
                ignore_eos: self.ignore_eos,
                body: self.body.clone().unwrap_or_default(),
            },
            limits: Limits {
                wait_s: self.limit_wait,
                speed_tok_s: self.limit_speed,
                share: self.share,
            },
            stop_when_hopeless: self.stop_when_hopeless.unwrap_or(base.stop_when_hopeless),
            patience_s: self.patience.unwrap_or(base.patience_s),
            time_scale: self.time_scale,
            energy: self.monitors.energy(),
            settle,
        })
    }

    fn prompts(&self, base: &Plan) -> Result<Vec<String>, PlanError> {
        match (&self.prompt, &self.prompts) {
            (Some(prompt), _) => Ok(vec![prompt.clone()]),
            (None, Some(file)) => read_prompts(file),
            (None, None) => Ok(base.prompts.clone()),
        }
    }

    fn timeouts(&self, base: &Plan) -> Timeouts {
        let limit = |asked: Option<TimeOut>, base| asked.map_or(base, |TimeOut(limit)| limit);
        Timeouts {
            first_s: limit(self.timeout_first, base.timeouts.first_s),
            next_s: limit(self.timeout_next, base.timeouts.next_s),
            total_s: limit(self.timeout_total, base.timeouts.total_s),
        }
    }

    /// How the levels are found, where none of the flags plans them.
    fn settle(&self) -> Option<SettlePlan> {
        let is_planned = self.users.is_some()
            || self.study
            || self.waves.is_some()
            || self.duration.is_some()
            || self.repeat.is_some();
        if is_planned && self.within.is_none() {
            return None;
        }
        let base = SettlePlan::default();
        let asked = || self.users.iter().flatten().copied();
        let first = asked().min().unwrap_or(base.first);
        Some(SettlePlan {
            within_s: self.within.unwrap_or(base.within_s),
            first,
            most: base.most.max(asked().max().unwrap_or(first)),
            budget_tokens: self.budget_tokens,
        })
    }
}

/// The levels, each as many times in a row.
fn repeated(levels: &[u32], times: Option<u32>) -> Vec<u32> {
    let times = usize::try_from(times.unwrap_or(1)).unwrap_or(1);
    let each = levels
        .iter()
        .flat_map(|users| std::iter::repeat_n(*users, times));
    each.collect()
}

/// The prompts of a file: one per line, as text or as JSON: a string or an object with `prompt`.
fn read_prompts(file: &std::path::Path) -> Result<Vec<String>, PlanError> {
    let name = file.display();
    let text = std::fs::read_to_string(file)
        .map_err(|error| PlanError(format!("--prompts {name}: {error}")))?;
    let is_jsonl = file
        .extension()
        .is_some_and(|ext| ext == "jsonl" || ext == "ndjson");
    let mut prompts = Vec::new();
    let mut problems = Vec::new();
    for (number, line) in (1..)
        .zip(text.lines())
        .filter(|(_, line)| !line.trim().is_empty())
    {
        if !is_jsonl && !line.trim_start().starts_with('{') {
            prompts.push(line.trim().to_owned());
            continue;
        }
        match json_prompt(line) {
            Ok(prompt) => prompts.push(prompt),
            Err(why) => problems.push(format!("--prompts {name}, line {number}: {why}")),
        }
    }
    if prompts.is_empty() && problems.is_empty() {
        problems.push(format!(
            "--prompts {name}: contains no prompt; write one per line"
        ));
    }
    if problems.is_empty() {
        Ok(prompts)
    } else {
        Err(PlanError(problems.join("\n")))
    }
}

fn json_prompt(line: &str) -> Result<String, String> {
    let value: serde_json::Value =
        serde_json::from_str(line).map_err(|error| format!("not JSON: {error}"))?;
    let prompt = match &value {
        serde_json::Value::String(prompt) => Some(prompt.as_str()),
        object => object.get("prompt").and_then(serde_json::Value::as_str),
    };
    let prompt = prompt.filter(|prompt| !prompt.is_empty());
    prompt
        .map(str::to_owned)
        .ok_or_else(|| "neither a string nor an object with \"prompt\"".to_owned())
}

/// Benchmarks a server; returns the exit code.
pub(crate) fn run(args: &RunArgs) -> color_eyre::Result<u8> {
    let plan = args.plan().map_err(UsageError::new)?;
    let url = match (&args.url, args.sim) {
        // The simulated server is used, even if another's address is wrong.
        (None, true) => Address::requested(None, false).unwrap_or_default(),
        (url, _) => Address::requested(url.as_deref(), args.url_from_file)?,
    };
    let root = crate::store::default_root(args.runs_dir.as_deref());
    let (runs, archive) = if args.no_record {
        // Earlier recordings can be viewed all the same.
        (None, root.ok())
    } else {
        let root = root?;
        (Some(root.clone()), Some(root))
    };
    let session = SessionOptions {
        access: args.access.access(&url)?,
        url: url.source.map(|_| url.url),
        dialect: args.dialect,
        simulator: SimConfig {
            time_scale: args.time_scale,
            faults: args.faults.clone(),
            ..SimConfig::default()
        },
        runs,
        reports: Some(write_reports),
    };
    let asked = HeadlessOptions {
        plan,
        model: args.model.clone(),
        simulate: args.sim,
        json: args.look.json,
        pull: args.pull,
        resume: None,
        address_source: url.source,
    };
    follow(session, asked, archive, &args.monitors.sources, &args.look)
}
