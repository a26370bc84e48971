//! What a gate decided, for machines that run it: JUnit's XML, and Markdown for the page of a workflow.

use std::fmt::Write as _;

use crate::metrics::gate::{Decision, Ruling};
use crate::report::ReportError;
use crate::report::text::escape_markdown;
use crate::text::numbers::letter;
use crate::text::sanitize::{json_lines, one_line};
use crate::text::xml::escape;

/// The most of a text that is written.
const LONGEST: usize = 1000;

/// One test case a ruling, as CI servers read them. What is not decided is skipped, unless it `fails`.
pub fn junit(command: &str, rulings: &[Ruling], fails: bool) -> String {
    let is_failure = |ruling: &&Ruling| match ruling.decision {
        Decision::Failed => true,
        Decision::Inconclusive => fails,
        Decision::Passed | Decision::Unknown => false,
    };
    let is = |decision| move |ruling: &&Ruling| ruling.decision == decision;
    let failures = rulings.iter().filter(is_failure).count();
    let errors = rulings.iter().filter(is(Decision::Unknown)).count();
    let inconclusive = rulings.iter().filter(is(Decision::Inconclusive)).count();
    let skipped = if fails { 0 } else { inconclusive };
    let counts = format!(
        "tests=\"{}\" failures=\"{failures}\" errors=\"{errors}\" skipped=\"{skipped}\"",
        rulings.len()
    );
    let suite = escape(&one_line(command, LONGEST));
    let mut out = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
    // Writing to a string cannot fail.
    let _ = writeln!(out, "<testsuites name=\"tokometer\" {counts}>");
    let _ = writeln!(out, "  <testsuite name=\"{suite}\" {counts}>");
    for ruling in rulings {
        let text = escape(&one_line(&ruling.text(), LONGEST));
        let element = match ruling.decision {
            Decision::Passed => format!("<system-out>{text}</system-out>"),
            Decision::Unknown => format!("<error message=\"{text}\"/>"),
            _ if is_failure(&ruling) => format!("<failure message=\"{text}\"/>"),
            _ => format!("<skipped message=\"{text}\"/>"),
        };
        let name = escape(&one_line(&name(ruling), LONGEST));
        let _ = writeln!(
            out,
            "    <testcase classname=\"{suite}\" name=\"{name}\">\n      {element}\n    </testcase>"
        );
    }
    out.push_str("  </testsuite>\n</testsuites>\n");
    out
}

/// A heading and a table with a row for each ruling.
pub fn markdown(command: &str, note: &str, rulings: &[Ruling]) -> String {
    let mut out = format!("### {}\n\n", cell(command));
    if !note.is_empty() {
        let _ = write!(out, "{}\n\n", cell(note));
    }
    out.push_str("| | Fails if | Seen |\n|---|---|---|\n");
    for ruling in rulings {
        let sign = match ruling.decision {
            Decision::Passed => "✔",
            Decision::Inconclusive => "?",
            Decision::Failed => "✘",
            Decision::Unknown => "–",
        };
        let decision = match ruling.decision {
            Decision::Unknown => "cannot check".to_owned(),
            decision => decision.to_string(),
        };
        let (name, text) = (cell(&name(ruling)), cell(&ruling.text()));
        let _ = writeln!(out, "| {sign} {decision} | {name} | {text} |");
    }
    out.push('\n');
    out
}

/// What became of the conditions on one run, as JSON.
pub fn json(run: &str, rulings: &[Ruling]) -> Result<String, ReportError> {
    let checked = serde_json::json!({
        "schema": "tokometer/check/1",
        "run": run,
        "conditions": rulings,
    });
    json_lines(&checked).map_err(|error| ReportError::Table(error.to_string()))
}

fn cell(text: &str) -> String {
    escape_markdown(&one_line(text, LONGEST))
}

fn name(ruling: &Ruling) -> String {
    match ruling.run {
        Some(run) => format!("{} (run {})", ruling.condition, letter(run)),
        None => ruling.condition.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rulings() -> Vec<Ruling> {
        let one = |condition: &str, decision, seen: &str, wanted: &str| Ruling {
            condition: condition.to_owned(),
            run: None,
            decision,
            seen: seen.to_owned(),
            wanted: wanted.to_owned(),
        };
        vec![
            one("users < 4", Decision::Passed, "4 users: holds", ""),
            one("speed < 5 & \"x\"", Decision::Failed, "a | b", ""),
            Ruling {
                run: Some(1),
                ..one("wait > 5%", Decision::Inconclusive, "+4.0 %", "9 more")
            },
            one("energy > 1", Decision::Unknown, "not known", ""),
        ]
    }

    #[test]
    fn junit_skips_what_is_not_decided() {
        let xml = junit("tokometer check a-run", &rulings(), false);
        let document = roxmltree::Document::parse(&xml).unwrap();
        let suite = document.descendants().find(|n| n.has_tag_name("testsuite"));
        let suite = suite.unwrap();
        for (name, count) in [
            ("tests", "4"),
            ("failures", "1"),
            ("errors", "1"),
            ("skipped", "1"),
        ] {
            assert_eq!(suite.attribute(name), Some(count), "{name}");
        }
        let elements: Vec<(&str, &str)> = suite
            .children()
            .filter(|node| node.has_tag_name("testcase"))
            .map(|case| {
                let outcome = case.children().find(roxmltree::Node::is_element).unwrap();
                (case.attribute("name").unwrap(), outcome.tag_name().name())
            })
            .collect();
        assert_eq!(
            elements,
            [
                ("users < 4", "system-out"),
                ("speed < 5 & \"x\"", "failure"),
                ("wait > 5% (run B)", "skipped"),
                ("energy > 1", "error"),
            ]
        );
        assert!(
            xml.contains("<skipped message=\"+4.0 %; 9 more\"/>"),
            "{xml}"
        );
        let strict = junit("tokometer check a-run", &rulings(), true);
        assert!(strict.contains("failures=\"2\" errors=\"1\" skipped=\"0\""));
        assert!(strict.contains("<failure message=\"+4.0 %; 9 more\"/>"));
    }

    #[test]
    fn markdown_is_one_row_a_ruling() {
        let text = markdown("tokometer check a-run", "4 users (holds)", &rulings());
        let rows: Vec<&str> = text.lines().filter(|line| line.starts_with("| ")).collect();
        assert_eq!(rows.len(), 5, "{text}");
        assert!(
            text.starts_with("### tokometer check a-run\n\n4 users"),
            "{text}"
        );
        assert!(
            rows[3].starts_with("| ? inconclusive | wait"),
            "{}",
            rows[3]
        );
        assert!(rows[2].contains("a \\| b"), "{}", rows[2]);
    }
}
