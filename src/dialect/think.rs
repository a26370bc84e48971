//! Tells thinking from answer where a server leaves `<think>…</think>`, or another such pair, inside the text.
//!
//! Only a tag that opens the text counts, as Ollama and llama.cpp have it; a later one is part of
//! the answer. White space around the tags belongs to neither side and is dropped, as those servers
//! do when they split. Some templates open the thinking in the prompt: then only its end is in the text.

const OPEN: &str = "<think>";
const CLOSE: &str = "</think>";

/// The tags of models, opening and closing.
const TAGS: &[(&str, &str)] = &[
    (OPEN, CLOSE),
    ("<thinking>", "</thinking>"),
    ("<thought>", "</thought>"),
    ("<reasoning>", "</reasoning>"),
    ("<seed:think>", "</seed:think>"),
    ("<|begin_of_thought|>", "<|end_of_thought|>"),
    ("<|START_THINKING|>", "<|END_THINKING|>"),
    // Harmony: what is not of the final channel is thinking.
    ("<|channel|>analysis<|message|>", HARMONY_FINAL),
    (
        "<|start|>assistant<|channel|>analysis<|message|>",
        HARMONY_FINAL,
    ),
    ("◁think▷", "◁/think▷"),
    ("[THINK]", "[/THINK]"),
];

const HARMONY_FINAL: &str = "<|channel|>final<|message|>";

/// Splits a text that comes in pieces.
#[derive(Debug, Default)]
pub struct ThinkSplitter {
    state: State,
    held: String,
    /// What ends the thinking.
    close: &'static str,
    /// Whether the text may have begun inside of thinking: no tag opened it, or was named in it.
    may_be_inside: bool,
    /// The end of the answer so far, where it may be the beginning of a closing tag.
    tail: String,
    /// Whether the answer before that ends with a line.
    ends_line: bool,
}

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum State {
    /// Nothing but white space, or the beginning of a tag, so far.
    #[default]
    Start,
    /// After `<think>`, nothing but white space so far.
    ThinkStart,
    /// Inside `<think>`.
    Thinking,
    /// After `</think>`, nothing but white space so far.
    AnswerStart,
    /// The answer: everything passes.
    Answer,
}

impl ThinkSplitter {
    /// Whether the text is inside `<think>` now.
    pub fn is_thinking(&self) -> bool {
        matches!(self.state, State::ThinkStart | State::Thinking)
    }

    /// Whether the text is inside `<think>`, may be at the beginning of a tag, or has come no further
    /// than the white space behind `</think>`.
    pub fn is_in_tag(&self) -> bool {
        self.is_thinking()
            || self.state == State::AnswerStart
            || (self.state == State::Start && !self.held.trim_start().is_empty())
    }

    /// Whether `piece`, the next one, ends a thinking that nothing opened: then all before it was thinking. Gives what
    /// of the piece stands before the tag and what after it; with that the answer begins.
    pub fn closes_unopened<'p>(&mut self, piece: &'p str) -> Option<(&'p str, &'p str)> {
        if self.state != State::Answer || !self.may_be_inside {
            return None;
        }
        if self.tail.is_empty() && !piece.contains('<') {
            self.ends_line = piece.ends_with('\n');
            return None;
        }
        let before = self.tail.len();
        self.tail.push_str(piece);
        if let Some(at) = self.tail.find(CLOSE) {
            let (text, _) = self.tail.split_at(at);
            // Elsewhere in a line an answer speaks of the tag.
            let begins_line = text.ends_with('\n') || (text.is_empty() && self.ends_line);
            let is_tag = piece == CLOSE || begins_line;
            let end = (at + CLOSE.len()).saturating_sub(before);
            let parts = (piece.get(..at.saturating_sub(before)), piece.get(end..));
            self.may_be_inside = false;
            self.tail.clear();
            if is_tag && let (Some(thinking), Some(answer)) = parts {
                self.state = State::AnswerStart;
                return Some((thinking, answer));
            }
            return None;
        }
        self.may_be_inside = !self.tail.contains(OPEN);
        let is_begun = |from: usize| {
            let last = self.tail.get(from..).unwrap_or_default();
            CLOSE.starts_with(last) || OPEN.starts_with(last)
        };
        let kept = self.tail.rfind('<').filter(|from| is_begun(*from));
        let dropped = kept.unwrap_or(self.tail.len());
        if dropped > 0 {
            self.ends_line = self
                .tail
                .get(..dropped)
                .is_some_and(|text| text.ends_with('\n'));
            self.tail.drain(..dropped);
        }
        None
    }

    /// Takes the next piece; calls `part(text, thinking)` for each part that is certain.
    pub fn feed(&mut self, piece: &str, part: &mut impl FnMut(&str, bool)) {
        if self.state == State::Answer {
            if !piece.is_empty() {
                part(piece, false);
            }
            return;
        }
        self.held.push_str(piece);
        while self.step(part) {}
    }

    /// The stream is over: what was held back is what it seems to be.
    pub fn finish(&mut self, part: &mut impl FnMut(&str, bool)) {
        let held = std::mem::take(&mut self.held);
        if !held.is_empty() && self.state != State::AnswerStart {
            part(&held, self.is_thinking());
        }
    }

    /// One step of the machine over what is held; false once nothing more is certain.
    fn step(&mut self, part: &mut impl FnMut(&str, bool)) -> bool {
        match self.state {
            State::Start => self.start(part),
            State::ThinkStart => self.skip_space(State::Thinking),
            State::AnswerStart => self.skip_space(State::Answer),
            State::Thinking => self.thinking(part),
            State::Answer => {
                if !self.held.is_empty() {
                    part(&self.held, false);
                    self.held.clear();
                }
                false
            }
        }
    }

    fn start(&mut self, part: &mut impl FnMut(&str, bool)) -> bool {
        let text = self.held.trim_start();
        let opened = TAGS
            .iter()
            .find_map(|(open, close)| Some((text.strip_prefix(open)?, *close)));
        if let Some((rest, close)) = opened {
            self.held = rest.to_owned();
            self.close = close;
            self.state = State::ThinkStart;
            return true;
        }
        // Many answers begin with a bracket: that tag comes whole.
        let may_open = |(open, _): &(&str, &str)| open.starts_with(text) && text != "[";
        if text.is_empty() || TAGS.iter().any(may_open) {
            return false;
        }
        self.ends_line = self.held.ends_with('\n');
        self.may_be_inside = !self.held.contains(OPEN);
        part(&self.held, false);
        self.held.clear();
        self.state = State::Answer;
        false
    }

    fn skip_space(&mut self, next: State) -> bool {
        let space = self.held.len() - self.held.trim_start().len();
        self.held.drain(..space);
        if self.held.is_empty() {
            return false;
        }
        self.state = next;
        true
    }

    fn thinking(&mut self, part: &mut impl FnMut(&str, bool)) -> bool {
        let close = self.close;
        if let Some((before, after)) = self.held.split_once(close) {
            if !before.is_empty() {
                part(before, true);
            }
            self.held = after.to_owned();
            self.state = State::AnswerStart;
            return true;
        }
        let keep = (1..close.len()).rev().find(|n| {
            close
                .get(..*n)
                .is_some_and(|prefix| self.held.ends_with(prefix))
        });
        let certain = self.held.len() - keep.unwrap_or(0);
        if let Some(text) = self.held.get(..certain).filter(|text| !text.is_empty()) {
            part(text, true);
        }
        self.held.drain(..certain);
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn split(pieces: &[&str]) -> (String, String) {
        let (mut thinking, mut answer) = (String::new(), String::new());
        let mut splitter = ThinkSplitter::default();
        let mut part = |text: &str, is_thinking: bool| {
            assert!(!text.is_empty(), "an empty part");
            if is_thinking {
                thinking.push_str(text);
            } else {
                answer.push_str(text);
            }
        };
        for piece in pieces {
            splitter.feed(piece, &mut part);
        }
        splitter.finish(&mut part);
        (thinking, answer)
    }

    fn both(thinking: &str, answer: &str) -> (String, String) {
        (thinking.to_owned(), answer.to_owned())
    }

    #[test]
    fn a_leading_tag_opens_thinking() {
        let whole = "<think>\nOkay, so time…\n</think>\n\nTime is";
        assert_eq!(split(&[whole]), both("Okay, so time…\n", "Time is"));
    }

    #[test]
    fn a_later_tag_is_part_of_the_answer() {
        assert_eq!(
            split(&["Use ", "<think>", " here"]),
            both("", "Use <think> here")
        );
    }

    #[test]
    fn a_stream_that_ends_while_thinking_is_all_thinking() {
        assert_eq!(split(&["<think>", "hm", " </thi"]), both("hm </thi", ""));
        assert_eq!(split(&["<thi"]), both("", "<thi"));
    }

    #[test]
    fn every_pair_of_tags_is_known() {
        for (open, close) in TAGS {
            let expected = both("hm hm", "So it is.");
            assert_eq!(
                split(&[open, "\n", "hm", " hm", close, "\n\n", "So it is."]),
                expected
            );
            if !open.starts_with('[') {
                let text = format!(" {open}hm hm{close} So it is.");
                let letters: Vec<String> = text.chars().map(String::from).collect();
                let letters: Vec<&str> = letters.iter().map(String::as_str).collect();
                assert_eq!(split(&letters), expected, "{open}");
            }
        }
        assert_eq!(split(&["[", "1, 2", "]"]), both("", "[1, 2]"));
        assert_eq!(split(&["<thin air>"]), both("", "<thin air>"));
    }

    /// What was found to be thinking after all, and the answer.
    fn closed(pieces: &[&str]) -> Option<(String, String)> {
        let (mut before, mut after, mut closed) = (String::new(), String::new(), false);
        let mut splitter = ThinkSplitter::default();
        for piece in pieces {
            let mut rest = *piece;
            if let Some((thinking, answer)) = splitter.closes_unopened(piece) {
                assert!(!closed);
                (closed, rest) = (true, answer);
                before.push_str(thinking);
            }
            let kept = if closed { &mut after } else { &mut before };
            splitter.feed(rest, &mut |text, is_thinking| {
                assert!(!is_thinking);
                kept.push_str(text);
            });
        }
        closed.then_some((before, after))
    }

    #[test]
    fn thinking_that_the_prompt_opened_ends_with_its_tag() {
        let expected = Some(both("hm hm\n", "So it is."));
        assert_eq!(
            closed(&["hm", " hm\n", "</think>", "\n\n", "So it is."]),
            expected
        );
        assert_eq!(
            closed(&["hm hm\n</think>\n\nSo", " it is."]),
            None,
            "one piece is begun first"
        );
        assert_eq!(closed(&["hm", " hm\n</think>\nSo it is."]), expected);
        let split = closed(&["hm", " hm\n", "</", "think", ">", "So it is."]).unwrap();
        assert_eq!(split.1, "So it is.");
        // An answer that speaks of tags has none.
        for answer in [
            ["Close it ", "with </think>", ".\n"],
            ["Write <think>", "\n", "</think>"],
            ["a\n", "</thin", ">"],
            ["a\n", "</div>", "</p>"],
        ] {
            assert_eq!(closed(&answer), None, "{answer:?}");
        }
    }

    proptest! {
        #[test]
        fn any_chunking_gives_the_same_split(
            text in "( |\n)?(<think>|<seed:think>|<\\|channel\\|>analysis<\\|message\\|>)?[a-z <>/]{0,12}(</think>|</seed:think>)?[a-z <\n]{0,12}",
            size in 1usize..9,
        ) {
            let letters: Vec<char> = text.chars().collect();
            let pieces: Vec<String> = letters.chunks(size).map(|c| c.iter().collect()).collect();
            let pieces: Vec<&str> = pieces.iter().map(String::as_str).collect();
            prop_assert_eq!(split(&[&text]), split(&pieces));
        }
    }
}
