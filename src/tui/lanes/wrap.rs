//! Wrapping a text that grows, as a chat does: a word that outgrows its line moves to the next.
//!
//! The text is measured once, into [`Atom`]s; wrapping what is shown then looks at no character.

use unicode_segmentation::UnicodeSegmentation;
use unicode_width::UnicodeWidthStr;

use crate::text::numbers::{u16_of, u32_of};

use crate::tui::lanes::tokenize::Token;

/// Cells of a tab.
const TAB: u16 = 4;

/// Cells of an atom, at most; a longer word has several.
const MOST_CELLS: u16 = 8;

/// What a line may do at an atom.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AtomKind {
    /// A part of a word: the line breaks before the word, not inside it.
    Word,
    /// A space: vanishes at the end of a line.
    Space,
    /// The end of a line.
    Break,
    /// A character that a line may break before and after.
    Wide,
}

/// A stretch of text that stays together and belongs to one token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Atom {
    /// Where it begins in the text, bytes.
    pub start: u32,
    /// Where it ends.
    pub end: u32,
    /// Cells on the screen.
    pub width: u16,
    /// What a line may do here.
    pub kind: AtomKind,
    /// The index of the token it comes with.
    pub token: u32,
    /// Whether it is thinking.
    pub thinking: bool,
}

/// Measures a text. The ends of `tokens` ascend and lie between graphemes.
pub fn atoms(text: &str, tokens: &[Token]) -> Vec<Atom> {
    let mut atoms: Vec<Atom> = Vec::with_capacity(tokens.len() * 2);
    let mut token = 0;
    for (start, grapheme) in text.grapheme_indices(true) {
        let end = u32_of(start + grapheme.len());
        while tokens.get(token).is_some_and(|of| of.end < end) {
            token += 1;
        }
        let (kind, width) = measure(grapheme);
        let next = Atom {
            start: u32_of(start),
            end,
            width,
            kind,
            token: u32_of(token),
            thinking: tokens.get(token).is_some_and(|of| of.thinking),
        };
        match atoms.last_mut() {
            Some(last) if joins(last, &next) => {
                last.end = end;
                last.width += width;
            }
            _ => atoms.push(next),
        }
    }
    atoms
}

fn measure(grapheme: &str) -> (AtomKind, u16) {
    match grapheme {
        "\n" => (AtomKind::Break, 0),
        "\t" => (AtomKind::Space, TAB),
        "\u{a0}" => (AtomKind::Word, 1),
        _ if grapheme.chars().all(char::is_whitespace) => {
            (AtomKind::Space, u16_of(grapheme.width()))
        }
        _ if grapheme.width() > 1 => (AtomKind::Wide, u16_of(grapheme.width())),
        _ => (AtomKind::Word, u16_of(grapheme.width())),
    }
}

fn joins(last: &Atom, next: &Atom) -> bool {
    let plain = matches!(next.kind, AtomKind::Word | AtomKind::Space);
    let tab = next.width == TAB || last.width == TAB && last.kind == AtomKind::Space;
    plain
        && last.kind == next.kind
        && last.token == next.token
        && last.width + next.width <= MOST_CELLS
        && !(tab && next.kind == AtomKind::Space)
}

/// One line: indexes of its atoms.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Line {
    /// The first.
    pub from: usize,
    /// Behind the last.
    pub to: usize,
}

/// The last `rows` lines of `atoms`, wrapped at `width` cells. A line may be wider only by spaces,
/// which are not to be drawn there, or if a single atom is.
pub fn tail(atoms: &[Atom], width: u16, rows: usize) -> Vec<Line> {
    let start = paragraph(atoms, rows);
    let mut wrap = Wrap::at(start, width);
    for (index, atom) in atoms.iter().enumerate().skip(start) {
        let turned = index.checked_sub(1).and_then(|before| atoms.get(before));
        if turned.is_some_and(|before| before.thinking != atom.thinking) {
            wrap.turn(index);
        }
        wrap.push(index, atom);
    }
    wrap.end(atoms.len());
    let more = wrap.lines.len().saturating_sub(rows);
    wrap.lines.split_off(more)
}

/// A line start far enough back that `rows` lines lie behind it.
fn paragraph(atoms: &[Atom], rows: usize) -> usize {
    let breaks = atoms.iter().enumerate().rev();
    let breaks = breaks.filter(|(_, atom)| atom.kind == AtomKind::Break);
    breaks.map(|(index, _)| index + 1).nth(rows).unwrap_or(0)
}

#[derive(Debug)]
struct Wrap {
    width: u16,
    lines: Vec<Line>,
    from: usize,
    used: u16,
    /// Where the word at the end of the line begins, and its cells so far.
    word: Option<(usize, u16)>,
}

impl Wrap {
    fn at(from: usize, width: u16) -> Self {
        Self {
            width,
            lines: Vec::new(),
            from,
            used: 0,
            word: None,
        }
    }

    fn push(&mut self, index: usize, atom: &Atom) {
        match atom.kind {
            AtomKind::Break => {
                self.line(index);
                self.from = index + 1;
                self.word = None;
            }
            AtomKind::Space => {
                self.used = self.used.saturating_add(atom.width);
                self.word = None;
            }
            AtomKind::Word | AtomKind::Wide => self.push_word(index, atom),
        }
    }

    fn push_word(&mut self, index: usize, atom: &Atom) {
        let continues = self.word.filter(|_| atom.kind == AtomKind::Word);
        let (start, cells) = continues.unwrap_or((index, 0));
        if self.overflows(atom) && start > self.from {
            self.line(start);
            self.used = cells;
        }
        if self.overflows(atom) && index > self.from {
            self.line(index);
        }
        self.used = self.used.saturating_add(atom.width);
        let start = start.max(self.from);
        self.word =
            (atom.kind == AtomKind::Word).then(|| (start, cells.saturating_add(atom.width)));
    }

    fn overflows(&self, atom: &Atom) -> bool {
        self.used.saturating_add(atom.width) > self.width
    }

    /// Thinking begins or ends: the rest stands apart, after an empty line.
    fn turn(&mut self, index: usize) {
        if index > self.from {
            self.line(index);
            self.lines.push(Line {
                from: index,
                to: index,
            });
        }
        self.word = None;
    }

    fn line(&mut self, to: usize) {
        self.lines.push(Line {
            from: self.from,
            to,
        });
        self.from = to;
        self.used = 0;
    }

    fn end(&mut self, to: usize) {
        if to > self.from {
            self.line(to);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tui::lanes::text::Script;
    use proptest::prelude::*;

    fn wrapped(text: &str, width: u16, rows: usize) -> Vec<String> {
        let script = Script::parse("", text);
        let atoms = script.shown(usize::MAX);
        let text = |line: &Line| {
            let atoms = &atoms[line.from..line.to];
            let of = |atom: &Atom| &script.text()[atom.start as usize..atom.end as usize];
            atoms.iter().map(of).collect::<String>()
        };
        tail(atoms, width, rows).iter().map(text).collect()
    }

    #[test]
    fn lines_break_between_words() {
        let lines = wrapped("time is what is left\n\nwhen all else stops", 10, 99);
        assert_eq!(
            lines,
            [
                "time is ",
                "what is ",
                "left",
                "",
                "when all ",
                "else stops"
            ]
        );
    }

    #[test]
    fn a_word_moves_down_only_when_it_outgrows_its_line() {
        let script = Script::parse("", "it is philosophical");
        let lines = |tokens| tail(script.shown(tokens), 14, 9).len();
        assert_eq!([lines(2), lines(3), lines(4)], [1, 1, 2]);
    }

    #[test]
    fn long_words_and_wide_characters_break_where_they_must() {
        assert_eq!(
            wrapped("aaaaaaaaaaaaaaaaaaaa", 8, 9).concat(),
            "a".repeat(20)
        );
        assert_eq!(wrapped("日本語日本語", 5, 9), ["日本", "語日", "本語"]);
    }

    #[test]
    fn thinking_stands_apart() {
        let lines = wrapped("<think>hm</think>yes", 10, 9);
        assert_eq!(lines, ["hm", "", "yes"]);
    }

    #[test]
    fn the_tail_is_the_end_of_the_whole() {
        let text = include_str!("../../../assets/preview/essay-en.txt");
        let whole = wrapped(text, 28, usize::MAX);
        for rows in [0, 1, 5, 30, 60] {
            let tail = wrapped(text, 28, rows);
            assert_eq!(tail, whole[whole.len().saturating_sub(rows)..]);
        }
    }

    proptest! {
        #[test]
        fn no_line_is_wider_than_its_lane_and_nothing_is_lost(
            text in "[a-z ]{0,80}|(?s).{0,80}|[aé日👩\\u{301} \\n\\t-]{0,80}",
            width in 8_u16..40,
        ) {
            let script = Script::parse("", &text);
            let atoms = script.shown(usize::MAX);
            let mut next = 0;
            for line in tail(atoms, width, usize::MAX) {
                let gap = &atoms[next..line.from];
                prop_assert!(gap.iter().all(|atom| atom.kind == AtomKind::Break));
                next = line.to;
                let line = &atoms[line.from..line.to];
                let last = line.iter().rposition(|atom| atom.kind != AtomKind::Space);
                let drawn = &line[..last.map_or(0, |last| last + 1)];
                let cells: u16 = drawn.iter().map(|atom| atom.width).sum();
                prop_assert!(cells <= width, "{cells} cells in {width}");
            }
            prop_assert!(atoms[next..].iter().all(|atom| atom.kind == AtomKind::Break));
        }
    }
}
