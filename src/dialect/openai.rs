//! The OpenAI API: server-sent events over `/v1/chat/completions`. llama-server and vLLM report a little more.

use futures_util::future::BoxFuture;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use serde_json::{Value, json};

use crate::dialect::decode::{
    End, Finish, Framing, Piece, Text, WireError, bad_line, fail_on, stream_error,
};
use crate::dialect::discover::DiscoverError;
use crate::dialect::json::{Count, First, is_empty, server_error};
use crate::dialect::openai_servers;
use crate::dialect::state::{PageOwner, StatePage, read_slots};
use crate::dialect::{Dialect, Discovery, Http, given};
use crate::event::DialectId;
use crate::plan::{Api, Plan, Think};

/// The OpenAI API.
#[derive(Debug)]
pub struct OpenAi;

impl Dialect for OpenAi {
    fn id(&self) -> DialectId {
        DialectId::new("openai")
    }

    fn server(&self) -> &'static str {
        "an OpenAI server"
    }

    fn about(&self) -> &'static str {
        "The OpenAI API: server-sent events over `/v1/chat/completions`"
    }

    fn light_path(&self) -> &'static str {
        "/v1/models"
    }

    /// Of llama-server, vLLM and SGLang; it lists its models while it still loads.
    fn health_path(&self) -> &'static str {
        "/health"
    }

    fn usual_servers(&self) -> &'static [(&'static str, &'static str)] {
        &[
            ("http://127.0.0.1:8080", "llama-server"),
            ("http://127.0.0.1:9931", "llama-server"),
            ("http://127.0.0.1:8000", "vLLM"),
            ("http://127.0.0.1:1234", "LM Studio"),
            ("http://127.0.0.1:30000", "SGLang"),
            ("http://127.0.0.1:4000", "LiteLLM"),
            ("http://127.0.0.1:1337", "Jan"),
            ("http://127.0.0.1:5001", "KoboldCpp"),
            ("http://127.0.0.1:5000", "TabbyAPI"),
        ]
    }

    fn discover<'a>(
        &'a self,
        http: &'a Http,
        url: &'a str,
    ) -> BoxFuture<'a, Result<Discovery, DiscoverError>> {
        Box::pin(openai_servers::discover(http, url))
    }

    fn path(&self, _: Api) -> &'static str {
        "/v1/chat/completions"
    }

    fn body(&self, model: &str, prompt: &str, plan: &Plan) -> Vec<u8> {
        #[derive(Serialize)]
        struct Body<'a> {
            model: &'a str,
            stream: bool,
            messages: Value,
            #[serde(skip_serializing_if = "Option::is_none")]
            max_tokens: Option<u32>,
            stream_options: Value,
            #[serde(skip_serializing_if = "Option::is_none")]
            chat_template_kwargs: Option<Value>,
            #[serde(flatten)]
            sampling: Sampling,
        }
        let thinking = plan.think.as_flag();
        let body = Body {
            model,
            stream: true,
            messages: json!([{ "role": "user", "content": prompt }]),
            max_tokens: plan.max_tokens,
            stream_options: json!({ "include_usage": true }),
            chat_template_kwargs: thinking.map(|on| json!({ "enable_thinking": on })),
            sampling: Sampling::new(plan),
        };
        serde_json::to_vec(&body).unwrap_or_default()
    }

    fn unsupported(&self, plan: &Plan) -> Vec<&'static str> {
        unsupported(plan)
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
        let chunk: Chunk<'a> = serde_json::from_slice(data).map_err(|_| bad_line(data))?;
        fail_on(chunk.error)?;
        let mut piece = Piece::default();
        let usage = chunk.usage;
        let is_bare = chunk.choices.0.is_none() && usage.is_none() && chunk.timings.is_none();
        if let Some(error) = is_bare.then(|| server_error(data)).flatten() {
            return Err(stream_error(&error));
        }
        if let Some(choice) = chunk.choices.0 {
            let delta = choice.delta.or(choice.message).unwrap_or_default();
            piece.thinking = delta.thinking().map(Text::Json);
            piece.answer = delta.content.or(choice.text).map(Text::Json);
            piece.end = finish.end_by(choice.finish_reason)?;
            add_usage(finish, choice.usage);
        }
        add_usage(finish, usage);
        add_timings(finish, chunk.timings);
        Ok(piece)
    }

    /// Ollama answers this API too; then its runner has the slots.
    fn state_pages(&self) -> &'static [StatePage] {
        &[StatePage {
            path: "/slots",
            owner: PageOwner::RunnerOrServer,
            read: read_slots,
        }]
    }

    fn slots_hint(&self, users: u32, _: Option<&str>) -> Option<String> {
        Some(format!(
            "llama-server -np {users} answers them at once (all share the context of -c)"
        ))
    }
}

/// How the next token is chosen, by the names of this API, which llama-server's own has too.
#[derive(Serialize)]
pub(super) struct Sampling {
    #[serde(skip_serializing_if = "Option::is_none")]
    temperature: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    seed: Option<u64>,
    /// Of llama-server and vLLM.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    ignore_eos: bool,
}

impl Sampling {
    pub(super) fn new(plan: &Plan) -> Self {
        let options = &plan.options;
        Self {
            temperature: options.temperature,
            seed: options.seed,
            ignore_eos: options.ignore_eos,
        }
    }
}

/// What only Ollama can be asked for.
pub(super) fn unsupported(plan: &Plan) -> Vec<&'static str> {
    let options = &plan.options;
    given(&[
        (plan.api == Api::Generate, "--api generate"),
        (options.num_ctx.is_some(), "--num-ctx"),
        (options.keep_alive.is_some(), "--keep-alive"),
    ])
}

/// What an API that takes the prompt as it is, without the template of a chat, cannot be asked for.
pub(super) fn unsupported_without_chat(plan: &Plan) -> Vec<&'static str> {
    let mut flags = unsupported(plan);
    flags.extend((plan.think != Think::Auto).then_some("--think"));
    flags
}

/// One event of `/v1/chat/completions`. What is not needed to read the answer may be anything.
#[derive(Debug, Deserialize)]
struct Chunk<'a> {
    #[serde(borrow, default)]
    choices: First<Choice<'a>>,
    #[serde(borrow)]
    usage: Option<&'a RawValue>,
    #[serde(borrow)]
    timings: Option<&'a RawValue>,
    #[serde(borrow)]
    error: Option<&'a RawValue>,
}

#[derive(Debug, Deserialize)]
struct Choice<'a> {
    #[serde(borrow)]
    delta: Option<Delta<'a>>,
    /// In place of `delta`, from servers that do not stream by the token.
    #[serde(borrow)]
    message: Option<Delta<'a>>,
    /// In place of both, of `/v1/completions`.
    #[serde(borrow)]
    text: Option<&'a RawValue>,
    #[serde(borrow)]
    finish_reason: Option<&'a RawValue>,
    #[serde(borrow)]
    usage: Option<&'a RawValue>,
}

#[derive(Debug, Default, Deserialize)]
struct Delta<'a> {
    #[serde(borrow)]
    content: Option<&'a RawValue>,
    #[serde(borrow)]
    reasoning_content: Option<&'a RawValue>,
    #[serde(borrow)]
    reasoning: Option<&'a RawValue>,
    #[serde(borrow)]
    thinking: Option<&'a RawValue>,
    #[serde(borrow)]
    reasoning_details: Option<&'a RawValue>,
}

impl<'a> Delta<'a> {
    /// The thinking under the first name that holds any: some servers send it under two.
    fn thinking(&self) -> Option<&'a RawValue> {
        [
            self.reasoning_content,
            self.reasoning,
            self.thinking,
            self.reasoning_details,
        ]
        .into_iter()
        .flatten()
        .find(|text| !is_empty(text))
    }
}

/// The server's own counts, under the names that servers use.
#[derive(Debug, Deserialize)]
struct Usage {
    #[serde(default)]
    prompt_tokens: Count,
    #[serde(default)]
    input_tokens: Count,
    /// Beside those, of Anthropic's API.
    #[serde(default)]
    cache_read_input_tokens: Count,
    #[serde(default)]
    cache_creation_input_tokens: Count,
    #[serde(default)]
    prompt_eval_count: Count,
    #[serde(default)]
    completion_tokens: Count,
    #[serde(default)]
    output_tokens: Count,
    #[serde(default)]
    eval_count: Count,
}

/// The latest counts hold: some servers send them with every event.
pub(super) fn add_usage(finish: &mut Finish, usage: Option<&RawValue>) {
    let Some(usage) = usage.and_then(read_lenient::<Usage>) else {
        return;
    };
    let figures = &mut finish.figures;
    let cached = [
        usage.cache_read_input_tokens,
        usage.cache_creation_input_tokens,
    ];
    let cached: u64 = cached.into_iter().filter_map(|count| count.0).sum();
    let input = usage.input_tokens.0.map(|tokens| tokens + cached);
    let prompt = usage.prompt_tokens.0.or(input);
    let prompt = prompt.or(usage.prompt_eval_count.0);
    let output = usage.completion_tokens.0.or(usage.output_tokens.0);
    let output = output.or(usage.eval_count.0);
    figures.prompt_tokens = prompt.or(figures.prompt_tokens);
    figures.output_tokens = output.or(figures.output_tokens);
}

/// llama-server's own figures, where an event has them.
pub(super) fn add_timings(finish: &mut Finish, timings: Option<&RawValue>) {
    let Some(timings) = timings.and_then(read_lenient::<Timings>) else {
        return;
    };
    let figures = &mut finish.figures;
    let seconds = |ms: f64| ms / 1e3;
    let prompt = timings.prompt_n.0;
    let prompt = prompt.map(|n| n + timings.cache_n.0.unwrap_or(0));
    figures.prompt_tokens = figures.prompt_tokens.or(prompt);
    figures.output_tokens = timings.predicted_n.0.or(figures.output_tokens);
    figures.prompt_eval_s = timings.prompt_ms.map(seconds).or(figures.prompt_eval_s);
    figures.eval_s = timings.predicted_ms.map(seconds).or(figures.eval_s);
}

/// llama-server's own figures: counts, and times in milliseconds.
#[derive(Debug, Deserialize)]
struct Timings {
    #[serde(default)]
    cache_n: Count,
    #[serde(default)]
    prompt_n: Count,
    #[serde(default)]
    predicted_n: Count,
    prompt_ms: Option<f64>,
    predicted_ms: Option<f64>,
}

/// What is of another shape is none: it must not cost the answer.
fn read_lenient<'a, T: Deserialize<'a>>(raw: &'a RawValue) -> Option<T> {
    serde_json::from_str(raw.get()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_asked_for_usage() {
        let expected = json!({
            "model": "m", "stream": true, "max_tokens": 256,
            "stream_options": { "include_usage": true },
            "messages": [{ "role": "user", "content": "why \"?\"" }],
        });
        let body = OpenAi.body("m", "why \"?\"", &Plan::default());
        let body: Value = serde_json::from_slice(&body).unwrap();
        assert_eq!(body, expected);
    }
}
