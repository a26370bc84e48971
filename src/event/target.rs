//! The server under test, and what is known of its model.

use std::borrow::Cow;
use std::fmt;

use serde::{Deserialize, Serialize};

/// Names a dialect in the files of a run and on the command line, for example `ollama`: lower-case letters,
/// digits and dashes. Any such name can be read, so that a run in a dialect that is not known here can still be shown.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String")]
pub struct DialectId(Cow<'static, str>);

/// A text that does not name a dialect.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not a dialect name: use lower-case letters, digits and dashes")]
pub struct BadDialectId;

impl DialectId {
    pub const fn new(name: &'static str) -> Self {
        Self(Cow::Borrowed(name))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for DialectId {
    type Error = BadDialectId;

    fn try_from(name: String) -> Result<Self, BadDialectId> {
        let is_plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        if (1..=32).contains(&name.len()) && name.chars().all(is_plain) {
            Ok(Self(Cow::Owned(name)))
        } else {
            Err(BadDialectId)
        }
    }
}

impl fmt::Display for DialectId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The server under test: dialect, address, model.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Target {
    /// How it is spoken to.
    pub dialect: DialectId,
    /// Its base address, for example `http://127.0.0.1:11434`.
    pub url: String,
    /// The model asked.
    pub model: Model,
    /// Name and version, for example `ollama 0.33.0`.
    pub server: Option<String>,
    /// Requests it answers at once, where known.
    pub slots: Option<u32>,
    /// Whether it is a simulator.
    pub simulated: bool,
    /// Which way it is reached.
    #[serde(default, skip_serializing_if = "Route::is_direct")]
    pub route: Route,
}

/// The way to a server, as far as it bears on what is measured, or on who was measured.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Route {
    /// Its certificate is not checked (`--insecure`).
    #[serde(default)]
    pub is_unchecked: bool,
    /// The proxy on the way (`--proxy`).
    #[serde(default)]
    pub proxy: Option<String>,
    /// HTTP/2 is spoken without asking (`--http2`).
    #[serde(default)]
    pub http2: bool,
}

impl Route {
    /// Whether there is nothing to say.
    pub fn is_direct(&self) -> bool {
        *self == Self::default()
    }
}

/// What is known of a model.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Model {
    /// Its name, as the server wants it.
    pub name: String,
    /// Size, bytes.
    pub size_bytes: Option<u64>,
    /// Quantization, for example `Q4_K_M`.
    #[serde(alias = "quantisation")]
    pub quantization: Option<String>,
    /// Parameter count, for example `7.6B`.
    pub parameters: Option<String>,
    /// Context length, tokens: what it is loaded with, else the model's own.
    pub context: Option<u64>,
    /// Family, for example `qwen2`.
    pub family: Option<String>,
    /// Whether it is in memory now.
    pub loaded: bool,
    /// Bytes of it in GPU memory, where it is loaded.
    pub vram_bytes: Option<u64>,
    /// Bytes it takes in memory, where it is loaded.
    pub memory_bytes: Option<u64>,
    /// Whether it can think, where known.
    pub thinks: Option<bool>,
    /// Whether it makes embeddings, or ranks, and so answers no prompt, where the server tells.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub embeds: Option<bool>,
}

/// The ending of llama.cpp's files.
const GGUF: &str = ".gguf";

/// What the names, or families, of models have that embed, rank, hear or speak, and answer nothing.
const NO_ANSWER: [&str; 14] = [
    "embed",
    "rerank",
    "bge-",
    "e5-",
    "gte-",
    "minilm",
    "colbert",
    "bert",
    "clip",
    "whisper",
    "tts",
    "moderation",
    "dall-e",
    "transcribe",
];

impl Model {
    /// Whether it is meant by `asked`: `:latest` may be left out of its name, and so may the folders of a file and the
    /// ending `.gguf`.
    pub fn is_named(&self, asked: &str) -> bool {
        let file = self.short_name();
        [self.name.as_str(), file].contains(&asked)
            || self.name.strip_suffix(":latest") == Some(asked)
            || file.strip_suffix(GGUF) == Some(asked)
    }

    /// Its name, without the folders where that is the path of a file.
    pub fn short_name(&self) -> &str {
        let is_path = self.name.starts_with(['/', '.', '~'])
            || self.name.contains('\\')
            || self.name.ends_with(GGUF);
        let file = self
            .name
            .trim_end_matches(['/', '\\'])
            .rsplit(['/', '\\'])
            .next();
        file.filter(|file| is_path && !file.is_empty())
            .unwrap_or(&self.name)
    }

    /// Whether it answers prompts, as the server tells, else by its name and family: such a model is chosen where none is
    /// named.
    pub fn answers(&self) -> bool {
        if let Some(embeds) = self.embeds {
            return !embeds;
        }
        let family = self.family.as_deref().unwrap_or_default();
        let named = [self.name.to_lowercase(), family.to_lowercase()];
        let is_of = |part: &str| named.iter().any(|name| begins_a_word(name, part));
        !NO_ANSWER.iter().any(|part| is_of(part))
    }
}

/// Whether a word of `name` begins with `part`, or the name has it where that is long enough not to be by chance.
fn begins_a_word(name: &str, part: &str) -> bool {
    name.match_indices(part).any(|(at, _)| {
        let before = name.get(..at).and_then(|before| before.chars().next_back());
        part.len() > 4 || before.is_none_or(|letter| !letter.is_alphanumeric())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_model_is_named_in_short() {
        let named = |name: &str| Model {
            name: name.to_owned(),
            ..Model::default()
        };
        for (name, short) in [
            ("/models/qwen/tiny.gguf", "tiny.gguf"),
            ("models/tiny.gguf", "tiny.gguf"),
            (r"C:\models\tiny.gguf", "tiny.gguf"),
            ("./tiny/", "tiny"),
            ("Qwen/Qwen3-8B", "Qwen/Qwen3-8B"),
            ("hf.co/unsloth/Qwen3:Q4_K_M", "hf.co/unsloth/Qwen3:Q4_K_M"),
            ("llama3", "llama3"),
            ("/", "/"),
        ] {
            assert_eq!(named(name).short_name(), short);
            assert!(
                named(name).is_named(short) && named(name).is_named(name),
                "{name}"
            );
        }
        assert!(named("/models/tiny.gguf").is_named("tiny"));
        assert!(named("llama3:latest").is_named("llama3"));
        assert!(!named("Qwen/Qwen3-8B").is_named("Qwen3-8B"));
    }

    #[test]
    fn models_that_embed_do_not_answer() {
        let named = |name: &str| Model {
            name: name.to_owned(),
            ..Model::default()
        };
        for name in [
            "text-embedding-nomic-embed-text-v1.5",
            "nomic-embed-text:latest",
            "BAAI/bge-m3",
            "bge-reranker-v2-m3",
            "intfloat/e5-large",
            "all-minilm:22m",
            "openai/whisper-large-v3",
            "tts-1",
        ] {
            assert!(!named(name).answers(), "{name}");
        }
        for name in [
            "qwen3:8b",
            "llama3.2",
            "gpt-4o",
            "dilbert-7b",
            "",
            "deepseek-r1:7b",
            "gemma3",
        ] {
            assert!(named(name).answers(), "{name}");
        }
        let family = Model {
            family: Some("nomic-bert".to_owned()),
            ..named("mine")
        };
        assert!(!family.answers());
    }

    #[test]
    fn a_dialect_has_a_plain_name() {
        for (json, fine) in [
            ("\"ollama\"", true),
            ("\"llama-3\"", true),
            ("\"\"", false),
            ("\"Ollama\"", false),
            ("\"a\\u001bb\"", false),
        ] {
            let read: Result<DialectId, _> = serde_json::from_str(json);
            assert_eq!(read.is_ok(), fine, "{json}");
            if let Ok(id) = read {
                assert_eq!(serde_json::to_string(&id).unwrap(), json);
            }
        }
    }
}
