//! Requests to `/api/chat` and `/api/generate`, and the errors that Ollama answers bad ones with.

use crate::sim::model_store::Keep;
use crate::sim::reply::Refusal;
use crate::sim::wire::Style;
use crate::text::numbers::floor_u64;
use hyper::StatusCode;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use std::time::Duration;

/// A request for an answer; options that the simulator does not need are ignored.
#[derive(Debug, Default, Deserialize)]
pub(super) struct CompletionRequest {
    /// The model's name.
    #[serde(default)]
    pub(super) model: String,
    /// Whether to stream; Ollama does unless told not to.
    pub(super) stream: Option<bool>,
    prompt: Option<String>,
    messages: Option<Vec<Message>>,
    think: Option<Value>,
    keep_alive: Option<Value>,
    options: Option<Options>,
}

#[derive(Debug, Deserialize)]
struct Message {
    content: Option<String>,
}

#[derive(Debug, Default, Clone, Deserialize)]
struct Options {
    num_predict: Option<f64>,
    num_ctx: Option<f64>,
    seed: Option<f64>,
}

impl CompletionRequest {
    /// Bytes of prompt; None for an empty prompt, which only loads the model.
    pub(super) fn prompt_bytes(&self, style: Style) -> Option<usize> {
        match style {
            Style::Chat => self
                .messages
                .as_ref()
                .filter(|all| !all.is_empty())
                .map(|all| all.iter().map(Message::bytes).sum()),
            Style::Generate => self
                .prompt
                .as_ref()
                .map(String::len)
                .filter(|bytes| *bytes > 0),
        }
    }

    /// Whether to think; None leaves it to the model. Levels such as `"high"` mean yes.
    pub(super) fn think(&self) -> Option<bool> {
        match self.think.as_ref()? {
            Value::Bool(think) => Some(*think),
            Value::String(level) => Some(!level.is_empty()),
            _ => None,
        }
    }

    /// The most tokens to answer with.
    pub(super) fn limit(&self) -> Option<u32> {
        let n = self.options.as_ref()?.num_predict.filter(|n| *n >= 1.0)?;
        Some(u32::try_from(floor_u64(n)).unwrap_or(u32::MAX))
    }

    /// The context to load the model with, tokens.
    pub(super) fn context(&self) -> Option<u64> {
        let n = self.options.as_ref()?.num_ctx.filter(|n| *n >= 1.0)?;
        Some(floor_u64(n))
    }

    /// The seed of the answer.
    pub(super) fn seed(&self) -> Option<u64> {
        Some(self.options.as_ref()?.seed?.to_bits())
    }

    /// How long to keep the model.
    pub(super) fn keep(&self) -> Result<Keep, Refusal> {
        let wrong = |text: &dyn std::fmt::Display| {
            Refusal::new(
                StatusCode::BAD_REQUEST,
                format!("time: invalid duration \"{text}\""),
            )
        };
        match &self.keep_alive {
            None | Some(Value::Null) => Ok(Keep::default()),
            Some(Value::Number(n)) => {
                let secs = n.as_f64().unwrap_or(0.0);
                Ok(Duration::try_from_secs_f64(secs).map_or(Keep::Forever, Keep::For))
            }
            Some(Value::String(text)) if text.starts_with('-') => Ok(Keep::Forever),
            Some(Value::String(text)) if text == "0" => Ok(Keep::For(Duration::ZERO)),
            Some(Value::String(text)) => humantime::parse_duration(text)
                .map(Keep::For)
                .map_err(|_| wrong(text)),
            Some(other) => Err(wrong(other)),
        }
    }
}

impl Message {
    fn bytes(&self) -> usize {
        // The role and the marks around a message are tokens too.
        self.content.as_ref().map_or(0, String::len) + 8
    }
}

/// Reads a body as Ollama does: whatever its content type, and with the messages of Go's decoder
/// where they are known.
pub(super) fn read<T: DeserializeOwned>(body: &[u8]) -> Result<T, Refusal> {
    if body.is_empty() {
        return Err(Refusal::new(
            StatusCode::BAD_REQUEST,
            "missing request body",
        ));
    }
    serde_json::from_slice(body).map_err(|error| {
        let text = if error.is_eof() {
            "unexpected EOF".to_owned()
        } else {
            format!("invalid request: {error}")
        };
        Refusal::new(StatusCode::BAD_REQUEST, text)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ask(text: &str) -> CompletionRequest {
        read(text.as_bytes()).unwrap()
    }

    fn keep(value: &str) -> Result<Keep, Refusal> {
        ask(&format!(r#"{{"model":"m","keep_alive":{value}}}"#)).keep()
    }

    #[test]
    fn options_are_read_and_the_rest_is_ignored() {
        let a = ask(
            r#"{"model":"m","think":true,"format":"json","tools":[],"messages":[{"role":"user","content":"hello"}],
               "options":{"num_predict":24,"num_ctx":2048,"seed":1,"temperature":0.5,"stop":["x"]}}"#,
        );
        assert_eq!(
            (a.limit(), a.context(), a.think()),
            (Some(24), Some(2048), Some(true))
        );
        assert_eq!(a.prompt_bytes(Style::Chat), Some(13));
        assert_eq!(a.prompt_bytes(Style::Generate), None);
        let a = ask(r#"{"model":"m","prompt":"hello","options":{"num_predict":-1}}"#);
        assert_eq!(
            (a.limit(), a.think(), a.prompt_bytes(Style::Generate)),
            (None, None, Some(5))
        );
        let a = ask(r#"{"model":"m","prompt":"","messages":[],"think":"high"}"#);
        assert_eq!(a.prompt_bytes(Style::Generate), None);
        assert_eq!(a.prompt_bytes(Style::Chat), None);
        assert_eq!(a.think(), Some(true));
    }

    #[test]
    fn keep_alive_in_all_its_forms() {
        let secs = |s| Keep::For(Duration::from_secs(s));
        assert_eq!(keep("null").unwrap(), Keep::default());
        assert_eq!(keep("0").unwrap(), secs(0));
        assert_eq!(keep("\"0\"").unwrap(), secs(0));
        assert_eq!(keep("90").unwrap(), secs(90));
        assert_eq!(keep("\"1h5m\"").unwrap(), secs(3900));
        assert_eq!(keep("-1").unwrap(), Keep::Forever);
        assert_eq!(keep("\"-1\"").unwrap(), Keep::Forever);
        assert_eq!(
            keep("\"soon\"").unwrap_err().message,
            "time: invalid duration \"soon\""
        );
        assert!(keep("[]").is_err());
    }

    #[test]
    fn bad_json_is_told_in_ollamas_words() {
        let error = |body: &[u8]| read::<CompletionRequest>(body).unwrap_err().message;
        assert_eq!(error(b"{\"model\":"), "unexpected EOF");
        assert_eq!(error(b""), "missing request body");
        assert!(error(b"{nope}").starts_with("invalid request"));
    }
}
