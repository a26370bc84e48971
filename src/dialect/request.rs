//! What is sent: the body and path of one request in a dialect.

use serde::Serialize;

use crate::plan::{Api, Plan, Think};

use crate::dialect::decode::Wire;
use crate::event::Dialect;

/// How the requests of a run look: everything but the prompt.
#[derive(Debug, Clone)]
pub struct RequestShape {
    /// The path to post to, beginning with the base address's own path.
    pub path: String,
    /// The wire format of the answer.
    pub wire: Wire,
    dialect: Dialect,
    api: Api,
    model: String,
    max_tokens: Option<u32>,
    think: Think,
}

impl RequestShape {
    /// The requests of `plan`, for `model` behind the base path `base` (`""` for the root).
    pub fn new(dialect: Dialect, base: &str, model: &str, plan: &Plan) -> Self {
        let path = match (dialect, plan.api) {
            (Dialect::Ollama, Api::Chat) => "/api/chat",
            (Dialect::Ollama, Api::Generate) => "/api/generate",
            (Dialect::OpenAi, _) => "/v1/chat/completions",
        };
        let wire = match dialect {
            Dialect::Ollama => Wire::Ollama,
            Dialect::OpenAi => Wire::OpenAi,
        };
        Self {
            path: format!("{}{path}", base.trim_end_matches('/')),
            wire,
            dialect,
            api: plan.api,
            model: model.to_owned(),
            max_tokens: plan.max_tokens,
            think: plan.think,
        }
    }

    /// The body that asks `prompt`.
    pub fn body(&self, prompt: &str) -> Vec<u8> {
        let message = [Message {
            role: "user",
            content: prompt,
        }];
        let thinking = match self.think {
            Think::On => Some(true),
            Think::Off => Some(false),
            Think::Auto => None,
        };
        let mut body = Body {
            model: &self.model,
            stream: true,
            ..Body::default()
        };
        match (self.dialect, self.api) {
            (Dialect::Ollama, Api::Generate) => body.prompt = Some(prompt),
            _ => body.messages = Some(&message),
        }
        match self.dialect {
            Dialect::Ollama => {
                body.options = self.max_tokens.map(|num_predict| Options { num_predict });
                body.think = thinking;
            }
            Dialect::OpenAi => {
                body.max_tokens = self.max_tokens;
                body.stream_options = Some(StreamOptions {
                    include_usage: true,
                });
                body.chat_template_kwargs =
                    thinking.map(|enable_thinking| TemplateOptions { enable_thinking });
            }
        }
        serde_json::to_vec(&body).unwrap_or_default()
    }
}

/// A body of either dialect; what is None is not sent.
#[derive(Default, Serialize)]
struct Body<'a> {
    model: &'a str,
    stream: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    prompt: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    messages: Option<&'a [Message<'a>]>,
    #[serde(skip_serializing_if = "Option::is_none")]
    options: Option<Options>,
    #[serde(skip_serializing_if = "Option::is_none")]
    think: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_tokens: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    stream_options: Option<StreamOptions>,
    #[serde(skip_serializing_if = "Option::is_none")]
    chat_template_kwargs: Option<TemplateOptions>,
}

#[derive(Serialize)]
struct Message<'a> {
    role: &'a str,
    content: &'a str,
}

#[derive(Serialize)]
struct Options {
    num_predict: u32,
}

#[derive(Serialize)]
struct StreamOptions {
    include_usage: bool,
}

#[derive(Serialize)]
struct TemplateOptions {
    enable_thinking: bool,
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn body(dialect: Dialect, plan: &Plan) -> (String, Value) {
        let shape = RequestShape::new(dialect, "", "m", plan);
        (
            shape.path.clone(),
            serde_json::from_slice(&shape.body("why \"?\"")).unwrap(),
        )
    }

    #[test]
    fn ollama_is_asked_by_chat_or_generate() {
        let plan = Plan {
            think: Think::Off,
            ..Plan::default()
        };
        let expected = json!({
            "model": "m", "stream": true, "think": false, "options": { "num_predict": 256 },
            "messages": [{ "role": "user", "content": "why \"?\"" }],
        });
        assert_eq!(
            body(Dialect::Ollama, &plan),
            ("/api/chat".to_owned(), expected)
        );
        let expected = json!({ "model": "m", "stream": true, "prompt": "why \"?\"" });
        assert_eq!(
            body(Dialect::Ollama, &Plan::study()),
            ("/api/generate".to_owned(), expected)
        );
    }

    #[test]
    fn openai_is_asked_for_usage() {
        let expected = json!({
            "model": "m", "stream": true, "max_tokens": 256,
            "stream_options": { "include_usage": true },
            "messages": [{ "role": "user", "content": "why \"?\"" }],
        });
        let (path, body) = body(Dialect::OpenAi, &Plan::default());
        assert_eq!((path.as_str(), body), ("/v1/chat/completions", expected));
    }

    #[test]
    fn a_base_path_comes_first() {
        let shape = RequestShape::new(Dialect::Ollama, "/box/", "m", &Plan::default());
        assert_eq!(shape.path, "/box/api/chat");
    }
}
