//! Questions, and what their answers do.

use crossterm::event::{KeyCode, KeyEvent};

use crate::load::Command;
use crate::tui::Exit;
use crate::tui::app::App;
use crate::tui::keys::Action;

/// The largest level that can be typed.
pub(super) const MOST_USERS: u32 = 99_999;

/// A question to the user.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dialog {
    /// Quit during a run?
    Quit,
    /// Stop the run?
    Stop,
    /// Run the same plan again?
    Again,
    /// Delete a run of the list?
    Delete,
    /// Which level to add?
    AddLevel {
        /// Users of the level; 0 while nothing is typed.
        users: u32,
        /// Whether digits were typed: the next one is added to them.
        typed: bool,
    },
    /// Which level to take from those to come?
    RemoveLevel {
        /// Users of the level.
        users: u32,
    },
}

impl App {
    /// Asks for a level to add: the next power of two above the largest level there is.
    pub(super) fn ask_level(&mut self) {
        let run = &self.current.run;
        let known = run.cycles.iter().map(|cycle| cycle.users);
        let largest = known.chain(run.upcoming.iter().copied()).max();
        self.dialog = Some(Dialog::AddLevel {
            users: doubled(largest.unwrap_or(0)),
            typed: false,
        });
    }

    /// Asks which level to remove: the last one to come.
    pub(super) fn ask_removal(&mut self) {
        match self.current.run.upcoming.last() {
            Some(users) => self.dialog = Some(Dialog::RemoveLevel { users: *users }),
            None => self.notice = Some("No level is left to run.".to_owned()),
        }
    }

    /// A key while a question is open.
    pub(super) fn answer_dialog(&mut self, action: Action, key: &KeyEvent) {
        match action {
            Action::Accept => return self.accept(),
            Action::Decline => self.dialog = None,
            Action::More => self.change_level(true),
            Action::Less => self.change_level(false),
            Action::Digit => self.type_digit(key),
            Action::Erase => self.erase_digit(),
            _ => {}
        }
        self.redraw();
    }

    fn accept(&mut self) {
        let Some(dialog) = self.dialog.take() else {
            return;
        };
        match dialog {
            Dialog::Quit => return self.leave(Exit::Quit),
            Dialog::Stop => self.command_run(Command::Stop),
            Dialog::Again => self.start(),
            Dialog::Delete => self.delete_pending(),
            Dialog::AddLevel { users: 0, .. } => self.dialog = Some(dialog),
            Dialog::AddLevel { users, .. } if self.current.run.upcoming.contains(&users) => {
                self.notice = Some(format!("Level {users} is already queued."));
            }
            Dialog::AddLevel { users, .. } => self.command_run(Command::AddLevel(users)),
            Dialog::RemoveLevel { users } => self.command_run(Command::RemoveLevel(users)),
        }
        self.redraw();
    }

    fn change_level(&mut self, more: bool) {
        let to_come = &self.current.run.upcoming;
        self.dialog = match self.dialog {
            Some(Dialog::AddLevel { users, .. }) => Some(Dialog::AddLevel {
                users: if more { doubled(users) } else { halved(users) },
                typed: false,
            }),
            Some(Dialog::RemoveLevel { users }) => {
                let other = if more {
                    to_come.iter().filter(|level| **level > users).min()
                } else {
                    to_come.iter().filter(|level| **level < users).max()
                };
                Some(Dialog::RemoveLevel {
                    users: other.copied().unwrap_or(users),
                })
            }
            other => other,
        };
    }

    fn type_digit(&mut self, key: &KeyEvent) {
        let digit = match key.code {
            KeyCode::Char(c) => c.to_digit(10),
            _ => None,
        };
        if let (Some(Dialog::AddLevel { users, typed }), Some(digit)) = (&mut self.dialog, digit) {
            let so_far = if *typed { *users } else { 0 };
            let longer = so_far.saturating_mul(10).saturating_add(digit);
            if longer <= MOST_USERS {
                *users = longer;
            }
            *typed = true;
        }
    }

    fn erase_digit(&mut self) {
        if let Some(Dialog::AddLevel { users, typed }) = &mut self.dialog {
            *users /= 10;
            *typed = true;
        }
    }
}

/// The next power of two above `users`.
fn doubled(users: u32) -> u32 {
    let next = users.saturating_add(1).checked_next_power_of_two();
    next.unwrap_or(MOST_USERS).min(MOST_USERS)
}

/// The next power of two below `users`, 1 at least.
fn halved(users: u32) -> u32 {
    (users.saturating_add(1) / 2)
        .checked_next_power_of_two()
        .unwrap_or(1)
        .min(users.saturating_sub(1))
        .max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels_double_and_halve_over_powers_of_two() {
        let pairs = [(0, 1), (1, 2), (16, 32), (19, 32), (99_998, 99_999)];
        for (users, next) in pairs {
            assert_eq!(doubled(users), next, "above {users}");
        }
        for (users, next) in [(0, 1), (1, 1), (2, 1), (3, 2), (19, 16), (32, 16), (33, 32)] {
            assert_eq!(halved(users), next, "below {users}");
        }
        assert_eq!(doubled(u32::MAX), MOST_USERS);
    }
}
