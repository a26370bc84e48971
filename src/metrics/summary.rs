//! `summary.json`: the results of a run, for machines. The schema is `assets/summary.schema.json`.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::event::{
    DialectId, FailureKind, Imported, RunEnd, Target, Warning, WarningKind, failures_in_words,
};
pub use crate::metrics::bandwidth_limit::PhysicalLimit;
use crate::metrics::bottleneck;
use crate::metrics::bottleneck::Reason;
use crate::metrics::dist::Dist;
use crate::metrics::findings::Findings;
pub use crate::metrics::level::LevelSummary;
use crate::metrics::level::levels;
pub use crate::metrics::level_energy::EnergySummary;
use crate::metrics::state::{RunState, Stage};
use crate::metrics::verdict::Verdict;
use crate::metrics::warnings;
use crate::metrics::what_if;
use crate::plan::Limits;
use crate::text::sanitize::{json_lines, one_line};

/// The most of a message that is kept, characters.
const LONGEST_MESSAGE: usize = 300;
/// The name and version of the object's shape.
pub const SCHEMA: &str = "tokometer/summary/2";

/// The results of a run. Units are in the names; what is not known is null.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Summary {
    /// [`SCHEMA`].
    pub schema: String,
    /// The version of tokometer that made the run.
    pub tokometer: String,
    /// Whether the server was simulated.
    pub simulated: bool,
    /// Wall-clock time of the start.
    pub started_at: Option<DateTime<Utc>>,
    /// The server and the model.
    pub target: Option<TargetSummary>,
    /// Where it was imported from; absent for a run of tokometer itself.
    pub imported: Option<Imported>,
    /// What a person would accept.
    pub limits: Option<Limits>,
    /// One entry a level, smallest first.
    pub cycles: Vec<LevelSummary>,
    /// Energy of the whole run.
    pub energy: Option<EnergySummary>,
    /// The speed of a single stream against what the memory allows.
    pub physical_limit: Option<PhysicalLimit>,
    /// How many users the server carries.
    pub verdict: Option<Verdict>,
    /// Why it stops there; empty where every level meets the limits, and where nothing was seen that explains it.
    pub why: Vec<Reason>,
    /// Why it ended: `done`, `stopped`, `signal`, `server_gone` or `failed`; absent where it has no end.
    #[serde(default)]
    pub ended: Option<String>,
    /// What failed, one entry a kind, the most frequent first.
    #[serde(default)]
    pub failures: Vec<FailureSummary>,
    /// What stands out.
    pub findings: Findings,
    /// What the client itself spent.
    pub client: ClientSummary,
    /// What a reader of the numbers should know.
    pub warnings: Vec<WarningSummary>,
}

/// The server and the model.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct TargetSummary {
    /// How the server was spoken to.
    #[cfg_attr(test, schemars(with = "String"))]
    pub dialect: DialectId,
    /// Its base address.
    pub url: String,
    /// The model.
    pub model: String,
    /// The server's name and version.
    pub server: Option<String>,
    /// Requests it answers at once.
    pub slots: Option<u32>,
    /// Size of the model, bytes.
    pub size_bytes: Option<u64>,
    /// Quantization of the model.
    #[serde(alias = "quantisation")]
    pub quantization: Option<String>,
    /// Parameter count of the model.
    pub parameters: Option<String>,
    /// Family of the model.
    pub family: Option<String>,
    /// Context length, tokens.
    pub context_tokens: Option<u64>,
    /// How long the client waited for the model to load, seconds.
    pub load_s: Option<f64>,
    /// The server's own load time, seconds.
    pub server_load_s: Option<f64>,
}

/// The failed requests of a kind.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct FailureSummary {
    /// The code of the kind, as in `errors`.
    pub kind: String,
    /// How many.
    pub count: u64,
    /// What the server, or the system, said of the first.
    pub first_message: String,
    /// The HTTP status, where that is what failed.
    pub status: Option<u16>,
}

impl FailureSummary {
    /// In a line: `2 × HTTP 400: no such model`.
    pub fn sentence(&self) -> String {
        let kind = failures_in_words([(&self.kind, self.count)]);
        let said = one_line(&self.first_message, LONGEST_MESSAGE);
        format!("{} × {kind}: {said}", self.count)
    }
}

/// What the client itself spent.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct ClientSummary {
    /// Processor time, all threads, seconds.
    pub cpu_s: Option<f64>,
    /// Resident memory, bytes.
    pub rss_bytes: Option<u64>,
    /// The most that client and network can have added to a TTFT, seconds: the median of
    /// (total duration − the server's own total duration), where the server reports its own.
    pub ttft_overhead_s: Option<f64>,
    /// Progress events that a full channel dropped.
    pub dropped_progress: Option<u64>,
}

/// A warning.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct WarningSummary {
    /// Its kind.
    pub kind: WarningKind,
    /// The sentence.
    pub text: String,
    /// When it came, seconds since the start of the run; absent for one that the summary itself adds.
    pub at_s: Option<f64>,
}

impl Summary {
    /// The results of the run so far.
    pub fn from_run(run: &RunState) -> Self {
        let info = run.info.as_ref();
        let limits = info.map(|info| info.plan.limits);
        let levels = levels(&run.cycles, &limits.unwrap_or_default());
        let verdict = Verdict::from_run(run);
        let mut warnings = warnings(run);
        let doubts = warnings::from_run(run).into_iter();
        let doubts = doubts.chain(verdict.as_ref().and_then(warnings::disagreement));
        warnings.extend(doubts.map(|warning| WarningSummary::new(warning, None)));
        Self {
            schema: SCHEMA.to_owned(),
            tokometer: info
                .map_or(env!("CARGO_PKG_VERSION"), |i| &i.tokometer)
                .to_owned(),
            simulated: run.is_simulated(),
            started_at: info.map(|info| info.started_at),
            target: info.map(|info| target(&info.target, run)),
            imported: info.and_then(|info| info.imported.clone()),
            limits,
            why: verdict.as_ref().map_or_else(Vec::new, |verdict| {
                bottleneck::why(run, &levels, verdict, &limits.unwrap_or_default())
            }),
            ended: ended(run),
            failures: failures(run),
            findings: Findings::from_levels(&levels),
            cycles: levels,
            energy: EnergySummary::from_run(run),
            physical_limit: PhysicalLimit::from_run(run),
            verdict,
            client: client(run),
            warnings,
        }
    }

    /// Says first which limits, and which price, are not those of the run.
    pub fn rejudged(&mut self, changed: &[String]) {
        if let Some(text) = what_if::sentence(changed) {
            let kind = WarningKind::WhatIf;
            let warning = WarningSummary::new(Warning { kind, text }, None);
            self.warnings.insert(0, warning);
        }
    }

    /// The object as JSON, indented, and safe for a terminal: whatever could steer one is escaped.
    pub fn to_json(&self) -> Result<String, serde_json::Error> {
        json_lines(self)
    }

    /// Requests that ended as they should, in the whole run.
    pub fn succeeded(&self) -> u64 {
        let figures = self.cycles.iter().map(|level| &level.figures);
        figures.map(|f| f.requests.saturating_sub(f.failed)).sum()
    }
}

fn target(target: &Target, run: &RunState) -> TargetSummary {
    let (model, load_s) = (&target.model, run.load_s);
    TargetSummary {
        dialect: target.dialect.clone(),
        url: target.url.clone(),
        model: model.name.clone(),
        server: target.server.clone(),
        slots: run.slots(),
        size_bytes: model.size_bytes,
        quantization: model.quantization.clone(),
        parameters: model.parameters.clone(),
        family: model.family.clone(),
        context_tokens: model.context,
        load_s: load_s.map(|(client, _)| client),
        server_load_s: load_s.and_then(|(_, server)| server),
    }
}

/// What failed, by its kind.
fn failures(run: &RunState) -> Vec<FailureSummary> {
    let mut kinds: BTreeMap<&FailureKind, (u64, u64, &str)> = BTreeMap::new();
    for request in run.cycles.iter().flat_map(|cycle| &cycle.requests) {
        if let Some((kind, message)) = request.failure() {
            let (count, first, said) = kinds.entry(kind).or_insert((0, request.id, message));
            *count += 1;
            if request.id < *first {
                (*first, *said) = (request.id, message);
            }
        }
    }
    let one = |(kind, (count, _, message)): (&FailureKind, (u64, u64, &str))| FailureSummary {
        kind: kind.to_string(),
        count,
        first_message: message.chars().take(LONGEST_MESSAGE).collect(),
        status: match kind {
            FailureKind::Http(status) => Some(*status),
            _ => None,
        },
    };
    let mut all: Vec<FailureSummary> = kinds.into_iter().map(one).collect();
    all.sort_by_key(|failure| std::cmp::Reverse(failure.count));
    all
}

fn client(run: &RunState) -> ClientSummary {
    let requests = run.cycles.iter().flat_map(|cycle| &cycle.requests);
    let overheads = requests.filter_map(|request| {
        let server = request.server.total_s?;
        request.total_s().map(|total| (total - server).max(0.0))
    });
    ClientSummary {
        cpu_s: run.client.and_then(|cost| cost.cpu_s),
        rss_bytes: run.client.and_then(|cost| cost.rss_bytes),
        ttft_overhead_s: Dist::from_samples(overheads).p50,
        dropped_progress: run.client.map(|cost| cost.dropped_progress),
    }
}

impl WarningSummary {
    fn new(Warning { kind, text }: Warning, at_s: Option<f64>) -> Self {
        Self { kind, text, at_s }
    }
}

fn warnings(run: &RunState) -> Vec<WarningSummary> {
    let mut all = Vec::new();
    let mut add = |kind, text| all.push(WarningSummary::new(Warning { kind, text }, None));
    let has = |kind| run.warnings.iter().any(|(_, warning)| warning.kind == kind);
    if run.is_simulated() && !has(WarningKind::Simulated) {
        let text = "SIMULATED: the server was tokometer's own simulator; no model was measured.";
        add(WarningKind::Simulated, text.to_owned());
    }
    if let Some(text) = unfinished(run) {
        add(WarningKind::Other, text);
    }
    if let Some(text) = PhysicalLimit::from_run(run).and_then(|limit| limit.warning()) {
        add(WarningKind::Impossible, text);
    }
    let logged = run.warnings.iter();
    all.extend(logged.map(|(at, warning)| WarningSummary::new(warning.clone(), Some(at.secs()))));
    all
}

/// Why the run ended.
fn ended(run: &RunState) -> Option<String> {
    match &run.stage {
        Stage::Ended(why) => Some(why.code().to_owned()),
        _ => None,
    }
}

/// Why the run is not whole; None if it is.
fn unfinished(run: &RunState) -> Option<String> {
    let text = match &run.stage {
        Stage::Ended(RunEnd::Done) => return None,
        Stage::Ended(RunEnd::Stopped) => {
            "The run was stopped before its last cycle ended.".to_owned()
        }
        Stage::Ended(RunEnd::Signal(number)) => format!("Signal {number} stopped the run."),
        Stage::Ended(RunEnd::ServerGone) => {
            "The server went away and did not come back in time.".to_owned()
        }
        Stage::Ended(RunEnd::Failed(why)) => format!("The run could not continue: {why}"),
        _ => "The run has no end: it is in progress, or its log is incomplete.".to_owned(),
    };
    Some(format!("{text} The figures cover only the part that ran."))
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use schemars::generate::SchemaSettings;
    use serde_json::{Value, json};

    use super::*;

    /// Keys of shares, 0–1.
    const SHARES: [&str; 10] = [
        "share",
        "error_rate",
        "attainment",
        "thinking_share",
        "coverage",
        "energy_coverage",
        "in_cycles_coverage",
        "low",
        "high",
        "gpu_share",
    ];

    /// An object takes no key that it does not know.
    fn close(schema: &mut Value) {
        match schema {
            Value::Object(object) => {
                object.values_mut().for_each(close);
                if object.contains_key("properties") && !object.contains_key("additionalProperties")
                {
                    object.insert("additionalProperties".to_owned(), false.into());
                }
            }
            Value::Array(all) => all.iter_mut().for_each(close),
            _ => {}
        }
    }

    /// What is a share of requests or of time says so.
    fn bound(schema: &mut Value) {
        let properties = schema.get_mut("properties");
        let Some(properties) = properties.and_then(Value::as_object_mut) else {
            return;
        };
        for (key, property) in properties {
            if SHARES.contains(&key.as_str()) && property.get("type").is_some() {
                property["minimum"] = 0.into();
                property["maximum"] = 1.into();
            }
        }
    }

    /// The schema, from the types and what they say of themselves.
    fn schema() -> String {
        let generator = SchemaSettings::draft2020_12()
            .for_serialize()
            .into_generator();
        let mut schema = generator.into_root_schema_for::<Summary>().to_value();
        close(&mut schema);
        bound(&mut schema);
        for (name, definition) in schema["$defs"].as_object_mut().unwrap() {
            // Elsewhere `low` and `high` are ends of means, and a physical share above 1 shows a wrong number.
            if !matches!(name.as_str(), "MeanInterval" | "PhysicalLimit") {
                bound(definition);
            }
        }
        schema["title"] = "tokometer summary".into();
        schema["properties"]["schema"] = json!({ "const": SCHEMA });
        serde_json::to_string_pretty(&schema).unwrap() + "\n"
    }

    #[test]
    fn the_schema_is_that_of_the_types() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("assets/summary.schema.json");
        let schema = schema();
        if std::env::var_os("TOKOMETER_UPDATE").is_some() {
            std::fs::write(&path, schema).unwrap();
            return;
        }
        let committed = std::fs::read_to_string(&path).unwrap();
        assert!(
            committed == schema,
            "run `TOKOMETER_UPDATE=1 cargo test --lib the_schema_is_that_of_the_types`"
        );
    }
}
