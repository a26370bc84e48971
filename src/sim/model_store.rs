//! The models of the server: which are installed, which are loaded, and until when. The caller passes
//! the time; a load returns the instant at which it will be over.

use crate::sim::chance::Chance;
use crate::sim::profile::{ModelSpec, Profile};
use std::time::Duration;

/// The context a model is loaded with when the request names none, tokens; Ollama's default.
pub(super) const DEFAULT_CONTEXT: u64 = 4096;

/// How long a model stays after its last use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Keep {
    /// This long, on the client's clock: the time scale does not shorten it.
    For(Duration),
    /// Until it is unloaded.
    Forever,
}

impl Default for Keep {
    /// Ollama's five minutes.
    fn default() -> Self {
        Self::For(Duration::from_mins(5))
    }
}

/// One of the models.
#[derive(Debug)]
pub(super) struct StoredModel {
    /// What it is.
    pub(super) spec: ModelSpec,
    /// Its made-up SHA-256.
    pub(super) digest: String,
    /// Whether it is on disk.
    pub(super) installed: bool,
    loaded: Option<Loaded>,
}

#[derive(Debug, Clone, Copy)]
struct Loaded {
    ready: Duration,
    context: u64,
    users: u32,
    keep: Keep,
    last_use: Duration,
}

impl Loaded {
    fn expires(&self, now: Duration) -> Option<Duration> {
        let from = if self.users > 0 { now } else { self.last_use };
        match self.keep {
            Keep::For(keep) => Some(from.max(self.ready).saturating_add(keep)),
            Keep::Forever => None,
        }
    }

    fn gone(&self, now: Duration) -> bool {
        self.users == 0 && self.expires(now).is_some_and(|at| at <= now)
    }
}

/// A model in memory, as `/api/ps` reports it.
#[derive(Debug)]
pub(super) struct Running<'a> {
    /// Which.
    pub(super) model: &'a StoredModel,
    /// The context it is loaded with, tokens.
    pub(super) context: u64,
    /// When it will be unloaded, if nobody uses it; None for never.
    pub(super) expires: Option<Duration>,
}

/// All the models.
#[derive(Debug)]
pub(super) struct ModelStore {
    models: Vec<StoredModel>,
    load: Duration,
}

impl ModelStore {
    /// The models of a profile; a load takes `load` on the clock of the client.
    pub(super) fn new(profile: &Profile, load: Duration) -> Self {
        let stored = |spec: &ModelSpec| StoredModel {
            digest: digest(&spec.name),
            installed: spec.installed,
            loaded: None,
            spec: ModelSpec {
                name: canonical(&spec.name),
                ..spec.clone()
            },
        };
        Self {
            models: profile.models.iter().map(stored).collect(),
            load,
        }
    }

    /// The installed ones.
    pub(super) fn installed(&self) -> impl Iterator<Item = &StoredModel> {
        self.models.iter().filter(|m| m.installed)
    }

    /// The installed model of that name; `:latest` may be left out.
    pub(super) fn find(&self, name: &str) -> Option<&StoredModel> {
        self.known(name).filter(|m| m.installed)
    }

    /// The model of that name, installed or not.
    pub(super) fn known(&self, name: &str) -> Option<&StoredModel> {
        let name = canonical(name);
        self.models.iter().find(|m| m.spec.name == name)
    }

    /// Puts a model on disk.
    pub(super) fn install(&mut self, name: &str) {
        if let Some(model) = self.model(name) {
            model.installed = true;
        }
    }

    /// Takes a model into use, loading it if it is not in memory with that context, and says
    /// when it is ready and with which context.
    pub(super) fn acquire(
        &mut self,
        name: &str,
        context: Option<u64>,
        keep: Keep,
        now: Duration,
    ) -> Option<(Duration, u64)> {
        let load = self.load;
        let model = self.model(name)?;
        let most = model.spec.context;
        let old = model.loaded.filter(|l| !l.gone(now));
        let context = context.map(|c| c.clamp(1, most));
        let fits = |l: &Loaded| context.is_none_or(|c| c == l.context);
        let mut loaded = old.filter(fits).unwrap_or(Loaded {
            ready: now.saturating_add(load),
            context: context.unwrap_or(DEFAULT_CONTEXT.min(most)),
            users: old.map_or(0, |l| l.users),
            keep,
            last_use: now,
        });
        loaded.users += 1;
        loaded.keep = keep;
        model.loaded = Some(loaded);
        Some((loaded.ready, loaded.context))
    }

    /// Ends a use.
    pub(super) fn release(&mut self, name: &str, now: Duration) {
        if let Some(loaded) = self.model(name).and_then(|m| m.loaded.as_mut()) {
            loaded.users = loaded.users.saturating_sub(1);
            loaded.last_use = now;
        }
    }

    /// Takes a model out of memory as soon as nobody uses it.
    pub(super) fn unload(&mut self, name: &str, now: Duration) {
        if let Some(loaded) = self.model(name).and_then(|m| m.loaded.as_mut()) {
            loaded.keep = Keep::For(Duration::ZERO);
            loaded.last_use = now;
            loaded.ready = loaded.ready.min(now);
        }
    }

    /// What is in memory.
    pub(super) fn running(&self, now: Duration) -> impl Iterator<Item = Running<'_>> {
        self.models.iter().filter_map(move |model| {
            let loaded = model.loaded.filter(|l| l.ready <= now && !l.gone(now))?;
            Some(Running {
                model,
                context: loaded.context,
                expires: loaded.expires(now),
            })
        })
    }

    fn model(&mut self, name: &str) -> Option<&mut StoredModel> {
        let name = canonical(name);
        self.models.iter_mut().find(|m| m.spec.name == name)
    }
}

/// A name with its tag.
fn canonical(name: &str) -> String {
    if name.contains(':') {
        name.to_owned()
    } else {
        format!("{name}:latest")
    }
}

fn digest(name: &str) -> String {
    let seed = name
        .bytes()
        .fold(0, |h: u64, b| h.wrapping_mul(31).wrapping_add(b.into()));
    let mut chance = Chance::new(seed, 0);
    let [a, b, c, d] = std::array::from_fn(|_| chance.next());
    format!("{a:016x}{b:016x}{c:016x}{d:016x}")
}

#[cfg(test)]
mod tests {
    use super::*;

    const MODEL: &str = "deepseek-r1:7b";
    const LOAD: Duration = Duration::from_secs(3);
    const KEEP: Keep = Keep::For(Duration::from_mins(1));

    fn at(s: u64) -> Duration {
        Duration::from_secs(s)
    }

    fn store() -> ModelStore {
        ModelStore::new(&Profile::default(), LOAD)
    }

    fn running(store: &ModelStore, now: Duration) -> usize {
        store.running(now).count()
    }

    #[test]
    fn a_model_is_loaded_once_and_shared() {
        let mut store = store();
        assert_eq!(store.acquire(MODEL, None, KEEP, at(0)), Some((LOAD, 4096)));
        assert_eq!(store.acquire(MODEL, None, KEEP, at(1)), Some((LOAD, 4096)));
        assert_eq!((running(&store, at(2)), running(&store, at(3))), (0, 1));
    }

    #[test]
    fn it_leaves_when_its_time_is_over_but_never_in_use() {
        let mut store = store();
        store.acquire(MODEL, None, KEEP, at(0));
        assert_eq!(running(&store, at(1000)), 1);
        store.release(MODEL, at(1000));
        assert_eq!(
            store.running(at(1000)).next().unwrap().expires,
            Some(at(1060))
        );
        assert_eq!(
            (running(&store, at(1059)), running(&store, at(1060))),
            (1, 0)
        );
        let again = store.acquire(MODEL, None, Keep::Forever, at(2000));
        assert_eq!(again, Some((at(2003), 4096)));
        store.release(MODEL, at(2010));
        assert_eq!(running(&store, at(900_000)), 1);
        store.unload(MODEL, at(900_001));
        assert_eq!(running(&store, at(900_001)), 0);
    }

    #[test]
    fn another_context_loads_it_anew() {
        let mut store = store();
        store.acquire(MODEL, None, KEEP, at(0));
        let big = store.acquire(MODEL, Some(8192), KEEP, at(10));
        assert_eq!(big, Some((at(13), 8192)));
        assert_eq!(
            store.acquire(MODEL, None, KEEP, at(20)),
            Some((at(13), 8192))
        );
    }

    #[test]
    fn names_and_downloads() {
        let mut store = store();
        assert!(store.find("qwen2.5:7b").is_none() && store.find("nope").is_none());
        assert!(store.known("qwen2.5:7b").is_some());
        store.install("qwen2.5:7b");
        assert!(store.find("qwen2.5:7b").is_some());
        assert_eq!(canonical("llama3"), "llama3:latest");
        let digests: Vec<_> = store.installed().map(|m| m.digest.clone()).collect();
        assert!(digests.iter().all(|d| d.len() == 64) && digests[0] != digests[1]);
    }
}
