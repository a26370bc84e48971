//! Cutting a text into tokens, as models cut them.
//!
//! A real vocabulary weighs megabytes and every model has its own, so the pieces here are an
//! approximation of what byte-pair tokenizers do to prose and code. The rules are theirs:
//!
//! - a single space belongs to the word that follows it; more spaces are a piece of their own
//! - numbers go in groups of three digits, line breaks and runs of the same punctuation together
//! - the tail of a contraction (`'s`, `'re`) is a piece of its own
//! - a common word is one piece, a long one several; letters outside ASCII weigh more, as they
//!   are rarer in the vocabularies; a Chinese, Japanese or Korean character or an emoji is one piece
//!
//! English prose comes out near 0.75 words a token, the figure by which model makers convert
//! (<https://help.openai.com/en/articles/4936856>). A grapheme is never cut, whatever it holds.

use unicode_segmentation::UnicodeSegmentation;
use unicode_width::UnicodeWidthStr;

/// Words a token in English prose; by this, reading speeds in words become speeds in tokens.
pub const WORDS_PER_TOKEN: f64 = 0.75;

/// One token of a script.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Token {
    /// Where it ends in the text, in bytes, always between two graphemes; it begins where the one before ends.
    pub end: u32,
    /// Whether it is thinking.
    pub thinking: bool,
}

/// The weight up to which a word is one piece. An ASCII letter weighs 1, another letter 2.
const PIECE_WEIGHT: usize = 8;

/// Digits in one piece.
const DIGITS: usize = 3;

/// Graphemes in one piece of spaces or of repeated punctuation.
const RUN: usize = 16;

/// Letters that are looked at together, so that a text without a space costs no more than another.
const WORD: usize = 64;

/// What a grapheme is to a tokenizer, by its first character.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum AtomClass {
    Letter,
    Digit,
    Space,
    Break,
    Mark,
    /// Stands alone: ideographs, kana, hangul, emoji.
    Wide,
}

/// One grapheme and what it is.
#[derive(Debug, Clone, Copy)]
struct Grapheme<'a> {
    text: &'a str,
    kind: AtomClass,
}

impl<'a> Grapheme<'a> {
    fn new(text: &'a str) -> Self {
        let first = text.chars().next().unwrap_or(' ');
        let kind = if matches!(first, '\n' | '\r') {
            AtomClass::Break
        } else if first.is_whitespace() {
            AtomClass::Space
        } else if text.width() > 1 {
            AtomClass::Wide
        } else if first.is_numeric() {
            AtomClass::Digit
        } else if first.is_alphabetic() {
            AtomClass::Letter
        } else {
            AtomClass::Mark
        };
        Self { text, kind }
    }

    fn weight(self) -> usize {
        if self.text.is_ascii() { 1 } else { 2 }
    }

    fn is_apostrophe(self) -> bool {
        matches!(self.text, "'" | "’")
    }
}

/// The pieces of `text`, in order; together they are the text.
pub fn cut(text: &str) -> Vec<&str> {
    let graphemes: Vec<Grapheme<'_>> = text.graphemes(true).map(Grapheme::new).collect();
    let mut pieces = Vec::new();
    let mut rest = graphemes.as_slice();
    let mut at = 0;
    while !rest.is_empty() {
        let count = next_piece(rest).clamp(1, rest.len());
        let (piece, tail) = rest.split_at(count);
        let end = at
            + piece
                .iter()
                .map(|grapheme| grapheme.text.len())
                .sum::<usize>();
        pieces.extend(text.get(at..end));
        at = end;
        rest = tail;
    }
    pieces
}

/// How many graphemes the next piece has; for a word, as far as its first piece goes.
fn next_piece(rest: &[Grapheme<'_>]) -> usize {
    let Some(first) = rest.first() else { return 0 };
    match first.kind {
        AtomClass::Break => run(rest, |next| next.kind == AtomClass::Break, RUN),
        AtomClass::Space => space(rest),
        AtomClass::Digit => run(rest, |next| next.kind == AtomClass::Digit, DIGITS),
        AtomClass::Wide => 1,
        AtomClass::Letter => word_piece(rest),
        AtomClass::Mark => mark(rest),
    }
}

/// Spaces: the last of several, or a single one, goes with the word or mark after it.
fn space(rest: &[Grapheme<'_>]) -> usize {
    let spaces = run(rest, |next| next.kind == AtomClass::Space, RUN);
    let Some(after) = rest.get(spaces) else {
        return spaces;
    };
    let joins = rest.get(spaces - 1).is_some_and(|last| last.text == " ")
        && matches!(after.kind, AtomClass::Letter | AtomClass::Mark);
    match (joins, spaces) {
        (false, _) => spaces,
        (true, 1) => 1 + next_piece(rest.get(1..).unwrap_or_default()),
        (true, _) => spaces - 1,
    }
}

/// Punctuation: the tail of a contraction, or a run of the same mark.
fn mark(rest: &[Grapheme<'_>]) -> usize {
    let Some(first) = rest.first() else { return 0 };
    let letters = run(
        rest.get(1..).unwrap_or_default(),
        |next| next.kind == AtomClass::Letter,
        3,
    );
    if first.is_apostrophe() && (1..3).contains(&letters) {
        return 1 + letters;
    }
    run(rest, |next| next.text == first.text, RUN)
}

/// The length of the run at the start of `rest` that satisfies `same`, at most `most`.
fn run(rest: &[Grapheme<'_>], same: impl Fn(&Grapheme<'_>) -> bool, most: usize) -> usize {
    rest.iter()
        .take(most)
        .take_while(|&grapheme| same(grapheme))
        .count()
}

/// The next piece of the word that `rest` starts with: its share, if the word needs several.
fn word_piece(rest: &[Grapheme<'_>]) -> usize {
    let letters = rest
        .iter()
        .take(WORD)
        .take_while(|next| next.kind == AtomClass::Letter);
    let weight: usize = letters.clone().map(|next| next.weight()).sum();
    let share = weight.div_ceil(weight.div_ceil(PIECE_WEIGHT).max(1));
    let mut taken = 0;
    letters
        .take_while(|next| {
            let more = taken < share;
            taken += next.weight();
            more
        })
        .count()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn boundaries(text: &str) -> Vec<usize> {
        let starts = text.grapheme_indices(true).map(|(at, _)| at);
        starts.chain([text.len()]).collect()
    }

    #[test]
    fn words_take_their_space_along() {
        assert_eq!(cut("What is time?"), ["What", " is", " time", "?"]);
        assert_eq!(
            cut("it's 12345\n\nok"),
            ["it", "'s", " ", "123", "45", "\n\n", "ok"]
        );
        assert_eq!(
            cut("    if x == 10 {"),
            ["   ", " if", " x", " ==", " ", "10", " {"]
        );
    }

    #[test]
    fn a_long_word_takes_several_pieces() {
        assert_eq!(cut("time"), ["time"]);
        assert_eq!(cut("philosophical"), ["philoso", "phical"]);
        assert_eq!(cut("não"), ["não"]);
        assert_eq!(cut("日本語 👩‍👩‍👧"), ["日", "本", "語", " ", "👩‍👩‍👧"]);
    }

    #[test]
    fn a_text_without_a_space_is_cut_in_linear_time() {
        let long = "ü".repeat(200_000);
        let pieces = cut(&long);
        assert_eq!(pieces.len(), 50_000);
        assert_eq!(pieces.concat(), long);
    }

    #[test]
    fn english_prose_has_three_quarters_of_a_word_a_token() {
        let text = include_str!("../../../assets/preview/essay-en.txt");
        let words = text.split_whitespace().count() as f64;
        let ratio = words / cut(text).len() as f64;
        assert!(
            (ratio - WORDS_PER_TOKEN).abs() < 0.05,
            "{ratio} words a token"
        );
    }

    proptest! {
        #[test]
        fn the_pieces_are_the_text(text in "\\PC{0,200}|[ a-zé'’0-9\n\r\t-]{0,200}|(?s).{0,100}") {
            prop_assert_eq!(cut(&text).concat(), text);
        }

        #[test]
        fn no_piece_is_empty_and_none_cuts_a_grapheme(
            text in "(?s).{0,100}|[ae\u{301}\u{200d}👩🇵🇹🏽 日ש\u{5b8}\r\n]{0,100}"
        ) {
            let whole = boundaries(&text);
            let mut at = 0;
            for piece in cut(&text) {
                prop_assert!(!piece.is_empty());
                at += piece.len();
                prop_assert!(whole.contains(&at), "{piece:?} ends inside a grapheme of {text:?}");
            }
        }
    }
}
