//! A recorded run on the screen: it plays, stands still, and goes where the user wants it.
//!
//! The replay takes the place of the run on the screen. The live run continues behind it, receives its events as before, and
//! is there again when the replay is left.

use std::mem::swap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::time::Instant;

use crate::event::{Answer, Stamp};
use crate::metrics::state::RunState;
use crate::store::opened::Opened;
use crate::tui::AnswerView;
use crate::tui::app::run_view::RunView;
use crate::tui::app::{App, RunProgress, Screen};
use crate::tui::keys::ReplayAction;
use crate::tui::layout::View;
use crate::tui::player::Player;

/// How far a key goes back or on, seconds of the run.
const STEP_S: f64 = 10.0;
/// The paces, one a key.
const PACES: [f64; 7] = [1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0];
/// How often the clock of a replay is shown again though nothing comes.
const CLOCK: Duration = Duration::from_secs(1);
/// The same where the clock goes fast.
const FAST_CLOCK: Duration = Duration::from_millis(100);

/// A replay, and the live run that waits behind it.
#[derive(Debug)]
pub(super) struct Replay {
    player: Player,
    directory: PathBuf,
    /// Until when the viewer's time has been played.
    played: Instant,
    /// The player went back, and the run on the screen did not follow yet.
    stale: bool,
    /// What the session runs or ran.
    live: RunView,
}

impl App {
    /// The player of the replay on the screen.
    pub fn replay(&self) -> Option<&Player> {
        self.replay.as_ref().map(|replay| &replay.player)
    }

    /// Where the replayed run is.
    pub(super) fn replayed_directory(&self) -> Option<&Path> {
        self.replay.as_ref().map(|replay| &*replay.directory)
    }

    /// The instant of the replay.
    pub(super) fn replay_clock(&self) -> Option<Stamp> {
        self.replay.as_ref().map(|replay| replay.player.at())
    }

    /// What the session runs or ran: behind a replay where there is one.
    fn live(&self) -> &RunView {
        self.replay
            .as_ref()
            .map_or(&self.current, |replay| &replay.live)
    }

    /// Opens a run as a replay, in the live view.
    pub(super) fn open_replay(&mut self, opened: Opened) {
        self.close_replay();
        let replayed = RunView {
            directory: Some(opened.directory.clone()),
            kept: opened.kept,
            ..RunView::new(Screen::Run(RunProgress::Replay), self.now)
        };
        let live = std::mem::replace(&mut self.current, replayed);
        let mut player = Player::new(opened.events);
        player.set_pace(self.options.pace);
        self.replay = Some(Box::new(Replay {
            player,
            directory: opened.directory,
            played: self.now,
            stale: false,
            live,
        }));
        self.play();
        self.show(View::Live);
        if let Some(first) = opened.missing.first() {
            self.notice = Some(format!("Incomplete: {first}"));
        }
    }

    /// Shows the live run again.
    pub(super) fn close_replay(&mut self) {
        if let Some(replay) = self.replay.take() {
            self.current = replay.live;
            self.zoomed = false;
        }
    }

    /// Does something to the live run, as if it were on the screen.
    pub(super) fn with_live_view<T>(&mut self, work: impl FnOnce(&mut Self) -> T) -> T {
        let Some(mut replay) = self.replay.take() else {
            return work(self);
        };
        swap(&mut replay.live, &mut self.current);
        let done = work(self);
        swap(&mut replay.live, &mut self.current);
        self.replay = Some(replay);
        done
    }

    /// Brings the replay to the present; says whether anything came.
    pub(super) fn play(&mut self) -> bool {
        let Some(replay) = &mut self.replay else {
            return false;
        };
        let passed = self.now.saturating_duration_since(replay.played);
        replay.played = self.now;
        let events = replay.player.advance(passed);
        for event in events.iter().filter(|_| !replay.stale) {
            self.current.run.apply(event);
        }
        !events.is_empty()
    }

    /// Lets the run on the screen follow a replay that went back. To fold a long run again takes its time, so it
    /// is done once for all the keys that were pressed since the last frame.
    pub fn refold(&mut self) {
        if let Some(replay) = self.replay.as_mut().filter(|replay| replay.stale) {
            replay.stale = false;
            self.current.run = replay.player.state();
            self.current.preview.rewind(&self.current.run);
            self.current.watched = None;
            let effect = self.watch();
            self.wanted.extend(effect);
            self.judge();
        }
    }

    /// When the screen of a replay changes by itself.
    pub(super) fn replay_due(&self) -> Option<Instant> {
        let replay = self.replay.as_ref()?;
        let next = replay.player.until_next()?;
        let clock = CLOCK.div_f64(replay.player.pace()).max(FAST_CLOCK);
        replay.played.checked_add(next.min(clock))
    }

    /// What the shown request of a replay has answered by now, where its answer was kept.
    pub(super) fn replayed_answer(&self, id: u64) -> Option<AnswerView> {
        let replay = self.replay.as_ref()?;
        let mut cycles = self.current.run.cycles.iter().rev();
        let sent = cycles.find_map(|cycle| cycle.in_flight.get(&id))?.sent;
        let passed = replay.player.at().0.saturating_sub(sent.0);
        let answer = self.kept_answer(id)?;
        let came = answer
            .pieces
            .partition_point(|piece| piece.at_us() <= passed);
        let so_far = Answer {
            text: answer.text.clone(),
            pieces: answer.pieces.get(..came)?.to_vec(),
        };
        Some(AnswerView::new(id, &so_far))
    }

    /// Whether a replay has no text of this answer, because none was kept.
    pub(super) fn is_answer_lost(&self, answer: &AnswerView) -> bool {
        answer.parts.is_empty() && self.replay.is_some() && self.kept_answer(answer.id).is_none()
    }

    fn kept_answer(&self, id: u64) -> Option<&Answer> {
        let mut kept = self.current.kept.iter();
        let answer = kept.find(|kept| kept.request == id);
        answer.map(|kept| &*kept.answer)
    }

    /// Applies a key to the replay.
    pub(super) fn act_on_replay(&mut self, action: ReplayAction) {
        if action == ReplayAction::Leave {
            self.close_replay();
            self.show(View::Runs);
            return;
        }
        let Some(replay) = &mut self.replay else {
            return;
        };
        let player = &mut replay.player;
        let to = match action {
            ReplayAction::Pause if player.is_over() => {
                // At the end there is nothing to pause: once more.
                if player.is_paused() {
                    player.toggle_pause();
                }
                player.begin()
            }
            ReplayAction::Pause => return player.toggle_pause(),
            ReplayAction::Faster => return player.set_pace(faster(player.pace())),
            ReplayAction::Slower => return player.set_pace(slower(player.pace())),
            ReplayAction::Back => player.beside(-STEP_S),
            ReplayAction::On => player.beside(STEP_S),
            ReplayAction::PreviousCycle => player.previous_cycle(),
            ReplayAction::NextCycle => player.next_cycle().unwrap_or(player.end()),
            ReplayAction::Begin => player.begin(),
            ReplayAction::End => player.end(),
            ReplayAction::Leave => return,
        };
        self.wind(to);
    }

    /// Takes the replay to an instant.
    fn wind(&mut self, to: Stamp) {
        let Some(replay) = &mut self.replay else {
            return;
        };
        if to < replay.player.at() {
            replay.player.place(to);
            replay.stale = true;
        }
        for event in replay.player.forward(to).iter().filter(|_| !replay.stale) {
            self.current.run.apply(event);
        }
        self.current.frozen = None;
        self.current.watched = None;
    }

    /// A question about the run has no meaning once it is over; one about the list of runs has.
    pub(super) fn drop_question(&mut self) {
        self.dialog = self
            .dialog
            .take()
            .filter(|dialog| *dialog == crate::tui::app::Dialog::Delete);
    }
}

/// The next faster of the paces.
fn faster(pace: f64) -> f64 {
    let mut paces = PACES.into_iter();
    paces.find(|next| *next > pace + 1e-9).unwrap_or(pace)
}

/// The next slower of the paces.
fn slower(pace: f64) -> f64 {
    let mut paces = PACES.into_iter().rev();
    paces.find(|next| *next < pace - 1e-9).unwrap_or(pace)
}

impl App {
    /// Whether the session's run is in progress, or about to be, on the screen or behind a replay.
    pub fn is_measuring(&self) -> bool {
        self.live().is_busy()
    }

    /// The run that was measured, if any: never one that is only replayed.
    pub fn measured_run(&self) -> Option<&RunState> {
        let run = &self.live().run;
        run.info.is_some().then_some(run)
    }

    /// Where the session's run was written, if it was; behind a replay too.
    pub fn measured_directory(&self) -> Option<PathBuf> {
        self.live().written_to(self.options.runs.as_deref())
    }

    /// The run that is being recorded now.
    pub fn recording(&self) -> Option<&str> {
        let recorded = self.is_measuring() && self.options.runs.is_some();
        let info = self.live().run.info.as_ref().filter(|_| recorded)?;
        Some(&info.id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paces_go_from_one_to_a_hundred() {
        let mut pace = 1.0;
        for next in [2.0, 5.0, 10.0, 20.0, 50.0, 100.0, 100.0] {
            pace = faster(pace);
            assert!((pace - next).abs() < 1e-9);
        }
        for next in [50.0, 20.0, 10.0, 5.0, 2.0, 1.0, 1.0] {
            pace = slower(pace);
            assert!((pace - next).abs() < 1e-9);
        }
        assert!((faster(3.0) - 5.0).abs() < 1e-9);
        assert!((slower(3.0) - 2.0).abs() < 1e-9);
    }
}
