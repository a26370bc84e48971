//! The pages that servers are known by: what a page says is taken where it can be read; anything else is absent.

use bytes::Bytes;
use reqwest::StatusCode;
use reqwest::header::{HeaderMap, SERVER};
use serde_json::Value;

use crate::dialect::discover::{
    DiscoverError, PATIENCE, error_text, is_refusal, status_text, web_page,
};
use crate::dialect::json::error_message;
use crate::dialect::{Http, is_loading};
use crate::text::sanitize::one_line;

/// The longest words of a page that are shown.
const LONGEST: usize = 120;

/// A page as it came.
pub(crate) struct Page {
    pub(crate) status: StatusCode,
    headers: HeaderMap,
    /// The status in words, and where it leads.
    pub(crate) said: String,
    body: Bytes,
}

impl Page {
    /// Gets a page; tried again once where a kept connection had gone stale.
    pub(crate) async fn get(http: &Http, url: &str) -> Result<Self, DiscoverError> {
        let mut answer = Self::try_get(http, url).await;
        if let Err(error) = &answer
            && !error.is_timeout()
            && !error.is_connect()
        {
            answer = Self::try_get(http, url).await;
        }
        answer.map_err(|error| DiscoverError::NoAnswer(error_text(&error)))
    }

    async fn try_get(http: &Http, url: &str) -> Result<Self, reqwest::Error> {
        let answer = http.get(url).timeout(PATIENCE).send().await?;
        Ok(Self {
            status: answer.status(),
            headers: answer.headers().clone(),
            said: status_text(&answer),
            body: answer.bytes().await?,
        })
    }

    /// What the page says, if it is a success and JSON.
    pub(crate) fn json(&self) -> Option<Value> {
        let body = self.status.is_success().then_some(&self.body)?;
        serde_json::from_slice(body).ok()
    }

    /// What the page says, if it is a success.
    #[cfg(test)]
    pub(crate) fn text(&self) -> Option<String> {
        let body = self.status.is_success().then_some(&self.body)?;
        Some(String::from_utf8_lossy(body).into_owned())
    }

    /// Who says it.
    pub(crate) fn server(&self) -> Option<&str> {
        self.headers.get(SERVER)?.to_str().ok()
    }

    /// Whether the server wants a key, or another one.
    pub(crate) fn is_refusal(&self) -> bool {
        is_refusal(self.status)
    }

    /// Whether the server is there, but not ready.
    pub(crate) fn is_loading(&self) -> bool {
        is_loading(self.status.as_u16(), &error_message(&self.body))
    }

    /// What the page is, where it is not what was wanted.
    pub(crate) fn words(&self) -> String {
        if !self.status.is_success() {
            let words = error_message(&self.body);
            return format!("{}: {words}", self.said);
        }
        if let Some(page) = web_page(&self.body) {
            return page;
        }
        let text = String::from_utf8_lossy(&self.body);
        match self.json().map(|_| error_message(&self.body)) {
            Some(words) => format!("other JSON: {words}"),
            None => format!("not JSON: {}", one_line(&text, LONGEST)),
        }
    }
}

/// What a page says, or nothing.
pub(crate) async fn fact(http: &Http, url: String) -> Option<Value> {
    Page::get(http, &url).await.ok()?.json()
}

/// The objects of a list.
pub(crate) fn objects<'a>(page: &'a Value, key: &str) -> impl Iterator<Item = &'a Value> {
    let list = page.get(key).and_then(Value::as_array);
    list.into_iter().flatten().filter(|item| item.is_object())
}

/// A text that is there.
pub(crate) fn text(object: &Value, key: &str) -> Option<String> {
    let text = object.get(key)?.as_str()?;
    (!text.is_empty()).then(|| text.to_owned())
}

/// A count that is there: a whole number, however it is written.
pub(crate) fn count(object: &Value, key: &str) -> Option<u64> {
    let value = object.get(key)?;
    let float = || value.as_f64().filter(|n| *n >= 0.0 && n.fract() == 0.0);
    value
        .as_u64()
        .or_else(|| float().map(crate::text::numbers::floor_u64))
}

/// A whole number of requests.
pub(crate) fn slots(object: &Value, key: &str) -> Option<u32> {
    let slots = u32::try_from(count(object, key)?).ok()?;
    (slots > 0).then_some(slots)
}

/// Whether a model makes embeddings, or ranks, where its kind or its abilities tell.
pub(crate) fn embeds(kind: Option<&str>, abilities: Option<&[&str]>) -> Option<bool> {
    if let Some(kind) = kind {
        return Some(kind.starts_with("embedding") || kind.starts_with("rerank"));
    }
    let abilities = abilities.filter(|abilities| !abilities.is_empty())?;
    Some(!abilities.contains(&"completion") && !abilities.contains(&"chat"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_is_null_missing_or_of_another_kind_is_absent() {
        let page = json!({ "a": null, "b": "", "c": 4.0, "d": "4", "e": -1, "f": { "g": 1 }, "h": [1, null, {}] });
        for key in ["a", "b", "c", "none"] {
            assert_eq!(text(&page, key), None, "{key}");
        }
        for key in ["a", "b", "d", "e", "f", "none"] {
            assert_eq!(count(&page, key), None, "{key}");
        }
        assert_eq!(count(&page, "c"), Some(4));
        assert_eq!(objects(&page, "h").count(), 1);
        assert_eq!(objects(&page, "a").count(), 0);
        assert_eq!(objects(&json!(["x"]), "a").count(), 0);
    }

    #[test]
    fn models_that_answer_no_prompt_are_told_apart() {
        assert_eq!(embeds(Some("embeddings"), None), Some(true));
        assert_eq!(embeds(Some("llm"), None), Some(false));
        assert_eq!(embeds(None, Some(&["embedding"])), Some(true));
        assert_eq!(
            embeds(None, Some(&["completion", "embedding"])),
            Some(false)
        );
        assert_eq!(embeds(None, Some(&[])), None);
        assert_eq!(embeds(None, None), None);
    }
}
