//! The server under test, and what is known of its model.

use serde::{Deserialize, Serialize};

/// How a server is spoken to.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, clap::ValueEnum, strum::Display,
)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum Dialect {
    /// Ollama's native API: NDJSON over `/api/…`.
    Ollama,
    /// The OpenAI API: server-sent events over `/v1/chat/completions`.
    #[value(name = "openai")]
    #[serde(rename = "openai")]
    #[strum(serialize = "openai")]
    OpenAi,
}

/// The server under test: dialect, address, model.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Target {
    /// How it is spoken to.
    pub dialect: Dialect,
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
}
