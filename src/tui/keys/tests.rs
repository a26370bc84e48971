//! The table agrees with itself.

use std::collections::HashSet;

use strum::IntoEnumIterator;

use super::*;

const ENTER: Key = Key::of(KeyCode::Enter);

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
                let label = binding.heard_label(mode, view, false);
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
    let label = |view| again.heard_label(Mode::Ended, view, false);
    assert_eq!(label(View::Live).as_deref(), Some("Enter"));
    assert_eq!(label(View::Preview).as_deref(), Some("s"));
}
