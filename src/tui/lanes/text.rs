//! What the lanes replay: a text, its tokens, and which of them are thinking.

use std::io::{self, Read};
use std::sync::Arc;

use unicode_segmentation::UnicodeSegmentation;

use crate::event::Answer;
use crate::text::numbers::{self, u32_of};

use crate::text::sanitize::{lines, push_lines};
use crate::tui::lanes::tokenize::{Token, cut};
use crate::tui::lanes::wrap::{Atom, atoms};

/// The most that is read of a file or of standard input, bytes.
pub const MOST_BYTES: u64 = 4 << 20;

/// The languages of the built-in essay.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum, strum::Display, strum::EnumIter,
)]
#[strum(serialize_all = "lowercase")]
pub enum Language {
    /// English.
    #[default]
    En,
    /// Portuguese.
    Pt,
}

/// A text as a model would send it: cut into tokens, safe for a terminal, ready to be wrapped.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Script {
    /// What it is called on the screen.
    pub name: String,
    /// True if it was recorded from a simulated server.
    pub simulated: bool,
    /// The users of the level that it was recorded at.
    pub level: Option<u32>,
    /// Which of its level's requests it is.
    pub which: Option<&'static str>,
    text: String,
    tokens: Vec<Token>,
    atoms: Vec<Atom>,
    at_us: Option<Vec<u64>>,
}

impl Script {
    /// A text with an optional `<think>…</think>` part at its start, cut into tokens.
    pub fn parse(name: &str, raw: &str) -> Self {
        let mut script = Self {
            name: name.to_owned(),
            ..Self::default()
        };
        let (thinking, answer) = split_thinking(raw);
        script.push_cut(thinking, true);
        script.push_cut(answer, false);
        script.finish()
    }

    /// The built-in essay on the study's question.
    pub fn essay(language: Language) -> Self {
        let (name, text) = match language {
            Language::En => (
                "essay",
                include_str!("../../../assets/preview/essay-en.txt"),
            ),
            Language::Pt => (
                "ensaio",
                include_str!("../../../assets/preview/essay-pt.txt"),
            ),
        };
        Self::parse(name, text)
    }

    /// All of `reader`, up to [`MOST_BYTES`]; bytes that are no UTF-8 are replaced.
    pub fn read(name: &str, reader: impl Read) -> io::Result<Self> {
        let mut bytes = Vec::new();
        reader.take(MOST_BYTES + 1).read_to_end(&mut bytes)?;
        if bytes.len() as u64 > MOST_BYTES {
            let message = format!("{name} is larger than {} MiB", MOST_BYTES >> 20);
            return Err(io::Error::new(io::ErrorKind::FileTooLarge, message));
        }
        let script = Self::parse(name, &String::from_utf8_lossy(&bytes));
        if script.is_empty() {
            let message = format!("{name} has no text");
            return Err(io::Error::new(io::ErrorKind::InvalidData, message));
        }
        Ok(script)
    }

    /// A recorded answer: its own tokens, at the times they came.
    pub fn recorded(name: &str, answer: &Answer, simulated: bool) -> Self {
        let mut script = Self {
            name: name.to_owned(),
            simulated,
            ..Self::default()
        };
        let mut at_us = Vec::with_capacity(answer.pieces.len());
        for (text, piece) in answer.parts() {
            script.push(text, piece.is_thinking());
            at_us.push(piece.at_us());
        }
        script.at_us = Some(at_us);
        script.finish()
    }

    /// The same as a recording of one that waits so long, seconds, and then comes at a steady speed, tokens a second.
    #[must_use]
    pub fn paced(&self, name: &str, wait_s: f64, tok_s: f64, simulated: bool) -> Self {
        let at = |token: usize| numbers::floor_u64((wait_s + token as f64 / tok_s) * 1e6);
        Self {
            name: name.to_owned(),
            simulated,
            at_us: Some((0..self.tokens.len()).map(at).collect()),
            ..self.clone()
        }
    }

    /// The same as what was measured at this level: of which of its requests.
    #[must_use]
    pub fn of_level(self, users: u32, which: &'static str) -> Self {
        Self {
            level: Some(users),
            which: Some(which),
            ..self
        }
    }

    /// The same without its times, to be replayed at any speed.
    #[must_use]
    pub fn untimed(&self) -> Self {
        Self {
            at_us: None,
            ..self.clone()
        }
    }

    /// The text that the terminal gets.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// How many tokens it has.
    pub fn len(&self) -> usize {
        self.tokens.len()
    }

    /// Whether it has no token.
    pub fn is_empty(&self) -> bool {
        self.tokens.is_empty()
    }

    /// How many of the first `count` tokens are thinking.
    pub fn thinking_tokens(&self, count: usize) -> usize {
        let first = self.tokens.iter().take(count);
        first.filter(|token| token.thinking).count()
    }

    /// Whether any token is thinking.
    pub fn thinks(&self) -> bool {
        self.tokens.iter().any(|token| token.thinking)
    }

    /// Whether a paragraph begins with this token: it is the first, of its thinking or of its answer.
    pub fn stands_apart(&self, index: usize) -> bool {
        let thinking = |index: usize| self.tokens.get(index).map(|token| token.thinking);
        index
            .checked_sub(1)
            .is_none_or(|before| thinking(before) != thinking(index))
    }

    /// The text of tokens `from..to`.
    pub fn slice(&self, from: usize, to: usize) -> &str {
        let end = |count: usize| {
            let index = count.min(self.tokens.len()).checked_sub(1);
            let token = index.and_then(|index| self.tokens.get(index));
            token.map_or(0, |token| usize::try_from(token.end).unwrap_or(usize::MAX))
        };
        self.text.get(end(from)..end(to)).unwrap_or_default()
    }

    /// The text of an atom of this script.
    pub fn atom_text(&self, atom: &Atom) -> Option<&str> {
        let place = |at: u32| usize::try_from(at).unwrap_or(usize::MAX);
        self.text.get(place(atom.start)..place(atom.end))
    }

    /// What of it can be wrapped once `count` tokens are shown.
    pub fn shown(&self, count: usize) -> &[Atom] {
        let count = u32_of(count);
        let shown = self.atoms.partition_point(|atom| atom.token < count);
        self.atoms.get(..shown).unwrap_or_default()
    }

    /// When each token came, microseconds after the request was sent; None if it was not recorded.
    pub fn at_us(&self) -> Option<&[u64]> {
        self.at_us.as_deref()
    }

    /// The measured wait for the first token, seconds.
    pub fn wait_s(&self) -> Option<f64> {
        let first = self.at_us.as_ref()?.first()?;
        Some(*first as f64 / 1e6)
    }

    /// The measured speed, tokens a second: 1 / TPOT. None for fewer than 2 tokens.
    pub fn measured_tok_s(&self) -> Option<f64> {
        let at_us = self.at_us.as_ref()?;
        let span = at_us.last()?.saturating_sub(*at_us.first()?);
        (at_us.len() >= 2 && span > 0).then(|| (at_us.len() - 1) as f64 / (span as f64 / 1e6))
    }

    /// The same without its thinking. A recording keeps its wait; then the answer begins at once.
    pub fn without_thinking(self: &Arc<Self>) -> Arc<Self> {
        if !self.thinks() {
            return Arc::clone(self);
        }
        let mut answer = Self {
            name: self.name.clone(),
            simulated: self.simulated,
            level: self.level,
            which: self.which,
            ..Self::default()
        };
        let mut at_us = Vec::new();
        let first = self.tokens.iter().position(|token| !token.thinking);
        let times = self.at_us.as_deref().unwrap_or_default();
        let wait = times.first().copied().unwrap_or(0);
        let begins = first.and_then(|index| times.get(index)).copied();
        for (index, token) in self.tokens.iter().enumerate() {
            if token.thinking {
                continue;
            }
            answer.push(self.slice(index, index + 1), false);
            let at = times.get(index).copied().unwrap_or(0);
            at_us.push(wait + at.saturating_sub(begins.unwrap_or(0)));
        }
        answer.at_us = self.at_us.as_ref().map(|_| at_us);
        Arc::new(answer.finish())
    }

    fn push_cut(&mut self, raw: &str, thinking: bool) {
        for piece in cut(&lines(raw)) {
            self.push(piece, thinking);
        }
    }

    fn push(&mut self, raw: &str, thinking: bool) {
        push_lines(&mut self.text, raw);
        self.tokens.push(Token {
            end: u32_of(self.text.len()),
            thinking,
        });
    }

    /// Moves the ends of tokens out of graphemes, then prepares the text for wrapping.
    fn finish(mut self) -> Self {
        let mut boundaries = self.text.grapheme_indices(true).map(|(at, _)| u32_of(at));
        let whole = u32_of(self.text.len());
        let (mut last, mut next) = (0, boundaries.next());
        for token in &mut self.tokens {
            while let Some(at) = next.filter(|&at| at <= token.end) {
                last = at;
                next = boundaries.next();
            }
            if token.end < whole {
                token.end = last;
            }
        }
        self.atoms = atoms(&self.text, &self.tokens);
        self
    }
}

/// The thinking and the answer of a text; a text that never ends its thinking is all thinking.
fn split_thinking(raw: &str) -> (&str, &str) {
    let Some(rest) = raw.trim_start().strip_prefix("<think>") else {
        return ("", raw.trim_end());
    };
    let (thinking, answer) = rest.split_once("</think>").unwrap_or((rest, ""));
    (thinking.trim(), answer.trim())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Piece;
    use proptest::prelude::*;

    fn answer(pieces: &[(&str, u64, bool)]) -> Answer {
        let mut answer = Answer::default();
        for &(text, at_us, thinking) in pieces {
            answer.text.push_str(text);
            let end = u32_of(answer.text.len());
            answer.pieces.push(Piece::new(end, at_us, thinking));
        }
        answer
    }

    fn tokens(script: &Script) -> Vec<&str> {
        (0..script.len())
            .map(|index| script.slice(index, index + 1))
            .collect()
    }

    #[test]
    fn thinking_is_told_apart_from_the_answer() {
        let script = Script::parse("", "<think>\nhm so\n</think>\n\nyes it is\n");
        assert_eq!(tokens(&script), ["hm", " so", "yes", " it", " is"]);
        assert_eq!(script.thinking_tokens(usize::MAX), 2);
        assert_eq!(
            tokens(&Arc::new(script).without_thinking()),
            ["yes", " it", " is"]
        );
        let endless = Script::parse("", "<think>on and on");
        assert_eq!(endless.thinking_tokens(usize::MAX), endless.len());
    }

    #[test]
    fn both_essays_think_first_and_have_about_a_thousand_tokens() {
        for language in <Language as strum::IntoEnumIterator>::iter() {
            let essay = Script::essay(language);
            assert!(
                (850..1150).contains(&essay.len()),
                "{language}: {}",
                essay.len()
            );
            let thinking = essay.thinking_tokens(usize::MAX);
            assert!((150..500).contains(&thinking), "{language}: {thinking}");
            assert!(essay.text().chars().all(|c| c == '\n' || !c.is_control()));
        }
    }

    #[test]
    fn a_grapheme_that_came_in_parts_appears_whole() {
        let script = Script::recorded(
            "",
            &answer(&[("e", 1, false), ("\u{301}t", 2, false), ("é", 3, false)]),
            false,
        );
        assert_eq!(tokens(&script), ["", "e\u{301}t", "é"]);
        assert_eq!(script.at_us(), Some(&[1, 2, 3][..]));
    }

    #[test]
    fn pieces_that_make_no_sense_are_left_out() {
        let mut answer = answer(&[("é", 1, false), ("x", 2, false)]);
        for end in [1, 0, 99] {
            answer.pieces.insert(0, Piece::new(end, 0, false));
        }
        let script = Script::recorded("", &answer, false);
        assert_eq!(tokens(&script), ["é", "x"]);
    }

    #[test]
    fn the_measured_figures_are_those_of_the_answer() {
        let answer = answer(&[
            ("a", 500_000, true),
            ("b", 600_000, true),
            ("c", 700_000, false),
            ("d", 900_000, false),
        ]);
        let script = Arc::new(Script::recorded("4 users", &answer, false));
        assert_eq!(script.wait_s(), Some(0.5));
        assert_eq!(script.measured_tok_s(), Some(7.5));
        assert_eq!(
            script.without_thinking().at_us(),
            Some(&[500_000, 700_000][..])
        );
        assert_eq!(script.untimed().measured_tok_s(), None);
        let short = Script::recorded("", &Answer::default(), false);
        assert_eq!((short.wait_s(), short.measured_tok_s()), (None, None));
    }

    #[test]
    fn a_file_may_be_anything_but_endless() {
        let script = Script::read("bytes", &b"ol\xe1 mundo"[..]).unwrap();
        assert_eq!(script.text(), "ol\u{fffd} mundo");
        let endless = Script::read("zeros", io::repeat(b'0')).unwrap_err();
        assert_eq!(endless.to_string(), "zeros is larger than 4 MiB");
        assert!(Script::read("nothing", io::empty()).is_err());
    }

    proptest! {
        #[test]
        fn tokens_are_the_text_and_end_between_graphemes(
            pieces in proptest::collection::vec("[ae\\u{301}\\u{200d}👩🇵🇹🏽 日ש\\u{5b8}\\r\\n]{0,4}|(?s).{0,4}", 0..20)
        ) {
            let pieces: Vec<(&str, u64, bool)> =
                pieces.iter().map(|piece| (piece.as_str(), 1, piece.len() > 3)).collect();
            let script = Script::recorded("", &answer(&pieces), false);
            prop_assert_eq!(tokens(&script).concat(), script.text());
            let whole: Vec<usize> = script.text().grapheme_indices(true).map(|(at, _)| at).collect();
            for token in &script.tokens {
                let end = token.end as usize;
                prop_assert!(end == script.text().len() || whole.contains(&end));
            }
        }
    }
}
