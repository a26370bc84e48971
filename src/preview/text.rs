//! What the lanes replay: a text, its tokens, and which of them are thinking.

use std::io::{self, Read};
use std::sync::Arc;

use unicode_segmentation::UnicodeSegmentation;

use crate::event::{Answer, RequestRecord};
use crate::units::u32_of;

use super::cut::cut;
use super::wrap::{Atom, atoms};

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

/// One token of a script.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Token {
    /// Where it ends in the text, in bytes, always between two graphemes; it begins where the one before ends.
    pub end: u32,
    /// Whether it is thinking.
    pub thinking: bool,
}

/// A text as a model would send it: cut into tokens, safe for a terminal, ready to be wrapped.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Script {
    /// What it is called on the screen.
    pub name: String,
    /// True if it was recorded from a simulated server.
    pub simulated: bool,
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
            Language::En => ("essay", include_str!("../../assets/preview/essay-en.txt")),
            Language::Pt => ("ensaio", include_str!("../../assets/preview/essay-pt.txt")),
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
            let message = format!("{name} holds no text");
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
        let mut from = 0;
        for piece in &answer.pieces {
            let end = usize::try_from(piece.end).unwrap_or(usize::MAX);
            let Some(text) = answer.text.get(from..end).filter(|text| !text.is_empty()) else {
                continue;
            };
            from = end;
            script.push(text, piece.thinking);
            at_us.push(piece.at_us);
        }
        script.at_us = Some(at_us);
        script.finish()
    }

    /// What one request of so many users was answered, to be replayed as it came; None if its answer
    /// was not kept.
    pub fn measured(users: u32, record: &RequestRecord, simulated: bool) -> Option<Self> {
        let name = match users {
            1 => "1 user".to_owned(),
            _ => format!("{users} users"),
        };
        let script = Self::recorded(&name, record.answer.as_ref()?, simulated);
        (!script.is_empty()).then_some(script)
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
    pub fn of(&self, atom: &Atom) -> Option<&str> {
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
        for piece in cut(&clean(raw)) {
            self.push(piece, thinking);
        }
    }

    fn push(&mut self, raw: &str, thinking: bool) {
        self.text.push_str(&clean(raw));
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

/// `raw` with everything that could steer a terminal made visible or taken out: control
/// characters become their pictures, orders to turn the writing direction disappear.
pub fn clean(raw: &str) -> String {
    let mut chars = raw.chars().peekable();
    let mut text = String::with_capacity(raw.len());
    while let Some(c) = chars.next() {
        match c {
            '\r' if chars.peek() == Some(&'\n') => {}
            '\n' | '\r' | '\u{2028}' | '\u{2029}' => text.push('\n'),
            '\t' => text.push('\t'),
            '\0'..='\u{1f}' => text.extend(char::from_u32(0x2400 + u32::from(c))),
            '\u{7f}' => text.push('\u{2421}'),
            '\u{80}'..='\u{9f}' => text.push('\u{fffd}'),
            '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}' => {}
            _ => text.push(c),
        }
    }
    text
}
