//! Bringing a model into memory, or onto the disk. Untimed, over reqwest.

use std::time::Duration;

use futures_util::StreamExt as _;
use serde::Deserialize;
use serde_json::json;

use crate::dialect::discover::{DiscoverError, client, plainly, read};

/// Loads `model` into Ollama's memory by an empty prompt; the server's own load time, seconds, where
/// it tells. The OpenAI dialect has no such request: there the first warm-up does it.
pub async fn load(
    url: &str,
    model: &str,
    patience: Option<Duration>,
) -> Result<Option<f64>, DiscoverError> {
    #[derive(Deserialize)]
    struct Loaded {
        load_duration: Option<u64>,
    }
    let url = format!("{url}/api/generate");
    let mut request = client()?
        .post(&url)
        .json(&json!({ "model": model, "stream": false }));
    if let Some(patience) = patience {
        request = request.timeout(patience);
    }
    let loaded: Loaded = read(&url, request.send().await).await?;
    Ok(loaded.load_duration.map(|ns| ns as f64 / 1e9))
}

/// Downloads `model` (Ollama); `progress(status, bytes so far, bytes in all)` at each line of the server.
pub async fn pull(
    url: &str,
    model: &str,
    mut progress: impl FnMut(&str, Option<(u64, u64)>),
) -> Result<(), DiscoverError> {
    #[derive(Deserialize)]
    struct Line {
        #[serde(default)]
        status: String,
        completed: Option<u64>,
        total: Option<u64>,
        error: Option<crate::dialect::json::ErrorBody>,
    }
    let url = format!("{url}/api/pull");
    let failed = |why: String| DiscoverError::Failed(format!("{url}: {why}"));
    let answer = client()?
        .post(&url)
        .json(&json!({ "model": model }))
        .send()
        .await;
    let response = answer.map_err(|error| failed(plainly(&error)))?;
    let status = response.status();
    if !status.is_success() {
        let body = response.bytes().await.unwrap_or_default();
        return Err(failed(format!(
            "{status}: {}",
            crate::dialect::json::error_message(&body)
        )));
    }
    let bytes = response
        .bytes_stream()
        .map(|part| part.map_err(std::io::Error::other));
    let reader = tokio_util::io::StreamReader::new(bytes);
    let codec =
        tokio_util::codec::LinesCodec::new_with_max_length(crate::dialect::lines::LONGEST_LINE);
    let mut lines = tokio_util::codec::FramedRead::new(reader, codec);
    let mut succeeded = false;
    while let Some(line) = lines.next().await {
        let line = line.map_err(|error| failed(error.to_string()))?;
        let line: Line = serde_json::from_str(&line).map_err(|error| failed(error.to_string()))?;
        if let Some(error) = line.error {
            return Err(failed(error.to_string()));
        }
        succeeded |= line.status == "success";
        progress(
            &line.status,
            line.total.map(|total| (line.completed.unwrap_or(0), total)),
        );
    }
    if succeeded {
        Ok(())
    } else {
        Err(failed("the download broke off".to_owned()))
    }
}
