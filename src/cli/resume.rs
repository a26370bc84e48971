//! `tokometer resume`.

use crate::cli::display::{dashboard, looks, without_dashboard, write_reports};
use crate::cli::output::{complain, screen_runtime, usage};
use crate::cli::report::WhichRun;
use crate::cli::{LookArgs, SourceArgs};
use crate::dialect::{address, by_id};
use crate::headless::HeadlessOptions;
use crate::session::serve;
use crate::session::serve::SessionOptions;
use crate::sim::SimConfig;
use crate::store::Resume;
use crate::tui;
use clap::Args;
use color_eyre::eyre::{Result, WrapErr as _};

/// The flags of `resume`. What is asked stands in the run: its plan is not changed.
#[derive(Debug, Args, Clone)]
pub struct ResumeArgs {
    /// Which run
    #[command(flatten)]
    pub which: WhichRun,
    /// Server address [default: that of the run]
    #[arg(long, value_name = "URL", help_heading = "Server")]
    pub url: Option<String>,
    /// Fault of the simulated server, for example cut:every=5,after=10 (repeatable)
    #[arg(long = "fault", value_name = "FAULT", help_heading = "Server")]
    pub faults: Vec<crate::sim::Fault>,
    /// What is measured beside the requests.
    #[command(flatten)]
    pub sources: SourceArgs,
    /// How it is shown.
    #[command(flatten)]
    pub look: LookArgs,
}

/// Goes on with a run that was broken off.
pub(crate) fn resume(args: &ResumeArgs) -> Result<u8> {
    let found = args.which.directory().and_then(|at| Resume::of(&at));
    let run = match found {
        Ok(run) => run,
        Err(error) => {
            complain(&format!("error: {error}"));
            return Ok(1);
        }
    };
    let Some(dialect) = by_id(&run.info.target.dialect) else {
        let id = &run.info.target.dialect;
        complain(&format!(
            "error: this version does not know the API `{id}` of this run"
        ));
        return Ok(1);
    };
    let url = match &args.url {
        Some(url) => match address::from_url(url) {
            Ok(url) => url,
            Err(error) => return Ok(usage(&error)),
        },
        None => run.info.target.url.clone(),
    };
    // The simulated server of a run ended with it.
    let simulate = run.info.simulated && args.url.is_none();
    let mut plan = run.info.plan.clone();
    plan.levels.clone_from(&run.levels);
    let runs = run.directory.parent().map(std::path::Path::to_owned);
    let options = SessionOptions {
        url,
        dialect: Some(dialect),
        simulator: SimConfig {
            time_scale: plan.time_scale,
            faults: args.faults.clone(),
            ..SimConfig::default()
        },
        runs: runs.clone(),
        reports: Some(write_reports),
    };
    let session = serve::start_with(options, Some(args.sources.setup()))
        .wrap_err("could not start the threads of the load")?;
    let model = Some(run.info.target.model.name.clone());
    if args.look.wants_dashboard() {
        let options = tui::DashboardOptions {
            plan,
            simulated: simulate,
            model,
            archive: runs.clone(),
            runs,
            resume: Some(run.directory),
            ..looks(&args.look)
        };
        screen_runtime()?.block_on(dashboard(options, session))
    } else {
        let options = HeadlessOptions {
            plan,
            model,
            simulate,
            json: args.look.json,
            pull: false,
            resume: Some(run.directory),
        };
        screen_runtime()?.block_on(without_dashboard(options, session))
    }
}
