//! llama-server's own API: server-sent events over `/completion`. The prompt goes to the model as it is, without the
//! template of a chat.

use futures_util::future::BoxFuture;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::dialect::decode::{
    End, Finish, Framing, Piece, Text, WireError, bad_line, fail_on, stream_error,
};
use crate::dialect::discover::DiscoverError;
use crate::dialect::json::{Count, server_error};
use crate::dialect::openai::{self, OpenAi, Sampling, add_timings};
use crate::dialect::openai_servers;
use crate::dialect::{Dialect, Discovery, Http, StatePage};
use crate::event::DialectId;
use crate::plan::{Api, Plan};

/// `/completion` of llama-server.
#[derive(Debug)]
pub struct Llama;

impl Dialect for Llama {
    fn id(&self) -> DialectId {
        DialectId::new("llama")
    }

    fn server(&self) -> &'static str {
        "llama-server"
    }

    fn about(&self) -> &'static str {
        "llama-server's own API: `/completion`, the prompt as it is"
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

    fn unsupported(&self, plan: &Plan) -> Vec<&'static str> {
        openai::unsupported_without_chat(plan)
    }

    fn discover<'a>(
        &'a self,
        http: &'a Http,
        url: &'a str,
    ) -> BoxFuture<'a, Result<Discovery, DiscoverError>> {
        Box::pin(openai_servers::discover(http, url))
    }

    fn path(&self, _: Api) -> &'static str {
        "/completion"
    }

    fn body(&self, model: &str, prompt: &str, plan: &Plan) -> Vec<u8> {
        #[derive(Serialize)]
        struct Body<'a> {
            /// For a router of several models.
            model: &'a str,
            stream: bool,
            prompt: &'a str,
            #[serde(skip_serializing_if = "Option::is_none")]
            n_predict: Option<u32>,
            #[serde(flatten)]
            sampling: Sampling,
        }
        let body = Body {
            model,
            stream: true,
            prompt,
            n_predict: plan.max_tokens,
            sampling: Sampling::new(plan),
        };
        serde_json::to_vec(&body).unwrap_or_default()
    }

    fn framing(&self) -> Framing {
        Framing::ServerSentEvents
    }

    fn read_line<'a>(&self, data: &'a [u8], finish: &mut Finish) -> Result<Piece<'a>, WireError> {
        if data == b"[DONE]" {
            return Ok(Piece {
                end: Some(End::Body),
                ..Piece::default()
            });
        }
        let event: Event<'a> = serde_json::from_slice(data).map_err(|_| bad_line(data))?;
        fail_on(event.error)?;
        if event.content.is_none()
            && event.stop.is_none()
            && let Some(error) = server_error(data)
        {
            return Err(stream_error(&error));
        }
        let is_over = event.stop == Some(true);
        if is_over {
            finish.reason = Some(match event.stop_type {
                Some("limit") => "length".to_owned(),
                Some("eos" | "word") | None => "stop".to_owned(),
                Some(other) => other.to_owned(),
            });
            let figures = &mut finish.figures;
            figures.prompt_tokens = event.tokens_evaluated.0.or(figures.prompt_tokens);
            figures.output_tokens = event.tokens_predicted.0.or(figures.output_tokens);
            add_timings(finish, event.timings);
        }
        Ok(Piece {
            thinking: None,
            answer: event.content.map(Text::Json),
            end: is_over.then_some(End::Stream),
        })
    }

    fn state_pages(&self) -> &'static [StatePage] {
        OpenAi.state_pages()
    }

    fn slots_hint(&self, users: u32, family: Option<&str>) -> Option<String> {
        OpenAi.slots_hint(users, family)
    }
}

/// One event of `/completion`.
#[derive(Debug, Deserialize)]
struct Event<'a> {
    #[serde(borrow)]
    content: Option<&'a RawValue>,
    stop: Option<bool>,
    stop_type: Option<&'a str>,
    #[serde(default)]
    tokens_predicted: Count,
    #[serde(default)]
    tokens_evaluated: Count,
    #[serde(borrow)]
    timings: Option<&'a RawValue>,
    #[serde(borrow)]
    error: Option<&'a RawValue>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    #[test]
    fn it_is_asked_by_its_own_names() {
        let mut plan = Plan::default();
        plan.options.temperature = Some(0.0);
        plan.options.ignore_eos = true;
        let expected = json!({
            "model": "m", "stream": true, "prompt": "why?", "n_predict": 256,
            "temperature": 0.0, "ignore_eos": true,
        });
        let body = Llama.body("m", "why?", &plan);
        assert_eq!(serde_json::from_slice::<Value>(&body).unwrap(), expected);
    }

    #[test]
    fn its_last_event_has_its_figures() {
        let mut finish = Finish::default();
        let last = br#"{"content":"","stop":true,"stop_type":"limit","tokens_predicted":6,"tokens_evaluated":3,"timings":{"prompt_ms":2.0,"predicted_ms":500.0,"predicted_n":6,"prompt_n":1,"cache_n":2}}"#;
        let piece = Llama.read_line(last, &mut finish).unwrap();
        assert_eq!(piece.end, Some(End::Stream));
        assert_eq!(finish.reason.as_deref(), Some("length"));
        let figures = finish.figures;
        assert_eq!(
            (figures.prompt_tokens, figures.output_tokens),
            (Some(3), Some(6))
        );
        assert_eq!(figures.eval_s, Some(0.5));
        let error = Llama.read_line(br#"{"error":{"message":"no room"}}"#, &mut finish);
        assert_eq!(error.unwrap_err().message, "no room");
    }
}
