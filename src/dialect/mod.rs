//! The wire: what servers say and how to ask them.
//!
//! A server's API is a [`Dialect`]: one file each (`ollama`, `openai`, `completions`, `anthropic`, `llama`), and one entry in
//! [`DIALECTS`]. What they share:
//!
//! - `discover`: is there a server, which one, which models ([`Discovery`]); untimed, over reqwest, by `page`s that it gets
//! - `decode`: the timed stream, bytes to tokens; `lines`, `server_sent`, `json` and `think` serve it
//! - `state`: the pages on which a server reports its own state, for the monitors
//! - `address`: where a server is, as people write it; `access`: how it is reached, with `credentials` and `tls`
//!
//! It knows no run and no screen.

mod access;
pub mod address;
mod anthropic;
mod completions;
mod credentials;
pub mod decode;
mod discover;
#[cfg(test)]
mod grammar_tests;
mod json;
pub mod lines;
mod llama;
mod ollama;
mod openai;
mod openai_servers;
mod page;
mod server_sent;
mod state;
pub mod think;
mod tls;
#[cfg(test)]
mod toy_tests;

use std::fmt;
use std::time::Duration;

use futures_util::future::BoxFuture;
use serde_json::{Map, Value};

use crate::event::{DialectId, Model, Route, Target};
use crate::plan::{Api, Plan};

use decode::{Finish, Framing, Piece, WireError};

pub use access::{Access, Http, Proxy};
pub use anthropic::Anthropic;
pub use completions::Completions;
pub use credentials::{CredentialError, Credentials};
pub use discover::{DiscoverError, discover};
pub(crate) use discover::{client, is_refusal, redirect_text};
pub(crate) use json::error_message;
pub use llama::Llama;
pub use ollama::Ollama;
pub use openai::OpenAi;
pub use state::{PageOwner, StatePage};
pub use tls::Trust;
pub(crate) use tls::{advice as tls_advice, is_http_2};

/// Every dialect, in the order in which a server is tried. The command line's values come from here too.
pub static DIALECTS: &[&dyn Dialect] = &[
    &Ollama,
    &OpenAi,
    &Completions,
    &Anthropic,
    &Llama,
    #[cfg(test)]
    &toy_tests::Toy,
];

/// The `Server` header by which the simulator betrays itself.
pub const SIMULATOR: &str = "tokometer-simulator";

/// Is called at each line of a download: the status, and the bytes so far of how many.
pub type PullProgress<'a> = &'a mut (dyn FnMut(&str, Option<(u64, u64)>) + Send);

/// How a server is spoken to.
pub trait Dialect: fmt::Debug + Send + Sync {
    /// What files of runs and the command line call it.
    fn id(&self) -> DialectId;

    /// A server that speaks it, in words: `something answers there, but not as {server}`.
    fn server(&self) -> &'static str;

    /// What it is, for the help.
    fn about(&self) -> &'static str;

    /// The path of a request that costs the server nothing: the connection is tried with it.
    fn light_path(&self) -> &'static str;

    /// The path of a request that a server answers with 503 while it loads its model.
    fn health_path(&self) -> &'static str {
        self.light_path()
    }

    /// Where such servers listen unless told otherwise, and who listens there.
    fn usual_servers(&self) -> &'static [(&'static str, &'static str)] {
        &[]
    }

    /// Whether a server may be taken for one of this dialect unasked. Where another dialect's servers speak it too, it
    /// must be asked for.
    fn is_detected(&self) -> bool {
        true
    }

    /// Whether its servers answer only for the models that they list.
    fn lists_all_models(&self) -> bool {
        false
    }

    /// Headers of its own that each request has.
    fn headers(&self) -> &'static [(&'static str, &'static str)] {
        &[]
    }

    /// The flags of `plan` that it has no way to ask for.
    fn unsupported(&self, plan: &Plan) -> Vec<&'static str>;

    /// Looks at the server at `url`; [`DiscoverError::NotSpoken`] where it speaks another dialect.
    fn discover<'a>(
        &'a self,
        http: &'a Http,
        url: &'a str,
    ) -> BoxFuture<'a, Result<Discovery, DiscoverError>>;

    /// The path of a timed request.
    fn path(&self, api: Api) -> &'static str;

    /// The body of a timed request.
    fn body(&self, model: &str, prompt: &str, plan: &Plan) -> Vec<u8>;

    /// How a streamed answer is cut into what [`Dialect::read_line`] takes.
    fn framing(&self) -> Framing {
        Framing::Lines
    }

    /// Reads a line of a streamed answer, or the data of an event, never an empty one; it notes in `finish` what the server says of the whole
    /// answer. This is the timed path: nothing may be allocated for a token.
    fn read_line<'a>(&self, line: &'a [u8], finish: &mut Finish) -> Result<Piece<'a>, WireError>;

    /// Brings `model` into the server's memory; the server's own load time, seconds, where it reports it. None where
    /// there is no such request: the first warm-up does it then.
    fn load<'a>(
        &'a self,
        _http: &'a Http,
        _url: &'a str,
        _model: &'a str,
        _patience: Option<Duration>,
    ) -> Option<BoxFuture<'a, Result<Option<f64>, DiscoverError>>> {
        None
    }

    /// Has the server download `model`. None where it cannot.
    fn pull<'a>(
        &'a self,
        _http: &'a Http,
        _url: &'a str,
        _model: &'a str,
        _progress: PullProgress<'a>,
    ) -> Option<BoxFuture<'a, Result<(), DiscoverError>>> {
        None
    }

    /// The command that downloads `model`, where a server has one.
    fn pull_command(&self, _model: &str) -> Option<String> {
        None
    }

    /// The pages with the server's state; none where it has no such page.
    fn state_pages(&self) -> &'static [StatePage] {
        &[]
    }

    /// How to have `users` requests answered at once, for a model of this `family`.
    fn slots_hint(&self, _users: u32, _family: Option<&str>) -> Option<String> {
        None
    }
}

/// Whether an error says that the server is there, but not ready: it loads its model, or is starting.
pub(crate) fn is_loading(status: u16, said: &str) -> bool {
    let said = said.to_lowercase();
    let mut words = said.split(|c: char| !c.is_alphabetic());
    status == 503 && words.any(|word| LOADING.contains(&word))
}

/// Words of servers that are not ready yet.
const LOADING: [&str; 4] = ["loading", "starting", "initializing", "warming"];

impl PartialEq for dyn Dialect {
    fn eq(&self, other: &Self) -> bool {
        self.id() == other.id()
    }
}

/// The body of a timed request: the dialect's, with the fields that the user adds.
pub fn body(dialect: &dyn Dialect, model: &str, prompt: &str, plan: &Plan) -> Vec<u8> {
    let body = dialect.body(model, prompt, plan);
    let added = &plan.options.body;
    match serde_json::from_slice(&body) {
        Ok(Value::Object(mut fields)) if !added.is_empty() => {
            merge(&mut fields, added);
            serde_json::to_vec(&fields).unwrap_or(body)
        }
        _ => body,
    }
}

/// Adds fields to an object; objects inside of it are merged, all else is replaced, and null removes.
fn merge(into: &mut Map<String, Value>, added: &Map<String, Value>) {
    for (key, value) in added {
        match (into.get_mut(key), value) {
            (Some(Value::Object(there)), Value::Object(here)) => merge(there, here),
            (_, Value::Null) => {
                into.remove(key);
            }
            _ => {
                into.insert(key.clone(), value.clone());
            }
        }
    }
}

/// Of flags, those that were given.
fn given(flags: &[(bool, &'static str)]) -> Vec<&'static str> {
    let given = flags.iter().filter(|(given, _)| *given);
    given.map(|(_, flag)| *flag).collect()
}

/// The dialect that is called so.
pub fn by_id(id: &DialectId) -> Option<&'static dyn Dialect> {
    DIALECTS.iter().copied().find(|dialect| dialect.id() == *id)
}

/// What was found at an address.
#[derive(Debug, Clone, PartialEq)]
pub struct Discovery {
    /// How it is spoken to.
    pub dialect: &'static dyn Dialect,
    /// Its base address.
    pub url: String,
    /// Name and version.
    pub server: Option<String>,
    /// Requests it answers at once, where known.
    pub slots: Option<u32>,
    /// Whether it is a simulator.
    pub simulated: bool,
    /// Whether it is there, but still loads its model; then its models may not be known.
    pub is_loading: bool,
    /// Which way it was reached.
    pub route: Route,
    /// Its models: loaded ones first, those that answer no prompt last.
    pub models: Vec<Model>,
}

impl Discovery {
    /// The same, with the model that was asked for: a server that does not list it may have it.
    #[must_use]
    pub fn with_asked(mut self, asked: Option<&str>) -> Self {
        let Some(asked) = asked.filter(|_| !self.dialect.lists_all_models()) else {
            return self;
        };
        if !self.models.iter().any(|model| model.is_named(asked)) {
            let model = Model {
                name: asked.to_owned(),
                ..Model::default()
            };
            self.models.insert(0, model);
        }
        self
    }

    /// The target for one of the found models.
    pub fn target(&self, model: &Model) -> Target {
        Target {
            dialect: self.dialect.id(),
            url: self.url.clone(),
            model: model.clone(),
            server: self.server.clone(),
            slots: self.slots,
            simulated: self.simulated,
            route: self.route.clone(),
        }
    }
}
