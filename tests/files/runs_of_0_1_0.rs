//! The runs that version 0.1.0 recorded, in `tests/fixtures/runs`: they open, and amount to what they amounted to then.
//!
//! `summary.json` of each is what 0.1.0 made of its log. Keys that came later are welcome; what 0.1.0
//! wrote must still be there and the same, but for [`MENDS`].
//!
//! They were recorded at commit d9d336c: against the built-in simulator; `monitored` against a small server that
//! does not say that it is simulated, beside a made-up `nvidia-smi`; `imported` from some of the study's
//! rows, one of them made a failed one. Then the name of the run, the port, the client's machine and its process
//! ids were replaced, and the log of `killed` was cut inside its last line; no measured number was touched.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::{Value, json};
use tempfile::TempDir;
use tokometer::metrics::state::RunState;
use tokometer::metrics::summary::Summary;
use tokometer::store;

/// The runs, each after what it shows.
const RUNS: [&str; 9] = [
    // Three levels, each twice, two waves each, beside the simulated GPU.
    "clean",
    // Against a server that is not simulated: idle power, processes, a price, a memory bandwidth.
    "monitored",
    // Answers of one token: no request has a speed.
    "single-token",
    // Faults of every kind.
    "faulty",
    // One of nine requests fails after its first token.
    "one-of-nine",
    // Every request stalls after three tokens.
    "stalled",
    // Killed in its second cycle, inside a line of its log.
    "killed",
    // Killed in its second cycle, and resumed to its end.
    "resumed",
    // From a folder of the study's tool: repeats days apart, levels without samples, a failed request.
    "imported",
];

/// How a later version may differ from what 0.1.0 wrote.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Mend {
    /// Its value is another one: 0.1.0 was wrong.
    Changed,
    /// It is a sentence, in other words.
    Reworded,
    /// The same value is found at this key beside it.
    Renamed(&'static str),
    /// Its key is gone: it said what is said elsewhere.
    Dropped,
    /// A list without its entries of this `kind`.
    Without(&'static str),
}

/// The runs that a mend is about.
type Of = &'static [&'static str];

/// Runs with failed requests among those that count.
const FAILING: Of = &["faulty", "one-of-nine"];
/// Runs of which part was cut off, or failed.
const PARTLY: Of = &["faulty", "one-of-nine", "resumed"];
/// Runs of a level where more requests failed than may miss a limit.
const NO_MEAN: Of = &["faulty", "one-of-nine", "imported"];
/// Runs that had the time for a sample of the GPU, and more.
const POWER: Of = &[
    "clean",
    "monitored",
    "faulty",
    "killed",
    "resumed",
    "imported",
];
/// Runs whose state is another one.
const STATE: Of = &[
    "clean",
    "monitored",
    "faulty",
    "stalled",
    "killed",
    "resumed",
    "imported",
];
/// Runs whose intervals are wider at their lower or upper end.
const LOW: Of = &[
    "clean",
    "monitored",
    "faulty",
    "one-of-nine",
    "resumed",
    "imported",
];
const HIGH: Of = &["clean", "faulty", "one-of-nine", "stalled", "imported"];
/// Runs that were said to have a late client.
const LATE: Of = &[
    "clean",
    "monitored",
    "faulty",
    "one-of-nine",
    "killed",
    "resumed",
];
/// Runs with a throughput, with one that still grows, and with one whose growth may be noise.
const TOTAL: Of = &[
    "clean",
    "monitored",
    "single-token",
    "faulty",
    "one-of-nine",
    "killed",
    "resumed",
    "imported",
];
const GROWS: Of = &["clean", "monitored", "resumed", "imported"];
const NOISE: Of = &["single-token", "faulty", "killed"];
const SAYS: Of = &["clean", "monitored", "one-of-nine", "resumed", "imported"];

/// Where today's summaries differ from those of 0.1.0 on purpose: the runs, the path (`[]` for any index, `{a,b}` for
/// either key; all below it is meant too), and how. One that excuses nothing of one of its runs fails, so that none is left
/// behind.
#[rustfmt::skip]
const MENDS: &[(Of, &str, Mend)] = &[
    (&RUNS, "schema", Mend::Changed),
    (&RUNS, "target.quantisation", Mend::Renamed("quantization")),
    // In plain English, and users where it said people.
    (&RUNS, "verdict.sentence", Mend::Reworded),
    (&RUNS, "verdict.levels[].evidence", Mend::Reworded),
    (&["faulty", "stalled", "imported"], "why[].text", Mend::Reworded),
    (&["imported"], "verdict.levels[].repeats.text", Mend::Reworded),
    (&["imported"], "warnings[].text", Mend::Reworded),
    // The client is late where it has no time left, not where it spends a hundredth of a gap between tokens.
    (LATE, "warnings", Mend::Without("client_late")),
    // Throughput is that of the time in which all users ask, and what the noise can explain is no finding.
    (TOTAL, "findings.best_total.tok_s", Mend::Changed),
    (&["killed", "imported"], "findings.best_total.users", Mend::Changed),
    (GROWS, "findings.scaling.factor", Mend::Changed),
    (&["imported"], "findings.scaling.to_users", Mend::Changed),
    (&["imported"], "findings.knee.tok_s", Mend::Changed),
    (NOISE, "findings.{scaling,sentences}", Mend::Changed),
    (SAYS, "findings.sentences[]", Mend::Reworded),
    // Tokens of failed requests are no throughput.
    (&["faulty", "stalled"], "cycles[].steady_tok_s", Mend::Changed),
    (&["faulty", "stalled"], "why[].at.total_tok_s", Mend::Changed),
    // Power is energy by time, where no sample lies inside of a cycle too.
    (POWER, "cycles[].gpu.watts.mean", Mend::Changed),
    (&["clean", "faulty", "killed", "resumed"], "cycles[].gpu.watts.max", Mend::Changed),
    (&["clean", "imported"], "cycles[].repeats[].gpu.watts.mean", Mend::Changed),
    (&["clean"], "cycles[].repeats[].gpu.watts.max", Mend::Changed),
    (&["single-token"], "cycles[].gpu", Mend::Changed),
    (&["faulty", "one-of-nine", "stalled"], "cycles[0].gpu", Mend::Changed),
    // A level is its whole cycles; one that was cut short is no part of what was found.
    (&["resumed"], "cycles[1]", Mend::Changed),
    (&["resumed"], "findings.slow_tails", Mend::Changed),
    // How sure a level is comes from evidence that may be looked at at any time.
    (&["clean", "one-of-nine"], "verdict.by_share.{both_users,speed_users}", Mend::Changed),
    (&["one-of-nine", "imported"], "verdict.by_share.wait_users", Mend::Changed),
    (STATE, "verdict.by_share.state", Mend::Changed),
    (STATE, "verdict.levels[].{both,speed,wait}.state", Mend::Changed),
    (&["single-token"], "verdict.levels[].wait.state", Mend::Changed),
    // `more_to_decide` says how many requests make it hold, or fail.
    (&RUNS, "verdict.levels[].{both,speed,wait}.more_to_hold", Mend::Dropped),
    // Requests that ran together count for fewer.
    (LOW, "verdict.levels[].{both,speed,wait}.low", Mend::Changed),
    (&["single-token"], "verdict.levels[].wait.low", Mend::Changed),
    (HIGH, "verdict.levels[].{both,speed}.high", Mend::Changed),
    (&["faulty", "one-of-nine", "stalled", "imported"], "verdict.levels[].wait.high", Mend::Changed),
    // Only requests that all users were asking beside count.
    (PARTLY, "verdict.levels[].{both,speed,wait}.met", Mend::Changed),
    (PARTLY, "verdict.levels[].{both,speed,wait}.of", Mend::Changed),
    (FAILING, "verdict.levels[].{both,speed,wait}.share", Mend::Changed),
    // Where more requests failed than may miss a limit there is no mean verdict.
    (NO_MEAN, "verdict.by_mean.{both_users,speed_users,wait_users}", Mend::Changed),
    (NO_MEAN, "verdict.levels[].{both,speed,wait}.mean_meets", Mend::Changed),
    // No cause is named where the level may hold; of the imported run another level is the one that ends it.
    (&["clean", "one-of-nine"], "why", Mend::Changed),
    (&["imported"], "why[0].kind", Mend::Changed),
    (&["imported"], "why[].at.{failed,requests,speed_tok_s,total_tok_s,users,wait_s}", Mend::Changed),
    (&["imported"], "why[].before.{requests,speed_tok_s,total_tok_s,users,wait_s}", Mend::Changed),
    // Repeats are held against each other by their waits, too.
    (&["imported"], "verdict.levels[].repeats.disagree", Mend::Changed),
];

/// The mends, each of a single path.
fn mends() -> Vec<(Of, String, Mend)> {
    let each = MENDS.iter().flat_map(|(of, pattern, mend)| {
        let (before, rest) = pattern.split_once('{').unwrap_or((pattern, "}"));
        let (keys, after) = rest.split_once('}').unwrap();
        keys.split(',')
            .map(move |key| (*of, format!("{before}{key}{after}"), *mend))
    });
    each.collect()
}

/// A value of 0.1.0 that today's summary does not have.
#[derive(Debug, Clone, PartialEq)]
struct Difference {
    path: String,
    then: Value,
    /// None where its key is gone.
    now: Option<Value>,
}

impl Difference {
    fn reported(&self) -> String {
        let now = match &self.now {
            Some(now) => now.to_string(),
            None => "gone".to_owned(),
        };
        format!("{}: was {}, is {now}", self.path, self.then)
    }
}

/// What `then` has and `now` has not. Keys that only `now` has are none of it.
fn differences(then: &Value, now: &Value, path: &str, found: &mut Vec<Difference>) {
    match (then, now) {
        (Value::Object(then), Value::Object(now)) => {
            for (key, then) in then {
                let path = if path.is_empty() {
                    key.clone()
                } else {
                    format!("{path}.{key}")
                };
                match now.get(key) {
                    Some(now) => differences(then, now, &path, found),
                    None => found.push(Difference {
                        path,
                        then: then.clone(),
                        now: None,
                    }),
                }
            }
        }
        (Value::Array(then), Value::Array(now)) if then.len() == now.len() => {
            for (index, (then, now)) in then.iter().zip(now).enumerate() {
                differences(then, now, &format!("{path}[{index}]"), found);
            }
        }
        (then, now) if then == now => {}
        (then, now) => found.push(Difference {
            path: path.to_owned(),
            then: then.clone(),
            now: Some(now.clone()),
        }),
    }
}

/// `cycles[3].users` as `cycles[].users`.
fn any_index(path: &str) -> String {
    let mut inside = false;
    let outside = path.chars().filter(|character| {
        let kept = !inside || *character == ']';
        inside = *character == '[' || (inside && *character != ']');
        kept
    });
    outside.collect()
}

/// Whether `path` is `pattern` or lies below it.
fn covers(pattern: &str, path: &str) -> bool {
    [path, &any_index(path)].iter().any(|path| {
        let below = path.strip_prefix(pattern);
        below.is_some_and(|below| below.is_empty() || below.starts_with(['.', '[']))
    })
}

/// The value at a path as [`differences`] writes it.
fn at<'a>(root: &'a Value, path: &str) -> Option<&'a Value> {
    let pointer = path.replace('[', ".").replace(']', "");
    let mut steps = pointer.split('.').filter(|step| !step.is_empty());
    steps.try_fold(root, |value, step| match value {
        Value::Array(values) => values.get(step.parse::<usize>().ok()?),
        value => value.get(step),
    })
}

/// Whether a mend explains a difference.
fn explains(mend: Mend, difference: &Difference, now: &Value) -> bool {
    match mend {
        Mend::Changed => difference.now.is_some(),
        Mend::Dropped => difference.now.is_none(),
        Mend::Without(kind) => {
            let what = |list: &Value, but: &str| -> Vec<(Value, Value)> {
                let entries = list.as_array().into_iter().flatten();
                let others = entries.filter(|entry| entry["kind"] != but);
                others
                    .map(|entry| (entry["kind"].clone(), entry["at_s"].clone()))
                    .collect()
            };
            let now = difference.now.as_ref().map(|now| what(now, ""));
            now == Some(what(&difference.then, kind))
        }
        Mend::Reworded => {
            let sentence = difference.now.as_ref().and_then(Value::as_str);
            difference.then.is_string() && sentence.is_some_and(|text| !text.trim().is_empty())
        }
        Mend::Renamed(key) => {
            let parent = difference
                .path
                .rsplit_once('.')
                .map_or("", |(path, _)| path);
            let renamed = at(now, parent).and_then(|parent| parent.get(key));
            difference.now.is_none() && renamed == Some(&difference.then)
        }
    }
}

/// What differs between `then` and `now` of a run and no mend explains, a line each. The mends that did are put
/// into `used`, by their place in the list, with the run.
fn unexplained(
    run: &str,
    then: &Value,
    now: &Value,
    mends: &[(Of, impl AsRef<str>, Mend)],
    used: &mut BTreeSet<(usize, String)>,
) -> Vec<String> {
    let mut found = Vec::new();
    differences(then, now, "", &mut found);
    found.retain(|difference| {
        let mend = mends.iter().position(|(of, pattern, mend)| {
            of.contains(&run)
                && covers(pattern.as_ref(), &difference.path)
                && explains(*mend, difference, now)
        });
        used.extend(mend.map(|mend| (mend, run.to_owned())));
        mend.is_none()
    });
    let lines = found.iter().map(Difference::reported);
    lines.map(|line| format!("{run}: {line}")).collect()
}

fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/runs")
}

/// A JSON file of a recorded run.
fn file(run: &str, name: &str) -> Value {
    let text = fs::read_to_string(fixtures().join(run).join(name)).unwrap();
    serde_json::from_str(&text).unwrap()
}

/// A run as it is read today, and what is missing of it.
fn opened(run: &str) -> (RunState, Vec<String>) {
    let mut state = RunState::default();
    let (_, missing) = store::replay(&fixtures().join(run), |event| state.apply(&event)).unwrap();
    (state, missing)
}

fn summary(run: &str) -> Value {
    let (state, _) = opened(run);
    serde_json::from_str(&Summary::from_run(&state).to_json().unwrap()).unwrap()
}

#[test]
fn each_amounts_to_what_it_did() {
    let entries = fs::read_dir(fixtures()).unwrap();
    let there = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let there: BTreeSet<String> = there.collect();
    assert_eq!(there, RUNS.map(str::to_owned).into());
    let mends = mends();
    let mut used = BTreeSet::new();
    let mut reported = Vec::new();
    for run in RUNS {
        let (then, now) = (file(run, "summary.json"), summary(run));
        assert_eq!(then["tokometer"], "0.1.0", "{run}");
        reported.extend(unexplained(run, &then, &now, &mends, &mut used));
    }
    assert!(
        reported.is_empty(),
        "{} values are not those of 0.1.0:\n{}",
        reported.len(),
        reported.join("\n")
    );
    let all = (0..).zip(&mends);
    let each = all.flat_map(|(index, (of, path, _))| of.iter().map(move |run| (index, *run, path)));
    let idle: Vec<_> = each
        .filter(|(index, run, _)| !used.contains(&(*index, (*run).to_owned())))
        .collect();
    assert!(idle.is_empty(), "these mends explain nothing: {idle:#?}");
}

#[test]
fn they_are_whole_but_for_the_one_that_was_killed() {
    for run in RUNS {
        let (_, missing) = opened(run);
        if run != "killed" {
            assert_eq!(missing, [""; 0], "{run}");
            continue;
        }
        let [torn, open] = &missing[..] else {
            panic!("{missing:?}");
        };
        assert!(torn.contains("events.jsonl"), "{torn}");
        assert!(open.starts_with("The run has no end"), "{open}");
    }
}

#[test]
fn the_old_name_of_the_quantization_is_read() {
    let reported = file("clean", "run.json")["target"]["model"]["quantisation"].clone();
    assert_eq!(reported, "Q4_K_M");
    assert_eq!(
        file("clean", "summary.json")["target"]["quantisation"],
        reported
    );
    let target = &summary("clean")["target"];
    let now = target.get("quantization");
    assert_eq!(now, Some(&reported));
}

/// The recorded runs in a place that may be written to.
struct Place {
    directory: TempDir,
}

impl Place {
    fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        for run in RUNS {
            let to = directory.path().join("runs").join(run);
            fs::create_dir_all(&to).unwrap();
            for name in ["run.json", "events.jsonl", "summary.json"] {
                fs::copy(fixtures().join(run).join(name), to.join(name)).unwrap();
            }
        }
        Self { directory }
    }

    fn tokometer(&self, arguments: &[&str]) -> String {
        let Output {
            status,
            stdout,
            stderr,
        } = Command::new(env!("CARGO_BIN_EXE_tokometer"))
            .args(arguments)
            .current_dir(self.directory.path())
            .env("TOKOMETER_RUNS_DIR", self.directory.path().join("runs"))
            .env("TOKOMETER_CONFIG", "")
            .output()
            .unwrap();
        let [out, err] = [stdout, stderr].map(|text| String::from_utf8(text).unwrap());
        assert!(status.success(), "{arguments:?}: {status}\n{err}");
        out
    }
}

#[test]
fn the_program_lists_them() {
    let place = Place::new();
    let list: Value = serde_json::from_str(&place.tokometer(&["runs", "--json"])).unwrap();
    let list = list.as_array().unwrap();
    let names: BTreeSet<&str> = list.iter().map(|run| run["id"].as_str().unwrap()).collect();
    assert_eq!(names, RUNS.into());
    for entry in list {
        let run = entry["id"].as_str().unwrap();
        let then = file(run, "summary.json");
        let levels = then["cycles"].as_array().unwrap();
        let of = |key: &str| -> Vec<u64> {
            let values = levels.iter().map(|level| level[key].as_u64().unwrap());
            values.collect()
        };
        let sum = |key: &str| of(key).iter().sum::<u64>();
        assert_eq!(entry["users"], json!(of("users")), "{run}");
        assert_eq!(entry["requests"], json!(sum("requests")), "{run}");
        assert_eq!(entry["failed"], json!(sum("failed")), "{run}");
        assert_eq!(entry["ended"], json!(run != "killed"), "{run}");
        assert_eq!(entry["simulated"], then["simulated"], "{run}");
    }
    let table = place.tokometer(&["runs"]);
    for run in RUNS {
        assert!(
            table.lines().any(|line| line.starts_with(run)),
            "{run}: {table}"
        );
    }
}

#[test]
fn the_program_reports_on_them() {
    let place = Place::new();
    for run in RUNS {
        let printed = place.tokometer(&["report", run, "--json"]);
        let printed: Value = serde_json::from_str(&printed).unwrap();
        assert_eq!(printed, summary(run), "{run}");
        // A row a cycle below the names of the columns.
        let (state, _) = opened(run);
        let rows = place.tokometer(&["report", run, "--print", "csv"]);
        assert_eq!(
            rows.lines().count(),
            1 + state.cycles.len(),
            "{run}: {rows}"
        );
        let page = place.tokometer(&["report", run, "--print", "markdown"]);
        for level in &state.cycles {
            let users = format!("| {} |", level.users);
            assert!(page.contains(&users), "{run} has no {users}: {page}");
        }
    }
}

#[test]
fn a_difference_is_told_by_its_path() {
    let then = json!({
        "schema": "a/1",
        "cycles": [{"users": 1, "wait": {"mean": 0.5}}, {"users": 4, "wait": {"mean": 1}}],
        "sentence": "Goes on.",
        "old": null,
    });
    let mut now = then.clone();
    now["new"] = json!(1);
    now["cycles"][0]["wait"]["p50"] = json!(0.4);
    let none: &[(Of, &str, Mend)] = &[];
    let reported = |now: &Value, mends: &[(Of, &str, Mend)]| {
        let mut used = BTreeSet::new();
        let lines = unexplained("run", &then, now, mends, &mut used);
        let used = used.into_iter().map(|(mend, _)| mend);
        (lines, used.collect::<Vec<_>>())
    };
    assert_eq!(
        reported(&now, none),
        (Vec::new(), Vec::new()),
        "new keys are welcome"
    );

    now["cycles"][1]["wait"]["mean"] = json!(1.5);
    now["sentence"] = json!("Continues.");
    let object = now.as_object_mut().unwrap();
    object.remove("old");
    let (lines, _) = reported(&now, none);
    assert_eq!(
        lines,
        [
            "run: cycles[1].wait.mean: was 1, is 1.5",
            "run: old: was null, is gone",
            "run: sentence: was \"Goes on.\", is \"Continues.\"",
        ]
    );
    now["recent"] = json!(null);
    let mends: [(Of, &str, Mend); 5] = [
        (&["run"], "cycles[].wait", Mend::Changed),
        (&["run"], "sentence", Mend::Reworded),
        (&["run"], "old", Mend::Renamed("recent")),
        (&["another"], "sentence", Mend::Changed),
        (&["run"], "cycles[0]", Mend::Changed),
    ];
    assert_eq!(reported(&now, &mends), (Vec::new(), vec![0, 1, 2]));
    // Neither a longer name that begins alike, nor a sentence that is gone, nor another value.
    let mends: [(Of, &str, Mend); 6] = [
        (&["run"], "cycles[].wa", Mend::Changed),
        (&["run"], "cycles[0].wait", Mend::Changed),
        (&["run"], "old", Mend::Reworded),
        (&["run"], "old", Mend::Renamed("schema")),
        (&["run"], "cycles[].wait.mean", Mend::Reworded),
        (&["another"], "sentence", Mend::Changed),
    ];
    assert_eq!(reported(&now, &mends), (lines, Vec::new()));

    now["cycles"].as_array_mut().unwrap().pop();
    let (lines, _) = reported(&now, none);
    assert!(lines[0].starts_with("run: cycles: was [{"), "{lines:?}");
}
