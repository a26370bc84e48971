//! The keys of the lanes: one table, from which the help and the footer are made.

use crossterm::event::{KeyCode, KeyEvent, KeyEventKind, KeyModifiers};

use crate::tui::lanes::lanes::Action;

/// One row of the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Binding {
    /// The keys that do it.
    pub keys: &'static [KeyCode],
    /// What they do.
    pub action: Action,
    /// The keys as the screen names them.
    pub label: &'static str,
    /// Keys and one word for the footer; empty if it does not stand there.
    pub footer: &'static str,
    /// What it does, for the help.
    pub help: &'static str,
}

const fn row(
    keys: &'static [KeyCode],
    action: Action,
    label: &'static str,
    footer: &'static str,
    help: &'static str,
) -> Binding {
    Binding {
        keys,
        action,
        label,
        footer,
        help,
    }
}

/// The keys while the lanes have the focus. The digits are in [`preset`]: the dashboard keeps them
/// for its views and uses `p`.
pub const BINDINGS: &[Binding] = &[
    row(
        &[KeyCode::Char(' ')],
        Action::Pause,
        "space",
        "space pause",
        "pause, go on",
    ),
    row(
        &[KeyCode::Char('r')],
        Action::Again,
        "r",
        "r again",
        "all lanes again from the start",
    ),
    row(
        &[KeyCode::Left, KeyCode::Up],
        Action::Previous,
        "←",
        "",
        "select the lane to the left",
    ),
    row(
        &[KeyCode::Right, KeyCode::Down],
        Action::Next,
        "→",
        "← → lane",
        "select the lane to the right",
    ),
    row(
        &[KeyCode::Char('+'), KeyCode::Char('=')],
        Action::Faster,
        "+",
        "",
        "selected lane faster (×1.25)",
    ),
    row(
        &[KeyCode::Char('-'), KeyCode::Char('_')],
        Action::Slower,
        "-",
        "+ - speed",
        "selected lane slower (÷1.25)",
    ),
    row(
        &[KeyCode::Char('p')],
        Action::NextPreset,
        "p",
        "p preset",
        "next of 5 9 20 30 55 100 200 500 1000 tok/s; a recording as measured",
    ),
    row(
        &[KeyCode::Char('a')],
        Action::Add,
        "a",
        "a add",
        "add a lane",
    ),
    row(
        &[KeyCode::Char('d')],
        Action::Remove,
        "d",
        "d remove",
        "remove the selected lane",
    ),
    row(
        &[KeyCode::Char('T')],
        Action::Thinking,
        "T",
        "T thinking",
        "thinking shown, folded or skipped",
    ),
    row(
        &[KeyCode::Char('w')],
        Action::Wait,
        "w",
        "w wait",
        "recordings with or without their wait",
    ),
    row(
        &[KeyCode::Char('l')],
        Action::NextText,
        "l",
        "l text",
        "next text",
    ),
    row(
        &[KeyCode::Enter],
        Action::Full,
        "enter",
        "enter full",
        "one lane full screen, all again",
    ),
];

/// What a key does; None for a key that is not one of the lanes', or that is let go.
pub fn action(key: KeyEvent) -> Option<Action> {
    let plain = key.modifiers.difference(KeyModifiers::SHIFT).is_empty();
    if key.kind == KeyEventKind::Release || !plain {
        return None;
    }
    let mut rows = BINDINGS.iter();
    rows.find(|row| row.keys.contains(&key.code))
        .map(|row| row.action)
}

/// What a digit does where no view needs it: the presets.
pub fn preset(key: KeyEvent) -> Option<Action> {
    let plain = key.modifiers.difference(KeyModifiers::SHIFT).is_empty();
    match key.code {
        KeyCode::Char(digit @ '1'..='9') if plain && key.kind != KeyEventKind::Release => {
            let number = digit
                .to_digit(10)
                .and_then(|digit| u8::try_from(digit).ok());
            number.map(Action::Preset)
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use strum::IntoEnumIterator;

    #[test]
    fn no_key_stands_twice_and_every_action_has_one() {
        let keys: Vec<KeyCode> = BINDINGS.iter().flat_map(|row| row.keys).copied().collect();
        for (index, key) in keys.iter().enumerate() {
            assert!(!keys[..index].contains(key), "{key:?} stands twice");
        }
        for action in Action::iter() {
            let listed = BINDINGS.iter().any(|row| row.action == action);
            assert!(
                listed || matches!(action, Action::Preset(_)),
                "{action:?} has no key"
            );
        }
    }

    #[test]
    fn digits_are_presets_and_control_keys_are_not_ours() {
        let five = KeyEvent::new(KeyCode::Char('5'), KeyModifiers::NONE);
        assert_eq!(
            (action(five), preset(five)),
            (None, Some(Action::Preset(5)))
        );
        let control = KeyEvent::new(KeyCode::Char('a'), KeyModifiers::CONTROL);
        assert_eq!(action(control), None);
        let shifted = KeyEvent::new(KeyCode::Char('T'), KeyModifiers::SHIFT);
        assert_eq!(action(shifted), Some(Action::Thinking));
    }
}
