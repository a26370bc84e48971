//! Tells thinking from answer where a server leaves `<think>…</think>` inside the text.
//!
//! Only a tag that opens the text counts, as Ollama and llama.cpp have it; a later one is part of
//! the answer. White space around the tags belongs to neither side and is dropped, as those servers
//! do when they split.

const OPEN: &str = "<think>";
const CLOSE: &str = "</think>";

/// Splits a text that comes in pieces.
#[derive(Debug, Default)]
pub struct ThinkSplitter {
    state: State,
    held: String,
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
            || self.held.trim_start().starts_with('<')
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
        if let Some(rest) = text.strip_prefix(OPEN) {
            self.held = rest.to_owned();
            self.state = State::ThinkStart;
            return true;
        }
        if OPEN.starts_with(text) {
            return false;
        }
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
        if let Some((before, after)) = self.held.split_once(CLOSE) {
            if !before.is_empty() {
                part(before, true);
            }
            self.held = after.to_owned();
            self.state = State::AnswerStart;
            return true;
        }
        let keep = (1..CLOSE.len()).rev().find(|n| {
            CLOSE
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

    proptest! {
        #[test]
        fn any_chunking_gives_the_same_split(
            text in "( |\n)?(<think>)?[a-z <>/]{0,12}(</think>)?[a-z <\n]{0,12}",
            size in 1usize..9,
        ) {
            let letters: Vec<char> = text.chars().collect();
            let pieces: Vec<String> = letters.chunks(size).map(|c| c.iter().collect()).collect();
            let pieces: Vec<&str> = pieces.iter().map(String::as_str).collect();
            prop_assert_eq!(split(&[&text]), split(&pieces));
        }
    }
}
