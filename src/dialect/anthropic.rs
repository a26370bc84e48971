//! Anthropic's API: server-sent events over `/v1/messages`. llama-server, vLLM, LM Studio and gateways have it too.

use futures_util::future::BoxFuture;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use serde_json::{Value, json};

use crate::dialect::decode::{
    End, Finish, Framing, Piece, Text, WireError, bad_line, fail_on, stream_error,
};
use crate::dialect::discover::DiscoverError;
use crate::dialect::json::server_error;
use crate::dialect::openai::{self, OpenAi, add_usage};
use crate::dialect::openai_servers;
use crate::dialect::{Dialect, Discovery, Http, StatePage, given};
use crate::event::DialectId;
use crate::plan::{Api, Plan, Think};

/// This API wants a limit: where there is none, one that no answer reaches.
const MOST_TOKENS: u32 = 8192;

/// `/v1/messages`.
#[derive(Debug)]
pub struct Anthropic;

impl Dialect for Anthropic {
    fn id(&self) -> DialectId {
        DialectId::new("anthropic")
    }

    fn server(&self) -> &'static str {
        "an Anthropic server"
    }

    fn about(&self) -> &'static str {
        "Anthropic's API: server-sent events over `/v1/messages`"
    }

    fn light_path(&self) -> &'static str {
        OpenAi.light_path()
    }

    fn health_path(&self) -> &'static str {
        OpenAi.health_path()
    }

    fn is_detected(&self) -> bool {
        false
    }

    fn headers(&self) -> &'static [(&'static str, &'static str)] {
        &[("anthropic-version", "2023-06-01")]
    }

    fn unsupported(&self, plan: &Plan) -> Vec<&'static str> {
        let mut flags = openai::unsupported(plan);
        flags.extend(given(&[
            (plan.think == Think::On, "--think on"),
            (plan.options.seed.is_some(), "--sampling-seed"),
            (plan.options.ignore_eos, "--ignore-eos"),
        ]));
        flags
    }

    fn discover<'a>(
        &'a self,
        http: &'a Http,
        url: &'a str,
    ) -> BoxFuture<'a, Result<Discovery, DiscoverError>> {
        Box::pin(openai_servers::discover(http, url))
    }

    fn path(&self, _: Api) -> &'static str {
        "/v1/messages"
    }

    fn body(&self, model: &str, prompt: &str, plan: &Plan) -> Vec<u8> {
        #[derive(Serialize)]
        struct Body<'a> {
            model: &'a str,
            stream: bool,
            messages: Value,
            max_tokens: u32,
            #[serde(skip_serializing_if = "Option::is_none")]
            temperature: Option<f64>,
            #[serde(skip_serializing_if = "Option::is_none")]
            thinking: Option<Value>,
        }
        let off = plan.think == Think::Off;
        let body = Body {
            model,
            stream: true,
            messages: json!([{ "role": "user", "content": prompt }]),
            max_tokens: plan.max_tokens.unwrap_or(MOST_TOKENS),
            temperature: plan.options.temperature,
            thinking: off.then(|| json!({ "type": "disabled" })),
        };
        serde_json::to_vec(&body).unwrap_or_default()
    }

    fn framing(&self) -> Framing {
        Framing::ServerSentEvents
    }

    fn read_line<'a>(&self, data: &'a [u8], finish: &mut Finish) -> Result<Piece<'a>, WireError> {
        let event: Event<'a> = serde_json::from_slice(data).map_err(|_| bad_line(data))?;
        fail_on(event.error)?;
        let mut piece = Piece::default();
        add_usage(finish, event.message.and_then(|message| message.usage));
        add_usage(finish, event.usage);
        if let Some(block) = event.delta.or(event.content_block) {
            piece.thinking = block.thinking.map(Text::Json);
            piece.answer = block.text.or(block.partial_json).map(Text::Json);
            piece.end = finish.end_by(block.stop_reason)?;
        }
        match event.kind {
            Some("message_stop") => piece.end = Some(End::Body),
            Some(_) => {}
            None => {
                let error = server_error(data);
                return Err(error.map_or_else(|| bad_line(data), |error| stream_error(&error)));
            }
        }
        Ok(piece)
    }

    fn state_pages(&self) -> &'static [StatePage] {
        OpenAi.state_pages()
    }

    fn slots_hint(&self, users: u32, family: Option<&str>) -> Option<String> {
        OpenAi.slots_hint(users, family)
    }
}

/// One event of `/v1/messages`.
#[derive(Debug, Deserialize)]
struct Event<'a> {
    #[serde(rename = "type")]
    kind: Option<&'a str>,
    #[serde(borrow)]
    delta: Option<Block<'a>>,
    #[serde(borrow)]
    content_block: Option<Block<'a>>,
    /// At the start, with the tokens of the prompt.
    #[serde(borrow)]
    message: Option<Message<'a>>,
    #[serde(borrow)]
    usage: Option<&'a RawValue>,
    #[serde(borrow)]
    error: Option<&'a RawValue>,
}

#[derive(Debug, Deserialize)]
struct Message<'a> {
    #[serde(borrow)]
    usage: Option<&'a RawValue>,
}

#[derive(Debug, Deserialize)]
struct Block<'a> {
    #[serde(borrow)]
    text: Option<&'a RawValue>,
    #[serde(borrow)]
    thinking: Option<&'a RawValue>,
    /// The arguments of a tool's call.
    #[serde(borrow)]
    partial_json: Option<&'a RawValue>,
    #[serde(borrow)]
    stop_reason: Option<&'a RawValue>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dialect::decode::{Decoder, Sink};

    #[derive(Default)]
    struct Heard {
        answer: String,
        thinking: String,
        chunks: u32,
    }

    impl Sink for Heard {
        fn chunk(&mut self, _: bool) {
            self.chunks += 1;
        }

        fn text(&mut self, text: &str, is_thinking: bool) {
            let to = if is_thinking {
                &mut self.thinking
            } else {
                &mut self.answer
            };
            to.push_str(text);
        }

        fn was_thinking(&mut self) {}
    }

    fn read(stream: &str) -> (Heard, Result<Finish, WireError>) {
        let (mut heard, mut decoder) = (Heard::default(), Decoder::new(&Anthropic));
        let fed = decoder.feed(stream.as_bytes(), &mut heard);
        let finish = fed.and_then(|()| decoder.finish(&mut heard));
        (heard, finish)
    }

    const START: &str = "event: message_start\ndata: {\"type\":\"message_start\",\"message\":{\"id\":\"m\",\"content\":[],\"usage\":{\"input_tokens\":5,\"cache_read_input_tokens\":20,\"cache_creation_input_tokens\":0,\"output_tokens\":1}}}\n\n\
        event: ping\ndata: {\"type\": \"ping\"}\n\n\
        event: content_block_start\ndata: {\"type\":\"content_block_start\",\"index\":0,\"content_block\":{\"type\":\"thinking\",\"thinking\":\"\"}}\n\n\
        event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":0,\"delta\":{\"type\":\"thinking_delta\",\"thinking\":\"hm\"}}\n\n\
        event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":0,\"delta\":{\"type\":\"signature_delta\",\"signature\":\"x\"}}\n\n\
        event: content_block_stop\ndata: {\"type\":\"content_block_stop\",\"index\":0}\n\n\
        event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":1,\"delta\":{\"type\":\"text_delta\",\"text\":\"So\"}}\n\n";
    const END: &str = "event: message_delta\ndata: {\"type\":\"message_delta\",\"delta\":{\"stop_reason\":\"end_turn\"},\"usage\":{\"output_tokens\":15}}\n\n\
        event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n";

    #[test]
    fn a_message_is_read_with_its_thinking_and_its_counts() {
        let (heard, finish) = read(&format!("{START}{END}"));
        let finish = finish.unwrap();
        assert_eq!(finish.reason.as_deref(), Some("end_turn"));
        let figures = finish.figures;
        assert_eq!(
            (figures.prompt_tokens, figures.output_tokens),
            (Some(25), Some(15))
        );
        assert_eq!(
            (heard.thinking.as_str(), heard.answer.as_str()),
            ("hm", "So")
        );
        assert_eq!(heard.chunks, 2);
    }

    #[test]
    fn a_message_without_its_end_or_with_an_error_fails() {
        let (_, cut) = read(START);
        assert_eq!(cut.unwrap_err().kind, crate::event::FailureKind::Unfinished);
        let error = "event: error\ndata: {\"type\":\"error\",\"error\":{\"type\":\"overloaded_error\",\"message\":\"Overloaded\"}}\n\n";
        let (_, error) = read(&format!("{START}{error}"));
        assert_eq!(error.unwrap_err().message, "Overloaded");
    }

    #[test]
    fn it_is_asked_with_a_limit() {
        let plan = Plan {
            max_tokens: None,
            think: Think::Off,
            ..Plan::default()
        };
        let expected = json!({
            "model": "m", "stream": true, "max_tokens": 8192, "thinking": { "type": "disabled" },
            "messages": [{ "role": "user", "content": "why?" }],
        });
        let body = Anthropic.body("m", "why?", &plan);
        assert_eq!(serde_json::from_slice::<Value>(&body).unwrap(), expected);
    }
}
