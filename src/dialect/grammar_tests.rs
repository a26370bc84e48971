//! The grammar of the streams: whatever is legal, or usual, around the tokens changes nothing, and nothing makes a
//! success of a failure.

use proptest::prelude::*;
use rstest::rstest;
use serde_json::{Value, json};

use crate::dialect::decode::{Decoder, Finish, Sink, WireError};
use crate::dialect::{Dialect, Ollama, OpenAi};
use crate::event::FailureKind;

/// What came of a stream.
#[derive(Debug, Default, PartialEq)]
struct Heard {
    answer: String,
    thinking: String,
    chunks: u32,
    thoughts: u32,
}

impl Sink for Heard {
    fn chunk(&mut self, thinking: bool) {
        self.chunks += 1;
        self.thoughts += u32::from(thinking);
    }

    fn text(&mut self, text: &str, thinking: bool) {
        let to = if thinking {
            &mut self.thinking
        } else {
            &mut self.answer
        };
        to.push_str(text);
    }

    fn was_thinking(&mut self) {
        self.thinking = std::mem::take(&mut self.answer);
        self.thoughts = self.chunks;
    }
}

/// Reads a body that comes in these pieces.
fn read<'b>(
    dialect: &'static dyn Dialect,
    pieces: impl IntoIterator<Item = &'b [u8]>,
) -> (Heard, Result<Finish, WireError>) {
    let (mut heard, mut decoder) = (Heard::default(), Decoder::new(dialect));
    for piece in pieces {
        if let Err(error) = decoder.feed(piece, &mut heard) {
            return (heard, Err(error));
        }
        if decoder.is_over() {
            break;
        }
    }
    let finish = decoder.finish(&mut heard);
    (heard, finish)
}

fn openai(body: impl AsRef<[u8]>) -> (Heard, Result<Finish, WireError>) {
    read(&OpenAi, [body.as_ref()])
}

fn delta(delta: &Value) -> String {
    let event = json!({ "choices": [{ "index": 0, "delta": delta, "finish_reason": null }] });
    format!("data: {event}\n\n")
}

fn token(text: &str) -> String {
    delta(&json!({ "content": text }))
}

fn stop(reason: &str) -> String {
    format!("data: {{\"choices\":[{{\"delta\":{{}},\"finish_reason\":{reason}}}]}}\n\n")
}

const DONE: &str = "data: [DONE]\n\n";

fn kind_of(result: Result<Finish, WireError>) -> Option<FailureKind> {
    result.err().map(|error| error.kind)
}

#[rstest]
#[case::a_text(json!({ "content": "ab" }), "ab", "")]
#[case::a_text_and_nulls(json!({ "content": "ab", "reasoning": null, "tool_calls": null }), "ab", "")]
#[case::a_number(json!({ "content": 42 }), "42", "")]
#[case::parts(json!({ "content": [{ "type": "text", "text": "a" }, "b"] }), "ab", "")]
#[case::thinking_parts(json!({ "content": [{ "type": "thinking", "thinking": [{ "type": "text", "text": "hm" }] }] }), "", "hm")]
#[case::thinking(json!({ "thinking": "hm", "content": "" }), "", "hm")]
#[case::reasoning(json!({ "reasoning": "hm", "content": null }), "", "hm")]
#[case::reasoning_content(json!({ "reasoning_content": "hm" }), "", "hm")]
#[case::one_of_them_empty(json!({ "reasoning_content": "", "reasoning": "hm" }), "", "hm")]
#[case::both_the_same(json!({ "reasoning_content": "hm", "reasoning": "hm" }), "", "hm")]
#[case::details(json!({ "reasoning_details": [{ "type": "reasoning.text", "text": "hm" }] }), "", "hm")]
#[case::details_too(json!({ "reasoning": "hm", "reasoning_details": [{ "type": "reasoning.text", "text": "hm" }] }), "", "hm")]
fn every_form_of_content_is_one_token(
    #[case] content: Value,
    #[case] answer: &str,
    #[case] thinking: &str,
) {
    let (heard, finish) = openai([&delta(&content), &stop("\"stop\""), DONE].concat());
    assert_eq!(finish.unwrap().reason.as_deref(), Some("stop"));
    assert_eq!(
        (heard.answer.as_str(), heard.thinking.as_str()),
        (answer, thinking)
    );
    assert_eq!(
        (heard.chunks, heard.thoughts),
        (1, u32::from(answer.is_empty()))
    );
}

#[rstest]
#[case(json!({ "content": null }))]
#[case(json!({ "content": "", "role": "assistant" }))]
#[case(json!({ "content": [] }))]
#[case(json!({ "content": { "type": "image_url" }, "reasoning_details": [] }))]
#[case(json!(null))]
fn content_without_text_is_no_token_and_no_failure(#[case] content: Value) {
    let (heard, finish) = openai([delta(&content), token("a"), stop("\"stop\"")].concat());
    finish.unwrap();
    assert_eq!((heard.answer.as_str(), heard.chunks), ("a", 1));
}

#[rstest]
#[case("\"stop\"", None)]
#[case("\"length\"", None)]
#[case("\"tool_calls\"", None)]
#[case("\"content_filter\"", None)]
#[case("\"eos\"", None)]
#[case("\"STOP\"", None)]
#[case("null", Some(FailureKind::Unfinished))]
#[case("\"\"", Some(FailureKind::Unfinished))]
#[case("\"null\"", Some(FailureKind::Unfinished))]
#[case("\"abort\"", Some(FailureKind::StreamError))]
#[case("\"error\"", Some(FailureKind::StreamError))]
fn a_reason_ends_an_answer_or_does_not(#[case] reason: &str, #[case] kind: Option<FailureKind>) {
    for end in ["", DONE] {
        let (heard, finish) = openai([&token("a"), &stop(reason), end].concat());
        assert_eq!(
            (heard.chunks, kind_of(finish)),
            (1, kind.clone()),
            "{reason} {end}"
        );
    }
}

#[test]
fn an_unknown_reason_counts_with_the_end_of_the_stream_only() {
    for reason in ["\"ran_out_of_ideas\"", "7"] {
        let body = [token("a"), stop(reason)].concat();
        let (_, finish) = openai(&body);
        assert_eq!(kind_of(finish), Some(FailureKind::Unfinished));
        let (_, finish) = openai([&body, DONE].concat());
        assert_eq!(
            finish.unwrap().reason.as_deref(),
            Some(reason.trim_matches('"'))
        );
    }
}

#[rstest]
#[case::in_a_key("data: {\"error\":\"boom\"}\n\n")]
#[case::in_an_object("data: {\"error\":{\"message\":\"boom\",\"code\":500}}\n\n")]
#[case::an_error_object("data: {\"object\":\"error\",\"message\":\"boom\",\"code\":500}\n\n")]
#[case::a_message("data: {\"message\":\"boom\"}\n\n")]
#[case::a_detail("data: {\"detail\":\"boom\"}\n\n")]
#[case::beside_an_answer(
    "data: {\"choices\":[{\"delta\":{\"content\":\"\"}}],\"error\":{\"message\":\"boom\"}}\n\n"
)]
#[case::a_field("error: {\"code\":500,\"message\":\"boom\"}\n\n")]
#[case::an_event("event: error\ndata: {\"message\":\"boom\"}\n\n")]
#[case::an_event_of_text("event: error\ndata: boom\n\n")]
#[case::an_event_of_lines("event:error\ndata: {\ndata: \"text\": 1, \"detail\": \"boom\"}\n\n")]
#[case::an_event_backwards("data: boom\nevent: error\n\n")]
#[case::without_an_end("event: error\ndata: boom")]
#[case::without_a_field("{\"error\":\"boom\"}\n\n")]
fn an_error_in_any_form_fails_in_the_servers_words(#[case] error: &str) {
    for tokens in ["", &token("a")] {
        let (_, finish) = openai([tokens, error, &stop("\"stop\""), DONE].concat());
        let error = finish.unwrap_err();
        assert_eq!(error.kind, FailureKind::StreamError, "{error}");
        assert!(error.message.contains("boom"), "{error}");
    }
}

#[rstest]
#[case::a_page("<!doctype html>\n<html>data: x</html>", FailureKind::WebPage)]
#[case::a_page_with_a_mark("\u{feff}\n <html>", FailureKind::WebPage)]
#[case::a_document(
    r#"{"object":"chat.completion","choices":[]}"#,
    FailureKind::NotStreamed
)]
#[case::a_pretty_document("{\n  \"object\": \"chat.completion\"\n}\n", FailureKind::NotStreamed)]
#[case::an_error("{\n  \"error\": \"boom\"\n}\n", FailureKind::StreamError)]
#[case::half_a_document("{\n  \"choices\": [", FailureKind::Truncated)]
#[case::nothing("", FailureKind::Empty)]
#[case::keep_alives(": hello\n\ndata:\n\n", FailureKind::Unfinished)]
#[case::only_the_end("data: [DONE]\n\n", FailureKind::Empty)]
fn a_body_that_is_no_stream_is_named(#[case] body: &str, #[case] kind: FailureKind) {
    assert_eq!(kind_of(openai(body).1), Some(kind));
}

#[rstest]
#[case("<html>\n", FailureKind::WebPage, "web page")]
#[case("data: {\"choices\":[]}\n\n", FailureKind::BadLine, "--dialect openai")]
#[case("{\n \"error\": \"boom\"\n}", FailureKind::StreamError, "boom")]
#[case("{\"message\":\"boom\"}\n", FailureKind::StreamError, "boom")]
#[case(
    "{\"response\":\"a\",\"done\":true,\"done_reason\":\"error\"}\n",
    FailureKind::StreamError,
    "error"
)]
fn a_body_that_is_not_ollamas_is_named(
    #[case] body: &str,
    #[case] kind: FailureKind,
    #[case] words: &str,
) {
    let error = read(&Ollama, [body.as_bytes()]).1.unwrap_err();
    assert_eq!(error.kind, kind, "{error}");
    assert!(error.message.contains(words), "{error}");
}

#[test]
fn ollamas_numbers_and_nulls_may_be_of_any_kind() {
    let body = "\u{feff}{\"message\":{\"content\":\"a\"},\"done\":null}\r\n\
        {\"message\":{\"content\":[\"b\"]},\"done\":false,\"done_reason\":null}\n\
        {\"done\":true,\"done_reason\":\"stop\",\"eval_count\":10.0,\"eval_duration\":5e8,\"total_duration\":null}";
    let (heard, finish) = read(&Ollama, [body.as_bytes()]);
    let finish = finish.unwrap();
    assert_eq!((heard.answer.as_str(), heard.chunks), ("ab", 2));
    assert_eq!(finish.figures.output_tokens, Some(10));
    assert_eq!(
        (finish.figures.eval_s, finish.figures.total_s),
        (Some(0.5), None)
    );
}

#[rstest]
#[case(r#"{"prompt_tokens":9,"completion_tokens":5}"#)]
#[case(r#"{"input_tokens":9,"output_tokens":5}"#)]
#[case(r#"{"prompt_tokens":9.0,"input_tokens":9,"completion_tokens":"5","output_tokens":5,"total_tokens":null}"#)]
#[case(r#"{"prompt_eval_count":9,"eval_count":5.0,"details":{"cached":[]}}"#)]
fn usage_is_read_under_any_of_its_names(#[case] usage: &str) {
    let in_the_chunk = format!("data: {{\"choices\":[],\"usage\":{usage}}}\n\n");
    let in_the_choice = format!(
        "data: {{\"choices\":[{{\"delta\":{{}},\"finish_reason\":\"stop\",\"usage\":{usage}}}]}}\n\n"
    );
    for usage in [in_the_chunk, in_the_choice] {
        for after in [
            "",
            "data: {\"choices\":[],\"usage\":{}}\n\n",
            "data: {\"usage\":7}\n\n",
        ] {
            let (_, finish) = openai([&token("a"), &stop("\"stop\""), &usage, after].concat());
            let figures = finish.unwrap().figures;
            assert_eq!(
                (figures.prompt_tokens, figures.output_tokens),
                (Some(9), Some(5))
            );
        }
    }
}

#[test]
fn bytes_that_are_no_text_are_tokens_too() {
    let half = [
        b"data: {\"choices\":[{\"delta\":{\"content\":\"".as_slice(),
        b"\xe4",
        b"\"}}]}\n\n",
    ]
    .concat();
    let body = [&half, stop("\"stop\"").as_bytes()].concat();
    let (heard, finish) = openai(body);
    finish.unwrap();
    assert_eq!((heard.answer.as_str(), heard.chunks), ("\u{fffd}", 1));
}

/// What may stand between two events, and means nothing.
fn noise() -> impl Strategy<Value = String> {
    prop_oneof![
        Just(String::new()),
        "(: [a-z{}:]{0,9}\n){0,2}",
        "(data:? ?\n){0,2}\n?",
        "(id|retry|event|x-cache): ?[a-dA-D0-9]{0,5}\n",
        "\n{0,3}",
    ]
}

/// An event, its fields in any order and its data in one line or in several.
fn event(data: &str, id_first: bool, id_last: bool, several: bool) -> String {
    let mut lines = Vec::new();
    if id_first {
        lines.push("id: 4\n".to_owned());
    }
    match data.split_once(',').filter(|_| several) {
        Some((before, after)) => lines.push(format!("data: {before},\ndata:{after}\n")),
        None => lines.push(format!("data: {data}\n")),
    }
    if id_last {
        lines.push("event: message\nretry: 5\n".to_owned());
    }
    lines.concat() + "\n"
}

proptest! {
    /// Any noise, any line endings, any cuts: the same tokens, and the same end.
    #[test]
    fn nothing_around_the_events_loses_a_token(
        tokens in prop::collection::vec(("[ a-zé\"\\\\<>{}😀]{1,6}", noise(), any::<[bool; 3]>()), 1..8),
        last in noise(),
        ending in prop_oneof![Just("\n"), Just("\r\n"), Just("\r")],
        marked in any::<bool>(),
        size in 1usize..60,
        whole in any::<bool>(),
    ) {
        let mut body = if marked { "\u{feff}".to_owned() } else { String::new() };
        let mut text = String::new();
        for (word, noise, [id_first, id_last, several]) in &tokens {
            let data = json!({ "choices": [{ "delta": { "content": format!("w{word}") }, "index": 0 }], "id": 4 });
            body.extend([noise.as_str(), "\n"]);
            body += &event(&data.to_string(), *id_first, *id_last, *several);
            text.extend(["w", word.as_str()]);
        }
        if whole {
            body += &stop("\"stop\"");
        }
        body += &last;
        let body = body.replace('\n', ending);
        let (heard, finish) = read(&OpenAi, body.as_bytes().chunks(size));
        prop_assert_eq!((&heard.answer, heard.chunks as usize), (&text, tokens.len()));
        prop_assert_eq!(finish.is_ok(), whole, "{:?}", finish);
    }

    /// A stream cut anywhere is not a success, and neither is one that contains an error.
    #[test]
    fn nothing_makes_a_success_of_a_failure(
        noises in prop::collection::vec(noise(), 4),
        cut in 0usize..400,
        error in any::<bool>(),
        size in 1usize..60,
    ) {
        let mut body = format!("{}\n{}{}\n{}", noises[0], token("a"), noises[1], token("b"));
        if error {
            body += "data: {\"error\":\"boom\"}\n\n";
            body.extend([noises[2].as_str(), "\n", stop("\"stop\"").as_str(), DONE]);
        } else {
            body.truncate(body.floor_char_boundary(cut));
            body.extend(["\n", noises[3].as_str()]);
        }
        let (_, finish) = read(&OpenAi, body.as_bytes().chunks(size));
        prop_assert!(finish.is_err(), "{body:?}");
    }

    /// Any bytes at all: an answer or a failure, never a panic, and the same however they are cut.
    #[test]
    fn any_bytes_are_read_alike_however_they_are_cut(
        bytes in prop::collection::vec(prop_oneof![any::<u8>(), Just(b'\n'), Just(b'\r'), Just(b':'), Just(b'{')], 0..120),
        size in 1usize..30,
    ) {
        for dialect in [&OpenAi as &'static dyn Dialect, &Ollama] {
            let whole = read(dialect, [bytes.as_slice()]);
            let cut = read(dialect, bytes.chunks(size));
            prop_assert_eq!(whole.1.is_ok(), cut.1.is_ok());
            prop_assert_eq!(whole.0, cut.0);
        }
    }
}

#[test]
fn thinking_that_the_prompt_opened_is_told_from_the_answer() {
    let said = ["hm", " hm", "\n</think>", "\n\n", "So", " be it."]
        .map(token)
        .concat();
    let (heard, finish) = openai(format!("{said}{}{DONE}", stop("\"stop\"")));
    finish.unwrap();
    assert_eq!(
        (heard.thinking.as_str(), heard.answer.as_str()),
        ("hm hm\n", "So be it.")
    );
    assert_eq!((heard.chunks, heard.thoughts), (6, 4));
}

#[test]
fn parts_without_text_are_counted_and_cost_nothing() {
    let parts = json!({ "content": [{ "type": "image_url", "image_url": {} }, { "type": "text", "text": "So" }] });
    let (heard, finish) = openai(format!("{}{}{DONE}", delta(&parts), stop("\"stop\"")));
    assert_eq!(finish.unwrap().unread_parts, 1);
    assert_eq!((heard.answer.as_str(), heard.chunks), ("So", 1));
}
