//! `tokometer doctor`: what can be measured on this machine, and how to fix the rest.

use std::io::IsTerminal as _;
use std::time::Duration;

use clap::Args;
use color_eyre::eyre::{Result, WrapErr as _};

use crate::cli::PlaceArgs;
use crate::cli::output::{self, screen_runtime};
use crate::cli::server::{AccessArgs, Address};
use crate::dialect::{Access, DIALECTS, DiscoverError};
use crate::probe::doctor::{Probes, Report, run_checks};
use crate::probe::gpu;

/// The flags of `doctor`.
#[derive(Debug, Args, Clone)]
pub struct DoctorArgs {
    /// Print the report as JSON
    #[arg(long)]
    pub json: bool,
    /// Server to check besides the usual ones; exit with 1 if it does not answer
    #[arg(long, value_name = "URL")]
    pub url: Option<String>,
    /// What lets it in.
    #[command(flatten)]
    pub access: AccessArgs,
    /// Where the sources look.
    #[command(flatten)]
    pub places: PlaceArgs,
}

/// How long the slowest source is waited for.
const PATIENCE: Duration = Duration::from_secs(6);
/// How long a server may take to say who it is.
const PROBE: Duration = Duration::from_secs(2);
/// The largest level of the study.
const USERS: u32 = 256;

/// Checks this machine and prints the result; 0 where a run is possible, else 1.
pub(crate) fn doctor(args: &DoctorArgs) -> Result<u8> {
    let address = Address::requested(args.url.as_deref(), false)?;
    let access = args.access.access(&address)?;
    let asked = address.source.map(|_| address.url);
    let own = asked.clone();
    let runtime = screen_runtime()?;
    let probe = |url: &str| {
        // Servers that were only found get no key.
        let none = Access::default();
        let is_asked = own.as_deref() == Some(url);
        let access = if is_asked { &access } else { &none };
        let found = async {
            let found = crate::dialect::discover(url, None, access);
            tokio::time::timeout(PROBE, found).await
        };
        match runtime.block_on(found) {
            Ok(Ok(found)) => Ok(found
                .server
                .unwrap_or_else(|| found.dialect.id().to_string())),
            Ok(Err(DiscoverError::NoAnswer(why))) => Err(why),
            Ok(Err(error)) => Err(error.to_string()),
            Err(_) => Err(format!("no answer within {} s", PROBE.as_secs())),
        }
    };
    let places = args.places.places();
    let report = run_checks(Probes {
        sources: gpu::each_source(&places),
        tick: places.tick,
        patience: PATIENCE,
        servers: servers(asked.as_deref()),
        asked,
        probe: &probe,
        descriptors: crate::platform::descriptor_limits(),
        users: USERS,
        terminal: terminal(),
    });
    print(&report, args.json)?;
    Ok(u8::from(!report.ok))
}

/// The address that was asked for, and those where servers usually are.
fn servers(asked: Option<&str>) -> Vec<(String, String)> {
    let usual = DIALECTS.iter().flat_map(|dialect| dialect.usual_servers());
    let mut all: Vec<(String, String)> = asked
        .map(|url| (url.to_owned(), "asked for".to_owned()))
        .into_iter()
        .collect();
    for (url, name) in usual {
        if all.iter().all(|(known, _)| known != url) {
            all.push(((*url).to_owned(), (*name).to_owned()));
        }
    }
    all
}

/// What the terminal can do, as far as its variables say.
fn terminal() -> Vec<(String, String)> {
    let variable = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
    let yes_no = |yes: bool| if yes { "yes" } else { "no" }.to_owned();
    let is_terminal = std::io::stdout().is_terminal();
    let term = variable("TERM");
    let colors = match (variable("COLORTERM"), term.as_deref()) {
        _ if variable("NO_COLOR").is_some() => "none (NO_COLOR)",
        (Some(depth), _) if depth == "truecolor" || depth == "24bit" => "16 million",
        (_, Some(term)) if term.contains("256") => "256",
        (_, Some("dumb") | None) => "none",
        _ => "16",
    };
    let locale = ["LC_ALL", "LC_CTYPE", "LANG"]
        .into_iter()
        .find_map(variable);
    let unicode = locale.as_deref().map(|locale| {
        let locale = locale.to_lowercase();
        locale.contains("utf-8") || locale.contains("utf8")
    });
    let size = crossterm::terminal::size()
        .ok()
        .filter(|_| is_terminal)
        .map(|(columns, rows)| format!("{columns}×{rows} (120×30 shows all panes)"));
    let mut facts = vec![
        (
            "output".to_owned(),
            if is_terminal {
                "a terminal"
            } else {
                "no terminal, so no dashboard"
            }
            .to_owned(),
        ),
        (
            "type".to_owned(),
            term.unwrap_or_else(|| "unknown".to_owned()),
        ),
        ("colors".to_owned(), colors.to_owned()),
    ];
    facts.extend(size.map(|size| ("size".to_owned(), size)));
    facts.extend(unicode.map(|unicode| ("unicode".to_owned(), yes_no(unicode))));
    facts
}

fn print(report: &Report, json: bool) -> Result<()> {
    let text = if json {
        let mut text =
            serde_json::to_string_pretty(report).wrap_err("could not write the report as JSON")?;
        text.push('\n');
        text
    } else {
        report.text()
    };
    output::print(&text);
    Ok(())
}
