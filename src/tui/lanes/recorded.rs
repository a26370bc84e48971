//! The answers of a run that lanes replay: one of each cycle.

use std::fs;
use std::io;
use std::path::Path;

use serde::Deserialize;

use crate::event::{Answer, RequestRecord};
use crate::text::numbers;

use crate::tui::lanes::text::Script;

/// The answer that stands for a cycle: of those that came whole and whose times were kept, the one
/// whose speed is their median (the lower of the two in the middle). None if there is none.
pub fn from_cycle(users: u32, requests: &[RequestRecord], simulated: bool) -> Option<Script> {
    let speed = |record: &RequestRecord| record.speed_tok_s().unwrap_or(0.0);
    let kept = requests.iter().filter(|record| has_times(record));
    let mut whole: Vec<&RequestRecord> = kept.filter(|record| record.is_done()).collect();
    whole.sort_by(|a, b| speed(a).total_cmp(&speed(b)));
    let median = whole.len().saturating_sub(1) / 2;
    Script::measured(users, whole.get(median)?, simulated)
}

/// Whether the time of each piece was kept: of most answers only the text is, and there pieces of a
/// kind have run together.
fn has_times(record: &RequestRecord) -> bool {
    let pieces = record
        .answer
        .as_ref()
        .map_or(&[][..], |answer| &answer.pieces);
    pieces
        .array_windows()
        .any(|[one, next]| one.thinking == next.thinking)
}

/// A file in `answers/` of a run directory, as far as lanes need it.
#[derive(Debug, Deserialize)]
struct KeptAnswer {
    simulated: bool,
    cycle: u32,
    users: Option<u32>,
    answer: Answer,
}

/// The answers that a run directory holds, one a cycle, in the order of the cycles. An error if it
/// holds none.
pub fn from_directory(directory: &Path) -> io::Result<Vec<Script>> {
    let folder = directory.join("answers");
    let named = |path: &Path, error: &dyn std::fmt::Display, kind| {
        io::Error::new(kind, format!("{}: {error}", path.display()))
    };
    let mut kept = Vec::new();
    let files = fs::read_dir(&folder).map_err(|error| named(&folder, &error, error.kind()))?;
    for file in files {
        let path = file?.path();
        if path.extension().is_none_or(|ending| ending != "json") {
            continue;
        }
        let bytes = fs::read(&path).map_err(|error| named(&path, &error, error.kind()))?;
        let answer: KeptAnswer = serde_json::from_slice(&bytes)
            .map_err(|error| named(&path, &error, io::ErrorKind::InvalidData))?;
        kept.push(answer);
    }
    kept.sort_by_key(|kept| kept.cycle);
    let scripts: Vec<Script> = kept.iter().filter_map(script).collect();
    if scripts.is_empty() {
        let why = "it contains no answers; at least one cycle needs one";
        return Err(named(&folder, &why, io::ErrorKind::NotFound));
    }
    Ok(scripts)
}

fn script(kept: &KeptAnswer) -> Option<Script> {
    let name = match kept.users {
        None => format!("cycle {}", u64::from(kept.cycle) + 1),
        Some(users) => numbers::users(users),
    };
    let script = Script::recorded(&name, &kept.answer, kept.simulated);
    (!script.is_empty()).then_some(script)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn write(directory: &Path, name: &str, content: &str) {
        let folder = directory.join("answers");
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join(name), content).unwrap();
    }

    const ANSWER: &str = r#"{"text": "one two", "pieces": [
        {"end": 3, "at_us": 500000, "thinking": true}, {"end": 7, "at_us": 700000, "thinking": false}]}"#;

    #[test]
    fn a_run_directory_gives_a_lane_a_cycle_in_their_order() {
        let run = tempfile::tempdir().unwrap();
        for (cycle, users) in [(1, "4"), (0, "1"), (2, "null")] {
            let content = format!(
                r#"{{"simulated": true, "model": "m", "cycle": {cycle}, "users": {users}, "answer": {ANSWER}}}"#
            );
            write(run.path(), &format!("cycle-0{cycle}.json"), &content);
        }
        write(run.path(), "notes.txt", "not an answer");
        let scripts = from_directory(run.path()).unwrap();
        let names: Vec<&str> = scripts.iter().map(|script| script.name.as_str()).collect();
        assert_eq!(names, ["1 user", "4 users", "cycle 3"]);
        assert!(scripts.iter().all(|script| script.simulated));
        assert_eq!(scripts[0].at_us(), Some(&[500_000, 700_000][..]));
    }

    #[test]
    fn what_cannot_be_read_is_named() {
        let run = tempfile::tempdir().unwrap();
        let missing = from_directory(run.path()).unwrap_err().to_string();
        assert!(missing.contains("answers"), "{missing}");
        write(run.path(), "a.json", "{");
        let broken = from_directory(run.path()).unwrap_err().to_string();
        assert!(broken.contains("a.json"), "{broken}");
        fs::remove_file(run.path().join("answers/a.json")).unwrap();
        let empty = from_directory(run.path()).unwrap_err().to_string();
        assert!(empty.contains("it contains no answers"), "{empty}");
    }
}
