//! Nothing is allocated per token: a stream of 10,000 costs a handful of allocations, those of a
//! text that grows.

use std::sync::Mutex;

use tokometer::dialect::decode::Decoder;
use tokometer::dialect::{Anthropic, Completions, Dialect, Llama, Ollama, OpenAi};
use tokometer::event::{Answer, Stamp};
use tokometer::load::token_stats::{Arrivals, TokenStats};

const TOKENS: u64 = 10_000;
/// Doublings of a text and of a few buffers; far from one a token.
const A_HANDFUL: u64 = 40;

fn allocations(dialect: &'static dyn Dialect, line: &str) -> u64 {
    let answer = Mutex::new(Answer::default());
    let mut tally = TokenStats::with_capacity(10_000);
    let read = |decoder: &mut Decoder, tally: &mut TokenStats, number: u64, bytes: &[u8]| {
        let answer = answer.lock().unwrap();
        let at = Stamp(number);
        let mut arrivals = Arrivals {
            tokens: tally,
            answer,
            at,
            sent: Stamp(0),
        };
        decoder.feed(bytes, &mut arrivals).unwrap();
    };
    let counted = allocation_counter::measure(|| {
        let mut decoder = Decoder::new(dialect);
        for number in 0..TOKENS {
            // Cut in the middle, so that the rest of a line waits for the next read.
            let (first, second) = line.as_bytes().split_at(line.len() / 2);
            read(&mut decoder, &mut tally, number, first);
            read(&mut decoder, &mut tally, number, second);
        }
    });
    assert_eq!(u64::from(tally.chunks), TOKENS);
    counted.count_total
}

#[test]
fn no_stream_allocates_per_token() {
    for text in [" word", r"\n", r#"\u00e9 \ud83d\ude00 \"quoted\""#] {
        let chat = format!(
            "{{\"model\":\"m\",\"created_at\":\"2026-11-21T17:20:03Z\",\"message\":{{\"role\":\"assistant\",\"content\":\"{text}\"}},\"done\":false}}\n"
        );
        let generate = format!("{{\"model\":\"m\",\"response\":\"{text}\",\"done\":false}}\n");
        let thinking = format!(
            "{{\"model\":\"m\",\"message\":{{\"content\":\"\",\"thinking\":\"{text}\"}},\"done\":false}}\n"
        );
        let openai = format!(
            "data: {{\"choices\":[{{\"finish_reason\":null,\"index\":0,\"delta\":{{\"content\":\"{text}\"}}}}],\"id\":\"chatcmpl-7\",\"model\":\"m\"}}\n\n"
        );
        let odd = format!(
            ": waiting\r\nid: 4\r\ndata: {{\"choices\":[{{\"finish_reason\":\"null\",\"delta\":{{\"reasoning\":\"{text}\",\"reasoning_content\":\"{text}\"}}}}],\"usage\":{{\"output_tokens\":4.0}},\"error\":null}}\r\n\r\n"
        );
        let completion = format!(
            "data: {{\"index\":0,\"content\":\"{text}\",\"tokens\":[886],\"stop\":false,\"id_slot\":-1}}\n\n"
        );
        let message = format!(
            "event: content_block_delta\ndata: {{\"type\":\"content_block_delta\",\"index\":0,\"delta\":{{\"type\":\"text_delta\",\"text\":\"{text}\"}}}}\n\n"
        );
        let text_of_choice = format!(
            "data: {{\"choices\":[{{\"text\":\"{text}\",\"index\":0,\"finish_reason\":null}}]}}\n\n"
        );
        let marked =
            format!("data: {{\"choices\":[{{\"delta\":{{\"content\":\"<b>{text}</\"}}}}]}}\n\n");
        for (dialect, line) in [
            (&Ollama as &dyn Dialect, &chat),
            (&Ollama, &generate),
            (&Ollama, &thinking),
            (&OpenAi, &openai),
            (&OpenAi, &odd),
            (&OpenAi, &marked),
            (&Completions, &text_of_choice),
            (&Anthropic, &message),
            (&Llama, &completion),
        ] {
            let count = allocations(dialect, line);
            assert!(
                count <= A_HANDFUL,
                "{count} allocations for {TOKENS} tokens like {line}"
            );
        }
    }
}
