//! What the simulated model says: sentences about time, a word a token, in an order that a seed
//! decides. They need no escaping in JSON, but for the line breaks between paragraphs.

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

    /// Appends it as it stands inside a JSON string.
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

const ANSWER: [&str; 28] = [
    "Time is what a clock counts, and what a clock counts is change.",
    "Without change there would be nothing to order, and so no before and no after.",
    "Aristotle called it the number of motion with respect to earlier and later.",
    "Augustine knew what it was until somebody asked him to explain it.",
    "For Newton it flows evenly, whether or not anything happens in it.",
    "Leibniz answered that it is only the order in which things follow one another.",
    "Kant placed it in us: a form that every experience must take before it can be had.",
    "Bergson set the lived duration of a melody against the even ticks of a pendulum.",
    "Husserl found in each present a fading echo of the past and a reaching for the future.",
    "McTaggart argued that the past, the present and the future contradict one another.",
    "Einstein took away the one great now that all of us were thought to share.",
    "Two travelers may part, meet again, and disagree about how long it was, and both be right.",
    "The laws of motion run as well backwards as forwards, yet an egg does not unbreak.",
    "The arrow that we feel may be no more than the growth of disorder from a tidy beginning.",
    "Memory holds one side of it, hope and fear hold the other.",
    "A minute at a bus stop and a minute in good company are the same minute only on paper.",
    "Some say that only the present is real, and that it is gone as soon as it is named.",
    "Others see a landscape in which every moment simply is, like towns along a road.",
    "Between the two stands the growing past, to which each day adds a thin layer.",
    "To measure it we need something that repeats, and the trust that it repeats evenly.",
    "Seasons, tides, quartz and cesium have served, each more faithful than the last.",
    "What the instruments agree upon is a quantity; what we live through is a story.",
    "Perhaps the question joins two things that a single word has kept together by accident.",
    "A naïve answer is not a wrong one: it is where every other answer has to start.",
    "It is also the one thing that nobody can save, although everybody is told to.",
    "To ask for its beginning is to ask for a moment before which there was no before.",
    "In the end the definition may matter less than the use that is made of an afternoon.",
    "So much can be said; the rest is waiting, and waiting is time as well.",
];

const THOUGHTS: [&str; 16] = [
    "Okay, so I need to say what time is, and that is harder than it sounds.",
    "Let me start with the plain meaning and then look at what philosophers made of it.",
    "Wait, is that the order of events or the thing that orders them?",
    "I should mention the Greeks first, because most of the later views answer them.",
    "Hmm, the physical picture and the lived one do not quite fit together.",
    "Maybe I can set two views side by side and compare them.",
    "But then again, the question asks for a definition, not for a history.",
    "I remember that there is a famous remark about knowing it until one is asked.",
    "If nothing changed at all, would any time have passed?",
    "That thought leads to the relational view, so it should come early.",
    "Then there is relativity, which makes the present a local affair.",
    "I should be careful not to mix up the measure with what is measured.",
    "Also, the direction of time deserves a sentence or two of its own.",
    "Let me check whether I have forgotten the view from experience.",
    "Right, so the answer could move from change to order to experience.",
    "I think that is enough to begin writing it down.",
];

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
