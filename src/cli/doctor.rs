//! `tokometer doctor`: what can be measured on this machine, and how to fix the rest.

use std::io::IsTerminal as _;
use std::time::Duration;

use clap::Args;
use color_eyre::eyre::{Result, WrapErr as _};

use crate::cli::PlaceArgs;
use crate::cli::output::{self, screen_runtime};
use crate::cli::server::{AccessArgs, Address};
use crate::dialect::{Access, Discovery};
use crate::probe::doctor::{Probes, Report, ServerReport, run_checks};
use crate::probe::gpu;
use crate::session::search::{Search, look_around};

/// The flags of `doctor`.
#[derive(Debug, Args, Clone)]
pub struct DoctorArgs {
    /// Print the report as JSON
    #[arg(long)]
    pub json: bool,
    /// Server to check besides those found here; exit with 1 if it does not answer
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
/// The largest level of the study.
const USERS: u32 = 256;

/// Checks this machine and prints the result; 0 where a run is possible, else 1.
pub(crate) fn doctor(args: &DoctorArgs) -> Result<u8> {
    let address = Address::requested(args.url.as_deref(), false)?;
    let access = args.access.access(&address)?;
    let asked = address.source.map(|_| address.url);
    let runtime = screen_runtime()?;
    let own = asked.clone();
    let servers = || runtime.block_on(servers(own.clone(), &access));
    let places = args.places.places();
    let report = run_checks(Probes {
        sources: gpu::each_source(&places),
        tick: places.tick,
        patience: PATIENCE,
        servers: &servers,
        asked,
        descriptors: crate::platform::descriptor_limits(),
        users: USERS,
        terminal: terminal(),
    });
    print(&report, args.json)?;
    Ok(u8::from(!report.ok))
}

/// The server at the address that was asked for, and those that a run would find.
async fn servers(asked: Option<String>, access: &Access) -> Vec<ServerReport> {
    let own = async {
        let url = asked.clone()?;
        let search = Search {
            url: asked.clone(),
            dialect: None,
            access: access.clone(),
        };
        let found = match search.look().await {
            Ok(found) => Ok(found.iter().map(name).collect()),
            Err(tried) => Err(tried.into_iter().map(|(_, why)| why).collect()),
        };
        Some(report(url, "asked for".to_owned(), found))
    };
    // Servers that were only found get no key.
    let (own, around) = tokio::join!(own, look_around(None));
    let mut all: Vec<ServerReport> = own.into_iter().collect();
    for (place, result) in around {
        if all.iter().all(|known| known.url != place.url) {
            let found = result.as_ref().map(name).map_err(Clone::clone);
            all.push(report(place.url, place.who, found));
        }
    }
    all
}

fn report(url: String, usually: String, found: Result<String, String>) -> ServerReport {
    let (found, error) = match found {
        Ok(found) => (Some(found), None),
        Err(why) => (None, Some(why)),
    };
    ServerReport {
        url,
        usually,
        found,
        error,
    }
}

/// What a server calls itself, and whether it is ready.
fn name(found: &Discovery) -> String {
    let name = found.server.clone();
    let name = name.unwrap_or_else(|| found.dialect.id().to_string());
    if found.is_loading {
        format!("{name} (loading its model)")
    } else {
        name
    }
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
