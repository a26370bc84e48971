//! OpenAI's older API: server-sent events over `/v1/completions`. The prompt goes to the model as it is, without the
//! template of a chat.

use futures_util::future::BoxFuture;
use serde::Serialize;
use serde_json::{Value, json};

use crate::dialect::decode::{Finish, Framing, Piece, WireError};
use crate::dialect::discover::DiscoverError;
use crate::dialect::openai::{self, OpenAi, Sampling};
use crate::dialect::openai_servers;
use crate::dialect::{Dialect, Discovery, Http, StatePage};
use crate::event::DialectId;
use crate::plan::{Api, Plan};

/// `/v1/completions`.
#[derive(Debug)]
pub struct Completions;

impl Dialect for Completions {
    fn id(&self) -> DialectId {
        DialectId::new("completions")
    }

    fn server(&self) -> &'static str {
        "an OpenAI server"
    }

    fn about(&self) -> &'static str {
        "OpenAI's older API: `/v1/completions`, the prompt as it is"
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
        "/v1/completions"
    }

    fn body(&self, model: &str, prompt: &str, plan: &Plan) -> Vec<u8> {
        #[derive(Serialize)]
        struct Body<'a> {
            model: &'a str,
            stream: bool,
            prompt: &'a str,
            #[serde(skip_serializing_if = "Option::is_none")]
            max_tokens: Option<u32>,
            stream_options: Value,
            #[serde(flatten)]
            sampling: Sampling,
        }
        let body = Body {
            model,
            stream: true,
            prompt,
            max_tokens: plan.max_tokens,
            stream_options: json!({ "include_usage": true }),
            sampling: Sampling::new(plan),
        };
        serde_json::to_vec(&body).unwrap_or_default()
    }

    fn framing(&self) -> Framing {
        Framing::ServerSentEvents
    }

    /// The events are those of a chat, but for the place of the text.
    fn read_line<'a>(&self, data: &'a [u8], finish: &mut Finish) -> Result<Piece<'a>, WireError> {
        OpenAi.read_line(data, finish)
    }

    fn state_pages(&self) -> &'static [StatePage] {
        OpenAi.state_pages()
    }

    fn slots_hint(&self, users: u32, family: Option<&str>) -> Option<String> {
        OpenAi.slots_hint(users, family)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_prompt_is_asked_as_it_is() {
        let expected = json!({
            "model": "m", "stream": true, "prompt": "why?", "max_tokens": 256,
            "stream_options": { "include_usage": true },
        });
        let body = Completions.body("m", "why?", &Plan::default());
        assert_eq!(serde_json::from_slice::<Value>(&body).unwrap(), expected);
    }
}
