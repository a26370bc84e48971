//! The table agrees with itself.

use std::collections::HashSet;
use std::fmt::Write as _;

use strum::IntoEnumIterator;

use super::*;

const ENTER: Key = Key::new(KeyCode::Enter);

#[test]
fn no_key_means_two_things_at_once() {
    for mode in Mode::iter() {
        for view in View::iter() {
            let mut seen = Vec::new();
            for scope in scopes(mode, view) {
                for binding in BINDINGS.iter().filter(|b| b.scope == *scope) {
                    for key in binding.keys {
                        // A replay is wound with keys that else choose a cycle or a line.
                        let wound = mode == Mode::Replay && binding.scope == Scope::Views;
                        if wound && seen.contains(key) {
                            continue;
                        }
                        // Enter gives the lanes the keys, also after a run; s still starts one.
                        let lanes = (*key, mode, view) == (ENTER, Mode::Ended, View::Preview);
                        if lanes && binding.scope == Scope::Ended {
                            continue;
                        }
                        assert!(!seen.contains(key), "{key:?} twice in {mode:?} {view:?}");
                        seen.push(*key);
                    }
                }
            }
        }
    }
}

#[test]
fn every_action_has_a_key_and_every_scope_a_mode() {
    let bound: HashSet<_> = BINDINGS.iter().map(|b| b.action).collect();
    for action in Action::iter() {
        assert!(bound.contains(&action), "{action:?} has no key");
    }
    let reachable: HashSet<_> = Mode::iter()
        .flat_map(|mode| View::iter().flat_map(move |view| scopes(mode, view)))
        .collect();
    for scope in Scope::iter() {
        assert!(reachable.contains(&scope), "{scope:?} is in no mode");
    }
}

#[test]
fn shift_is_ignored_and_control_is_not() {
    let shifted = KeyEvent::new(KeyCode::Char('?'), KeyModifiers::SHIFT);
    assert_eq!(
        action(&shifted, Mode::Ready, View::Live),
        Some(Action::Help)
    );
    let control = KeyEvent::new(KeyCode::Char('q'), KeyModifiers::CONTROL);
    assert_eq!(action(&control, Mode::Ready, View::Live), None);
}

#[test]
fn labels_read_as_keys_are_called() {
    let label = |action: Action, scope: Scope| {
        let found = BINDINGS
            .iter()
            .find(|b| b.action == action && b.scope == scope);
        found.unwrap().label(false)
    };
    assert_eq!(label(Action::Start, Scope::Ready), "Enter/s");
    assert_eq!(label(Action::Digit, Scope::Level), "0–9");
    assert_eq!(label(Action::Pause, Scope::Running), "space");
    assert_eq!(label(Action::Interrupt, Scope::Always), "Ctrl-C");
}

#[test]
fn the_footer_names_a_key_that_does_it() {
    for mode in Mode::iter() {
        for view in View::iter() {
            for (binding, hint) in hints(mode, view) {
                let label = binding.active_label(mode, view, false);
                let key = binding
                    .keys
                    .iter()
                    .find(|key| Some(key.label(false)) == label);
                let event = key.map(|key| KeyEvent::new(key.code, KeyModifiers::NONE));
                let does = event.and_then(|event| action(&event, mode, view));
                assert_eq!(does, Some(binding.action), "{hint} in {mode:?} {view:?}");
            }
        }
    }
    let again = BINDINGS.iter().find(|b| b.scope == Scope::Ended).unwrap();
    let label = |view| again.active_label(Mode::Ended, view, false);
    assert_eq!(label(View::Live).as_deref(), Some("Enter"));
    assert_eq!(label(View::Preview).as_deref(), Some("s"));
}

/// README's tables of keys, and the scopes of each.
const TABLES: [(&str, &[Scope]); 4] = [
    (
        "a run",
        &[
            Scope::Ready,
            Scope::Running,
            Scope::Ended,
            Scope::Tabs,
            Scope::Views,
            Scope::Live,
            Scope::Requests,
            Scope::Sliders,
            Scope::Global,
        ],
    ),
    ("the list", &[Scope::Runs, Scope::Filter, Scope::Comparison]),
    ("a replay", &[Scope::Replay]),
    ("the lanes", &[Scope::Preview, Scope::Lanes]),
];
const END: &str = "<!-- end of keys -->";

fn table_of_keys(scopes: &[Scope]) -> String {
    let mut table = "| key | what it does |\n|---|---|\n".to_owned();
    for scope in scopes {
        let _ = writeln!(table, "| | **{scope}** |");
        for binding in BINDINGS.iter().filter(|b| b.scope == *scope) {
            let keys = binding.keys.iter().map(|key| key.label(false));
            let keys: Vec<String> = keys.map(|key| format!("`{key}`")).collect();
            let _ = writeln!(table, "| {} | {} |", keys.join(" "), binding.help);
        }
    }
    table
}

#[test]
fn readme_lists_the_keys() {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md");
    let readme = std::fs::read_to_string(&path).unwrap();
    let mut written = readme.clone();
    for (name, scopes) in TABLES {
        let begin = format!(
            "<!-- keys of {name}: written by `TOKOMETER_UPDATE=1 cargo test --lib keys` -->\n"
        );
        let (before, rest) = written.split_once(&begin).unwrap();
        let (_, after) = rest.split_once(END).unwrap();
        written = format!("{before}{begin}{}{END}{after}", table_of_keys(scopes));
    }
    if std::env::var_os("TOKOMETER_UPDATE").is_some() {
        std::fs::write(&path, written).unwrap();
        return;
    }
    pretty_assertions::assert_eq!(readme, written);
}
