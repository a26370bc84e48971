//! What the simulated model says: sentences about time, a word a token, in an order that a seed
//! decides. They need no escaping in JSON, but for the line breaks between paragraphs.

use std::sync::LazyLock;

use crate::sim::chance::Chance;

/// One token of text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Token {
    /// Whether a space comes before the word.
    pub(super) space: bool,
    /// A word with its punctuation, or a paragraph break.
    pub(super) word: &'static str,
}

const BREAK: &str = "\n\n";

impl Token {
    /// Appends it as plain text.
    pub(super) fn push_plain(self, out: &mut String) {
        if self.space {
            out.push(' ');
        }
        out.push_str(self.word);
    }

    /// Appends it as it appears inside a JSON string.
    pub(super) fn push_json(self, out: &mut impl bytes::BufMut) {
        if self.space {
            out.put_u8(b' ');
        }
        if self.word == BREAK {
            out.put_slice(br"\n\n");
        } else {
            out.put_slice(self.word.as_bytes());
        }
    }
}

/// An endless text.
#[derive(Debug, Clone)]
pub(super) struct Words {
    chance: Chance,
    source: &'static [&'static str],
    rest: &'static str,
    last: usize,
    sentences: u32,
    fresh: bool,
}

impl Words {
    /// Thoughts before an answer.
    pub(super) fn thoughts(seed: u64) -> Self {
        Self::new(&THOUGHTS, seed, 1)
    }

    /// The answer itself.
    pub(super) fn answer(seed: u64) -> Self {
        Self::new(&ANSWER, seed, 2)
    }

    fn new(source: &'static [&'static str], seed: u64, kind: u64) -> Self {
        Self {
            chance: Chance::new(seed, kind),
            source,
            rest: "",
            last: usize::MAX,
            sentences: 0,
            fresh: true,
        }
    }

    /// The next token.
    pub(super) fn next(&mut self) -> Token {
        if self.rest.is_empty() {
            if self.sentences > 0 && self.sentences.is_multiple_of(4) && !self.fresh {
                self.fresh = true;
                return Token {
                    space: false,
                    word: BREAK,
                };
            }
            self.start_sentence();
        }
        let (word, rest) = self.rest.split_once(' ').unwrap_or((self.rest, ""));
        self.rest = rest;
        let space = !self.fresh;
        self.fresh = false;
        Token { space, word }
    }

    fn start_sentence(&mut self) {
        let mut pick = self.chance.index(self.source.len());
        if pick == self.last {
            pick = (pick + 1) % self.source.len().max(1);
        }
        self.last = pick;
        self.sentences += 1;
        self.rest = self.source.get(pick).copied().unwrap_or("Time passes.");
    }
}

static ANSWER: LazyLock<Vec<&str>> =
    LazyLock::new(|| sentences(include_str!("../../assets/sim/answer.txt")));
static THOUGHTS: LazyLock<Vec<&str>> =
    LazyLock::new(|| sentences(include_str!("../../assets/sim/thoughts.txt")));

fn sentences(text: &str) -> Vec<&str> {
    text.lines().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(mut words: Words, tokens: usize) -> String {
        let mut out = String::new();
        for _ in 0..tokens {
            words.next().push_plain(&mut out);
        }
        out
    }

    #[test]
    fn a_seed_repeats_its_text_and_seeds_differ() {
        assert_eq!(text(Words::answer(5), 400), text(Words::answer(5), 400));
        assert_ne!(text(Words::answer(5), 400), text(Words::answer(6), 400));
        assert_ne!(text(Words::answer(5), 40), text(Words::thoughts(5), 40));
    }

    #[test]
    fn text_reads_as_prose() {
        let all = text(Words::answer(1), 900);
        assert!(all.starts_with(|c: char| c.is_uppercase()), "{all}");
        assert!(all.contains(BREAK) && all.contains(". "));
        assert!(!all.contains("  ") && !all.contains(" \n") && !all.contains("\n "));
    }

    #[test]
    fn json_form_means_the_plain_form() {
        let (mut plain, mut json) = (String::new(), b"\"".to_vec());
        for mut words in [Words::answer(3), Words::thoughts(3)] {
            // Long enough for every sentence to come up.
            for _ in 0..20_000 {
                let token = words.next();
                token.push_plain(&mut plain);
                token.push_json(&mut json);
            }
        }
        json.push(b'"');
        assert_eq!(serde_json::from_slice::<String>(&json).unwrap(), plain);
    }
}
