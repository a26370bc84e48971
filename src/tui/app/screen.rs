//! What the dashboard shows besides panes.

/// What the dashboard shows besides panes of a run.
#[derive(Debug, Clone, PartialEq)]
pub enum Screen {
    /// Looking for a server.
    Searching {
        /// The address it tries.
        url: Option<String>,
    },
    /// No usable server was found.
    NotFound {
        /// Each address tried, and what went wrong there.
        tried: Vec<(String, String)>,
    },
    /// A server answered; nothing runs yet.
    Ready,
    /// There is no session: only runs that were recorded are looked at.
    Archive,
    /// A run: being started, in progress, or over.
    Run(RunProgress),
}

/// How far a run is, as the session tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RunProgress {
    /// It was asked for.
    Starting,
    /// It is running.
    Going,
    /// It is over, and all its events have come.
    Over,
    /// It was recorded, and is played again.
    Replay,
}

/// A download in progress.
#[derive(Debug, Clone, PartialEq)]
pub struct Download {
    /// The model.
    pub model: String,
    /// What the server says it does.
    pub status: String,
    /// Bytes so far and in all, where known.
    pub bytes: Option<(u64, u64)>,
}
