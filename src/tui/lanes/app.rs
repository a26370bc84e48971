//! The state of `tokometer preview` and what a key does to it. Pure: instants and events come as
//! arguments, what is to be done outside goes back as an [`Effect`].

use crossterm::event::{Event, KeyCode, KeyEvent, KeyEventKind, KeyModifiers};

use crate::event::Stamp;
use crate::tui::theme::Theme;

use crate::tui::lanes::keys;
use crate::tui::lanes::lanes::{Action, Lanes};

/// What the keys outside the lanes do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, strum::EnumIter)]
pub enum Global {
    /// A picture of the screen into a file.
    Picture,
    /// The next theme.
    Theme,
    /// Show or hide the help.
    Help,
    /// From the help or from one lane back to all.
    Back,
    /// Leave.
    Quit,
}

/// One row of the table of those keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct GlobalBinding {
    /// The key.
    pub key: KeyCode,
    /// What it does.
    pub action: Global,
    /// The key as the screen names it.
    pub label: &'static str,
    /// Key and one word for the footer; empty if it does not stand there.
    pub footer: &'static str,
    /// What it does, for the help.
    pub help: &'static str,
}

const fn row(
    key: KeyCode,
    action: Global,
    label: &'static str,
    footer: &'static str,
    help: &'static str,
) -> GlobalBinding {
    GlobalBinding {
        key,
        action,
        label,
        footer,
        help,
    }
}

/// The keys outside the lanes.
pub const GLOBAL: &[GlobalBinding] = &[
    row(
        KeyCode::Char('S'),
        Global::Picture,
        "S",
        "S picture",
        "picture of the screen (SVG) into this directory",
    ),
    row(KeyCode::Char('t'), Global::Theme, "t", "", "next theme"),
    row(KeyCode::Esc, Global::Back, "esc", "", "back to all lanes"),
    row(KeyCode::Char('?'), Global::Help, "?", "? help", "this help"),
    row(KeyCode::Char('q'), Global::Quit, "q", "q quit", "quit"),
];

/// What is to be done outside.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effect {
    /// Draw the screen again.
    Draw,
    /// Take a picture of the screen as it is drawn.
    Picture,
    /// End.
    Quit,
}

/// The state.
#[derive(Debug, Clone, PartialEq)]
pub struct App {
    /// The lanes.
    pub lanes: Lanes,
    /// The styles.
    pub theme: Theme,
    /// Whether the help is open.
    pub help: bool,
    /// What is to be said at the bottom until the next key: where a picture went, what failed.
    pub note: Option<String>,
    /// Whether it was left with Ctrl-C, which stands for the signal.
    pub interrupted: bool,
}

impl App {
    /// The lanes, in these styles.
    pub fn new(lanes: Lanes, theme: Theme) -> Self {
        Self {
            lanes,
            theme,
            help: false,
            note: None,
            interrupted: false,
        }
    }

    /// Takes in what the terminal reports; None if nothing comes of it.
    pub fn input(&mut self, event: &Event, now: Stamp) -> Option<Effect> {
        match event {
            Event::Key(key) if key.kind != KeyEventKind::Release => self.key(*key, now),
            Event::Resize(..) => Some(Effect::Draw),
            _ => None,
        }
    }

    fn key(&mut self, key: KeyEvent, now: Stamp) -> Option<Effect> {
        self.note = None;
        if key.code == KeyCode::Char('c') && key.modifiers.contains(KeyModifiers::CONTROL) {
            self.interrupted = true;
            return Some(Effect::Quit);
        }
        let plain = key.modifiers.difference(KeyModifiers::SHIFT).is_empty();
        let mut rows = GLOBAL.iter().filter(|_| plain);
        if let Some(row) = rows.find(|row| row.key == key.code) {
            return Some(self.global(row.action));
        }
        let action = keys::action(key).or_else(|| keys::preset(key))?;
        if !self.help || action == Action::Pause {
            self.lanes.act(action, now);
        }
        Some(Effect::Draw)
    }

    fn global(&mut self, action: Global) -> Effect {
        match action {
            Global::Quit => return Effect::Quit,
            Global::Picture => return Effect::Picture,
            Global::Help => self.help = !self.help,
            Global::Theme => self.theme = self.next_theme(),
            Global::Back if self.help => self.help = false,
            Global::Back => self.lanes.leave_full(),
        }
        Effect::Draw
    }

    fn next_theme(&self) -> Theme {
        let mut names = Theme::NAMES.into_iter().cycle();
        let name = names
            .by_ref()
            .take(Theme::NAMES.len())
            .find(|name| *name == self.theme.name);
        let next = name.and_then(|_| names.next()).unwrap_or("dark");
        Theme {
            ascii: self.theme.ascii,
            ..Theme::named(next)
        }
    }
}
