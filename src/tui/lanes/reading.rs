//! How a speed compares with reading.
//!
//! Sources: silent reading of English non-fiction, 238 words a minute (Brysbaert 2019, "How many
//! words do we read per minute?", *Journal of Memory and Language* 109, a meta-analysis of 190
//! studies); scanning for something, the fastest way to take in print, 600 words a minute (Carver
//! 1992, "Reading rate: theory, research, and practical implications", *Journal of Reading* 36).
//! Words become tokens at [`WORDS_PER_TOKEN`].

use crate::text::numbers::decimal;
use crate::tui::lanes::tokenize::WORDS_PER_TOKEN;

/// Silent reading, words a minute (Brysbaert 2019).
pub const SILENT_WPM: f64 = 238.0;

/// Scanning, words a minute (Carver 1992).
pub const SCANNING_WPM: f64 = 600.0;

/// A speed of reading in tokens a second: 238 words a minute are 5.3.
pub fn tok_s(words_per_minute: f64) -> f64 {
    words_per_minute / 60.0 / WORDS_PER_TOKEN
}

/// How a speed feels to a reader.
#[derive(Debug, Clone, Copy, PartialEq, Eq, strum::Display, strum::EnumIter)]
pub enum Feel {
    /// One waits for every word.
    #[strum(serialize = "slower than reading")]
    Slower,
    /// Between reading and scanning.
    #[strum(serialize = "comfortable to read")]
    Comfortable,
    /// No one reads that fast.
    #[strum(serialize = "faster than reading")]
    Faster,
}

impl Feel {
    /// How `speed` tokens a second feel.
    pub fn from_speed(speed: f64) -> Self {
        if speed < tok_s(SILENT_WPM) {
            Self::Slower
        } else if speed <= tok_s(SCANNING_WPM) {
            Self::Comfortable
        } else {
            Self::Faster
        }
    }

    /// One word for narrow places.
    pub fn short(self) -> &'static str {
        match self {
            Self::Slower => "slow to read",
            Self::Comfortable => "comfortable",
            Self::Faster => "outruns reading",
        }
    }
}

/// How many times as fast as silent reading.
pub fn times_reading(speed: f64) -> f64 {
    speed / tok_s(SILENT_WPM)
}

/// The reading speeds and their sources, in one line of at most `width` cells; None if there is no room.
pub fn sources(width: u16) -> Option<String> {
    let [silent, scanning] = [SILENT_WPM, SCANNING_WPM].map(|wpm| decimal(tok_s(wpm), 1));
    let lines = [
        format!(
            "reading {SILENT_WPM} words/min = {silent} tok/s (Brysbaert 2019), scanning {SCANNING_WPM} = \
             {scanning} (Carver 1992), at {WORDS_PER_TOKEN} words a token"
        ),
        format!("reading {silent} tok/s (Brysbaert 2019), scanning {scanning} (Carver 1992)"),
        format!("reading {silent} tok/s (Brysbaert 2019)"),
    ];
    let mut lines = lines.into_iter();
    lines.find(|line| line.chars().count() <= usize::from(width))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_speeds_of_the_study_feel_as_its_readers_say() {
        assert_eq!(Feel::from_speed(4.0), Feel::Slower);
        assert_eq!(Feel::from_speed(9.1), Feel::Comfortable);
        assert_eq!(Feel::from_speed(19.9), Feel::Faster);
        assert!((tok_s(SILENT_WPM) - 5.289).abs() < 0.001);
        assert!((times_reading(20.0) - 3.78).abs() < 0.01);
    }

    #[test]
    fn a_narrow_screen_gets_a_shorter_line_of_sources() {
        for width in 0..200 {
            let chars = sources(width).map(|line| line.chars().count());
            assert!(chars.unwrap_or(0) <= usize::from(width));
        }
        assert_eq!(sources(10), None);
    }

    #[test]
    fn the_line_of_sources_names_both() {
        insta::assert_snapshot!(sources(200).unwrap(), @"reading 238 words/min = 5.3 tok/s (Brysbaert 2019), scanning 600 = 13.3 (Carver 1992), at 0.75 words a token");
    }
}
