//! The lines of an answer, as Ollama writes them: byte for byte, with its order of keys and its
//! time stamps (RFC 3339 with nanoseconds, zeros at the end left out).

use crate::sim::words::Token;
use bytes::{BufMut, BytesMut};
use chrono::{DateTime, SecondsFormat, Utc};
use std::fmt::Write;
use std::time::Duration;

/// Which of the two endpoints answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Style {
    /// `/api/chat`: text inside a message.
    Chat,
    /// `/api/generate`: text as `response`.
    Generate,
}

/// What the last line reports.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Closing {
    /// `stop` or `length`.
    pub(super) reason: &'static str,
    /// Request received → last token.
    pub(super) total: Duration,
    /// Request received → model ready.
    pub(super) load: Duration,
    /// Tokens of the prompt.
    pub(super) prompt_tokens: u32,
    /// Time for the prompt.
    pub(super) prompt: Duration,
    /// Tokens of the answer, thinking included.
    pub(super) tokens: u32,
    /// First token → last token.
    pub(super) eval: Duration,
}

/// Writes the lines of one answer.
#[derive(Debug)]
pub(super) struct Lines {
    style: Style,
    /// `{"model":"…","created_at":"`
    head: String,
    stamp: Stamp,
}

impl Lines {
    /// For answers of the model, under the name that the client used.
    pub(super) fn new(style: Style, model: &str) -> Self {
        let model = serde_json::Value::from(model);
        Self {
            style,
            head: format!("{{\"model\":{model},\"created_at\":\""),
            stamp: Stamp::default(),
        }
    }

    /// A token, as a line.
    pub(super) fn token(&mut self, out: &mut BytesMut, token: Token, thinking: bool) {
        self.start(out);
        out.put_slice(match (self.style, thinking) {
            (Style::Chat, false) => br#","message":{"role":"assistant","content":""#,
            (Style::Chat, true) => br#","message":{"role":"assistant","content":"","thinking":""#,
            (Style::Generate, false) => br#","response":""#,
            (Style::Generate, true) => br#","response":"","thinking":""#,
        });
        token.push_json(out);
        out.put_slice(match self.style {
            Style::Chat => b"\"},\"done\":false}\n",
            Style::Generate => b"\",\"done\":false}\n",
        });
    }

    /// The empty line that opens the thinking of `/api/generate`.
    pub(super) fn empty(&mut self, out: &mut BytesMut) {
        self.start(out);
        self.text(out, "", "");
        out.put_slice(b",\"done\":false}\n");
    }

    /// The end of an answer, without a line break: the last line of a stream, or with its text
    /// the whole of an answer that is not streamed.
    pub(super) fn close(
        &mut self,
        out: &mut BytesMut,
        content: &str,
        thinking: &str,
        closing: &Closing,
    ) {
        self.start(out);
        self.text(out, content, thinking);
        push(
            out,
            format_args!(",\"done\":true,\"done_reason\":\"{}\"", closing.reason),
        );
        if self.style == Style::Generate {
            out.put_slice(b",\"context\":[");
            let tokens = closing.prompt_tokens.saturating_add(closing.tokens);
            for i in 0..tokens {
                let comma = if i == 0 { "" } else { "," };
                push(out, format_args!("{comma}{}", made_up_token(i)));
            }
            out.put_u8(b']');
        }
        push(
            out,
            format_args!(
                ",\"total_duration\":{},\"load_duration\":{},\"prompt_eval_count\":{},\
                 \"prompt_eval_duration\":{},\"eval_count\":{},\"eval_duration\":{}}}",
                closing.total.as_nanos(),
                closing.load.as_nanos(),
                closing.prompt_tokens,
                closing.prompt.as_nanos(),
                closing.tokens,
                closing.eval.as_nanos(),
            ),
        );
    }

    /// The reply to an empty prompt, which only loads (`load`) or unloads (`unload`) the model.
    pub(super) fn no_answer(&mut self, reason: &str) -> BytesMut {
        let mut out = BytesMut::new();
        self.start(&mut out);
        self.text(&mut out, "", "");
        push(
            &mut out,
            format_args!(",\"done\":true,\"done_reason\":\"{reason}\"}}"),
        );
        out
    }

    fn start(&mut self, out: &mut BytesMut) {
        out.put_slice(self.head.as_bytes());
        self.stamp.push(out, Utc::now());
        out.put_u8(b'"');
    }

    fn text(&self, out: &mut BytesMut, content: &str, thinking: &str) {
        let content = serde_json::Value::from(content);
        let thinking = if thinking.is_empty() {
            String::new()
        } else {
            format!(",\"thinking\":{}", serde_json::Value::from(thinking))
        };
        match self.style {
            Style::Chat => push(
                out,
                format_args!(
                    ",\"message\":{{\"role\":\"assistant\",\"content\":{content}{thinking}}}"
                ),
            ),
            Style::Generate => push(out, format_args!(",\"response\":{content}{thinking}")),
        }
    }
}

fn push(out: &mut BytesMut, text: std::fmt::Arguments<'_>) {
    // A growing buffer has no way to fail.
    let _ = out.write_fmt(text);
}

/// A number that looks like one from a vocabulary.
fn made_up_token(i: u32) -> u32 {
    i.wrapping_mul(7919) % 151_643
}

/// A time as Ollama writes it.
pub(super) fn rfc3339(time: DateTime<Utc>) -> String {
    let mut out = BytesMut::new();
    Stamp::default().push(&mut out, time);
    String::from_utf8_lossy(&out).into_owned()
}

/// Writes times; the part down to the second is kept, as it is the same for many lines.
#[derive(Debug, Default)]
struct Stamp {
    second: Option<i64>,
    text: String,
}

impl Stamp {
    fn push(&mut self, out: &mut BytesMut, time: DateTime<Utc>) {
        if self.second != Some(time.timestamp()) {
            self.second = Some(time.timestamp());
            self.text = time.to_rfc3339_opts(SecondsFormat::Secs, true);
            self.text.pop();
        }
        out.put_slice(self.text.as_bytes());
        let mut nanos = time.timestamp_subsec_nanos();
        if nanos > 0 {
            let mut digits = 9_usize;
            while nanos.is_multiple_of(10) {
                nanos /= 10;
                digits -= 1;
            }
            push(out, format_args!(".{nanos:0digits$}"));
        }
        out.put_u8(b'Z');
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sim::words::Words;
    use pretty_assertions::assert_eq;

    /// Replaces the time stamp, which differs.
    fn timeless(line: &str) -> String {
        let (head, rest) = line.split_once("\"created_at\":\"").unwrap();
        let (stamp, rest) = rest.split_once('"').unwrap();
        assert!(stamp.ends_with('Z') && stamp.len() <= 30, "{stamp}");
        DateTime::parse_from_rfc3339(stamp).unwrap();
        format!("{head}\"created_at\":\"T\"{rest}")
    }

    fn write(style: Style, f: impl FnOnce(&mut Lines, &mut BytesMut)) -> String {
        let mut out = BytesMut::new();
        f(&mut Lines::new(style, "tiny-chain"), &mut out);
        timeless(std::str::from_utf8(&out).unwrap())
    }

    const CLOSING: Closing = Closing {
        reason: "length",
        total: Duration::from_nanos(32_215_061),
        load: Duration::from_nanos(4_634_582),
        prompt_tokens: 2,
        prompt: Duration::from_micros(5_927),
        tokens: 1,
        eval: Duration::from_micros(14_719),
    };

    // The expected lines are Ollama 0.33.0's, as captured, with their numbers.

    #[test]
    fn token_lines_are_ollamas() {
        let token = Token {
            space: true,
            word: "w001",
        };
        let line = |style, thinking| write(style, |l, out| l.token(out, token, thinking));
        assert_eq!(
            line(Style::Chat, false),
            "{\"model\":\"tiny-chain\",\"created_at\":\"T\",\"message\":{\"role\":\"assistant\",\"content\":\" w001\"},\"done\":false}\n"
        );
        assert_eq!(
            line(Style::Chat, true),
            "{\"model\":\"tiny-chain\",\"created_at\":\"T\",\"message\":{\"role\":\"assistant\",\"content\":\"\",\"thinking\":\" w001\"},\"done\":false}\n"
        );
        assert_eq!(
            line(Style::Generate, false),
            "{\"model\":\"tiny-chain\",\"created_at\":\"T\",\"response\":\" w001\",\"done\":false}\n"
        );
        assert_eq!(
            line(Style::Generate, true),
            "{\"model\":\"tiny-chain\",\"created_at\":\"T\",\"response\":\"\",\"thinking\":\" w001\",\"done\":false}\n"
        );
        assert_eq!(
            write(Style::Generate, Lines::empty),
            "{\"model\":\"tiny-chain\",\"created_at\":\"T\",\"response\":\"\",\"done\":false}\n"
        );
    }

    #[test]
    fn last_lines_are_ollamas() {
        assert_eq!(
            write(Style::Chat, |l, out| l.close(out, "", "", &CLOSING)),
            "{\"model\":\"tiny-chain\",\"created_at\":\"T\",\"message\":{\"role\":\"assistant\",\"content\":\"\"},\"done\":true,\"done_reason\":\"length\",\"total_duration\":32215061,\"load_duration\":4634582,\"prompt_eval_count\":2,\"prompt_eval_duration\":5927000,\"eval_count\":1,\"eval_duration\":14719000}"
        );
        assert_eq!(
            write(Style::Generate, |l, out| l
                .close(out, "a \"b\"", "t", &CLOSING)),
            "{\"model\":\"tiny-chain\",\"created_at\":\"T\",\"response\":\"a \\\"b\\\"\",\"thinking\":\"t\",\"done\":true,\"done_reason\":\"length\",\"context\":[0,7919,15838],\"total_duration\":32215061,\"load_duration\":4634582,\"prompt_eval_count\":2,\"prompt_eval_duration\":5927000,\"eval_count\":1,\"eval_duration\":14719000}"
        );
        assert_eq!(
            write(Style::Generate, |l, out| *out = l.no_answer("load")),
            "{\"model\":\"tiny-chain\",\"created_at\":\"T\",\"response\":\"\",\"done\":true,\"done_reason\":\"load\"}"
        );
    }

    #[test]
    fn every_token_line_is_json() {
        let mut lines = Lines::new(Style::Chat, "odd \"name\"");
        let (mut words, mut out) = (Words::answer(1), BytesMut::new());
        for _ in 0..500 {
            lines.token(&mut out, words.next(), false);
        }
        for line in std::str::from_utf8(&out).unwrap().lines() {
            let value: serde_json::Value = serde_json::from_str(line).unwrap();
            assert_eq!(value["model"], "odd \"name\"");
        }
    }

    #[test]
    fn stamps_leave_out_the_zeros_at_the_end() {
        let at = |nanos| rfc3339(DateTime::from_timestamp(1_795_281_603, nanos).unwrap());
        assert_eq!(at(479_260_390), "2026-11-21T17:20:03.47926039Z");
        assert_eq!(at(7), "2026-11-21T17:20:03.000000007Z");
        assert_eq!(at(0), "2026-11-21T17:20:03Z");
    }
}
