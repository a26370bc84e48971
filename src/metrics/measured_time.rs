//! How long a run has measured: what `--within` counts.

use crate::event::{EventKind, Stamp};

/// The time a run has measured since it began, or was resumed: pauses and the time without a server left out.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct MeasuredTime {
    began: Option<Stamp>,
    /// What is left out of it, microseconds.
    lost_us: u64,
    is_paused: bool,
    is_gone: bool,
    /// Since when it stands still.
    still_since: Option<Stamp>,
}

impl MeasuredTime {
    /// Takes one more event.
    pub(super) fn apply(&mut self, at: Stamp, what: &EventKind) {
        match what {
            EventKind::Continued { .. } => *self = Self::default(),
            EventKind::ConnectionsOpened { .. } => {
                self.began.get_or_insert(at);
            }
            EventKind::Paused => self.is_paused = true,
            EventKind::Resumed => self.is_paused = false,
            EventKind::ServerGone { .. } | EventKind::ServerLoading { .. } => self.is_gone = true,
            EventKind::ServerBack => self.is_gone = false,
            _ => return,
        }
        let is_still = self.is_paused || self.is_gone;
        match self.still_since {
            None if is_still => self.still_since = Some(at),
            Some(since) if !is_still => {
                let from = self.began.map_or(at, |began| since.max(began));
                self.lost_us += at.0.saturating_sub(from.0);
                self.still_since = None;
            }
            _ => {}
        }
    }

    /// Seconds until `now`; None before the first request.
    pub fn elapsed_s(&self, now: Stamp) -> Option<f64> {
        let until = self.still_since.unwrap_or(now).min(now);
        Some((until.since(self.began?) - self.lost_us as f64 / 1e6).max(0.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_and_a_server_that_is_away_are_left_out_once() {
        let at = |seconds: u64| Stamp(seconds * 1_000_000);
        let mut time = MeasuredTime::default();
        let gone = EventKind::ServerGone { patience_s: 60.0 };
        let opened = EventKind::ConnectionsOpened {
            cycle: 0,
            connect_us: Vec::new(),
            tls_us: Vec::new(),
            failed: 0,
        };
        time.apply(at(1), &EventKind::Paused);
        time.apply(at(3), &EventKind::Resumed);
        assert_eq!(time.elapsed_s(at(4)), None);
        time.apply(at(10), &opened);
        assert_eq!(time.elapsed_s(at(15)), Some(5.0));
        time.apply(at(20), &EventKind::Paused);
        time.apply(at(22), &gone);
        assert_eq!(time.elapsed_s(at(23)), Some(10.0));
        time.apply(at(24), &EventKind::Resumed);
        time.apply(at(30), &EventKind::ServerBack);
        time.apply(at(31), &opened);
        assert_eq!(time.elapsed_s(at(35)), Some(15.0));
        let levels = Vec::new();
        time.apply(
            at(90),
            &EventKind::Continued {
                gap_s: 50.0,
                levels,
            },
        );
        assert_eq!(time.elapsed_s(at(95)), None);
    }
}
