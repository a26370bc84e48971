//! The flags of whatever opens the dashboard, or does without.

use std::io::IsTerminal as _;

use clap::Args;

/// How a run is shown.
#[derive(Debug, Args, Clone, Default)]
#[expect(clippy::struct_excessive_bools, reason = "flags are switches")]
pub struct LookArgs {
    /// No dashboard: progress lines and a final table
    #[arg(long, help_heading = "Output")]
    pub headless: bool,
    /// No dashboard: the summary as JSON on standard output, progress on standard error
    #[arg(long, help_heading = "Output")]
    pub json: bool,
    /// Colors
    #[arg(long, value_parser = crate::tui::theme::Theme::NAMES, help_heading = "Output")]
    pub theme: Option<String>,
    /// Use only ASCII characters
    #[arg(long, help_heading = "Output")]
    pub ascii: bool,
    /// Leave the mouse to the terminal, so that text can be selected
    #[arg(long, help_heading = "Output")]
    pub no_mouse: bool,
}

impl LookArgs {
    /// Whether there is to be a dashboard: it needs a terminal that can be drawn on and keys that can be read.
    pub fn wants_dashboard(&self) -> bool {
        can_draw() && std::io::stdin().is_terminal() && !self.headless && !self.json
    }
}

/// Whether standard output is a terminal that can be drawn on.
pub(crate) fn can_draw() -> bool {
    let is_dumb = std::env::var_os("TERM").is_some_and(|term| term == "dumb");
    std::io::stdout().is_terminal() && !is_dumb
}
