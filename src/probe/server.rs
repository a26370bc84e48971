//! What the server reports of itself, on the pages that its dialect has for it.

use crate::dialect::address::request_base;
use crate::dialect::{Access, Dialect, PageOwner, StatePage};
use crate::event::ServerSample;
use crate::probe::gpu::ServerPids;
use crate::probe::http::Fetch;
use crate::probe::source::{Fault, FaultKind, Observation, Pace, Source, short};

/// Ticks between two questions: a server under load has better things to do.
const EVERY: u32 = 5;

/// A server that is asked for its state, for example Ollama's `/api/ps`, a llama-server's `/slots`.
#[derive(Debug)]
pub struct ServerState {
    base: String,
    pages: &'static [StatePage],
    processes: ServerPids,
    fetch: Fetch,
    /// For the runner of its model, which is another server.
    fetch_runner: Fetch,
    round: u32,
}

impl ServerState {
    /// The server at `base`, for example `http://127.0.0.1:11434`; the port of its model runner comes from `processes`.
    /// None where the dialect has no page to ask for.
    pub fn new(
        (base, access): (&str, Access),
        dialect: &dyn Dialect,
        processes: ServerPids,
    ) -> Option<Self> {
        let pages = dialect.state_pages();
        (!pages.is_empty()).then(|| Self {
            base: base.trim_end_matches('/').to_owned(),
            pages,
            processes,
            fetch: Fetch::of(base, access),
            fetch_runner: Fetch::default(),
            round: 0,
        })
    }

    fn ask(&mut self) -> Result<Vec<Observation>, Fault> {
        let runner = self.processes.runner_port();
        let runner = runner.map(|port| format!("http://127.0.0.1:{port}"));
        let asked = self.pages.iter().filter_map(|page| {
            let runner = match page.owner {
                PageOwner::Server => None,
                PageOwner::Runner => Some(runner.as_ref()?),
                PageOwner::RunnerOrServer => runner.as_ref(),
            };
            let read = match runner {
                Some(runner) => read(&mut self.fetch_runner, runner, page),
                None => read(&mut self.fetch, request_base(&self.base), page),
            };
            Some((page, read))
        });
        let (mut seen, mut missing, mut silent) = (Vec::new(), Vec::new(), None);
        let mut answered = false;
        for (page, result) in asked {
            match result {
                Ok(sample) => {
                    answered = true;
                    seen.extend(sample.map(Observation::Server));
                }
                Err(fault) => {
                    missing.push(page.path);
                    silent = silent.or((fault.kind == FaultKind::Silent).then_some(fault));
                }
            }
        }
        match silent {
            _ if answered => Ok(seen),
            Some(fault) => Err(fault),
            None => {
                let missing = missing.join(" or ");
                Err(Fault::absent(format!("the server has no {missing}")))
            }
        }
    }
}

/// The state on `page` at `owner`; None where something else is there.
fn read(fetch: &mut Fetch, owner: &str, page: &StatePage) -> Result<Option<ServerSample>, Fault> {
    let mut body = Vec::new();
    fetch.get(&format!("{owner}{}", page.path), |piece| {
        body.extend_from_slice(piece);
    })?;
    let mut sample = (page.read)(&body);
    for model in sample.iter_mut().flat_map(|sample| &mut sample.models) {
        model.name = short(&model.name);
    }
    Ok(sample)
}

impl Source for ServerState {
    fn name(&self) -> String {
        "server".to_owned()
    }

    fn read(&mut self, _: &Pace) -> Result<Vec<Observation>, Fault> {
        let due = self.round.is_multiple_of(EVERY);
        self.round = self.round.wrapping_add(1);
        if due { self.ask() } else { Ok(Vec::new()) }
    }
}

/// What to say where a cycle has more users than the server has slots: the rest wait in line, and how
/// to change it. None where all are answered at once.
pub fn waiting_hint(
    users: u32,
    slots: Option<u32>,
    family: Option<&str>,
    dialect: &dyn Dialect,
) -> Option<String> {
    let slots = slots.filter(|slots| *slots < users)?;
    let waiting = users - slots;
    let change = dialect.slots_hint(users, family);
    let change = change.map_or_else(String::new, |change| format!(": {change}"));
    Some(format!(
        "{slots} of {users} users are answered at once, {waiting} wait in the queue{change}"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dialect::{Ollama, OpenAi};

    #[test]
    fn who_waits_is_told_how_to_change_it() {
        let hint = waiting_hint(16, Some(1), Some("qwen2"), &Ollama).unwrap();
        assert!(hint.contains("15 wait in the queue") && hint.contains("OLLAMA_NUM_PARALLEL=16"));
        let fixed = waiting_hint(16, Some(1), Some("qwen3next"), &Ollama).unwrap();
        assert!(!fixed.contains("OLLAMA_NUM_PARALLEL"));
        let runner = waiting_hint(8, Some(4), None, &OpenAi).unwrap();
        assert!(runner.contains("llama-server -np 8") && runner.contains("share the context"));
        assert_eq!(waiting_hint(4, Some(4), None, &Ollama), None);
        assert_eq!(waiting_hint(4, None, None, &Ollama), None);
    }
}
