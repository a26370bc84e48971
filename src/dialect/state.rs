//! The pages on which a server reports its own state: its slots, the models in its memory.

use serde::Deserialize;

use crate::event::ServerSample;
use crate::text::numbers::u32_of;

/// A page with a server's state.
#[derive(Debug, Clone, Copy)]
pub struct StatePage {
    pub path: &'static str,
    pub owner: PageOwner,
    /// None where it is not such a page.
    pub read: fn(&[u8]) -> Option<ServerSample>,
}

/// Who has a page: the server, or the process that it starts for a model, at a port of this machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PageOwner {
    Server,
    Runner,
    /// The server, unless it has a runner.
    RunnerOrServer,
}

#[derive(Debug, Deserialize)]
struct Slot {
    n_ctx: Option<u64>,
    is_processing: Option<bool>,
}

/// The `/slots` of a llama-server, which Ollama's runners have too.
pub(super) fn read_slots(body: &[u8]) -> Option<ServerSample> {
    let slots: Vec<Slot> = serde_json::from_slice(body).ok()?;
    if slots.is_empty() {
        return None;
    }
    let busy = slots
        .iter()
        .map(|slot| slot.is_processing.map(usize::from))
        .sum::<Option<usize>>();
    Some(ServerSample {
        source: "/slots".to_owned(),
        slots: Some(u32_of(slots.len())),
        slots_busy: busy.map(u32_of),
        context: slots.iter().map(|slot| slot.n_ctx).sum(),
        ..ServerSample::default()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slots_are_counted() {
        let body = br#"[{"id":0,"n_ctx":4096,"is_processing":true},{"id":1,"n_ctx":4096,"is_processing":false}]"#;
        let server = read_slots(body).unwrap();
        assert_eq!((server.slots, server.slots_busy), (Some(2), Some(1)));
        assert_eq!(server.context, Some(8192));
        assert_eq!(read_slots(br#"{"error":"disabled"}"#), None);
        assert_eq!(read_slots(b"[]"), None);
    }
}
