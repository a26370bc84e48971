//! `tokometer resume`.

use clap::Args;
use color_eyre::eyre::{Result, bail};

use crate::cli::display::{follow, write_reports};
use crate::cli::report::WhichRun;
use crate::cli::server::{AccessArgs, Address};
use crate::cli::{LookArgs, SourceArgs};
use crate::dialect::by_id;
use crate::headless::HeadlessOptions;
use crate::session::serve::SessionOptions;
use crate::sim::SimConfig;
use crate::store::Resume;

/// The flags of `resume`; the plan is that of the run.
#[derive(Debug, Args, Clone)]
pub struct ResumeArgs {
    /// Which run
    #[command(flatten)]
    pub which: WhichRun,
    /// Server address [default: that of the run]
    #[arg(long, value_name = "URL", help_heading = "Server")]
    pub url: Option<String>,
    /// What lets it in.
    #[command(flatten)]
    pub access: AccessArgs,
    /// Fault to inject into the simulated server, for example cut:every=5,after=10 (repeatable)
    #[arg(long = "fault", value_name = "FAULT", help_heading = "Server")]
    pub faults: Vec<crate::sim::Fault>,
    /// What is measured beside the requests.
    #[command(flatten)]
    pub sources: SourceArgs,
    /// How it is shown.
    #[command(flatten)]
    pub look: LookArgs,
}

/// Resumes a run that was interrupted; returns the exit code.
pub(crate) fn resume(args: &ResumeArgs) -> Result<u8> {
    let run = Resume::open(&args.which.directory()?)?;
    let target = &run.info.target;
    let id = &target.dialect;
    let Some(dialect) = by_id(id) else {
        bail!("this version does not know the API `{id}` of this run");
    };
    let address = match &args.url {
        Some(url) => Address::requested(Some(url), false)?,
        // The run's own was named by the user, too; a simulated server is nobody's.
        None => Address {
            url: target.url.clone(),
            query: None,
            source: (!run.info.simulated).then_some("the run"),
        },
    };
    let mut plan = run.info.plan.clone();
    plan.levels.clone_from(&run.levels);
    let runs = run.directory.parent().map(std::path::Path::to_owned);
    let session = SessionOptions {
        access: args.access.access(&address)?,
        url: Some(address.url),
        dialect: Some(dialect),
        simulator: SimConfig {
            time_scale: plan.time_scale,
            faults: args.faults.clone(),
            ..SimConfig::default()
        },
        runs: runs.clone(),
        reports: Some(write_reports),
    };
    let asked = HeadlessOptions {
        plan,
        model: Some(target.model.name.clone()),
        // The simulated server of a run ended with it.
        simulate: run.info.simulated && args.url.is_none(),
        json: args.look.json,
        pull: false,
        resume: Some(run.directory),
        address_source: Some(match args.url {
            Some(_) => "--url",
            None => "the run",
        }),
    };
    follow(session, asked, runs, &args.sources, &args.look)
}
