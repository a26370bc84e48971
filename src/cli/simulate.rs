//! `tokometer simulate`: a simulated server.

use clap::Args;
use color_eyre::eyre::Result;

use crate::cli::output::{UsageError, print_err, screen_runtime, signal_code};
use crate::cli::values::time_scale;
use crate::platform::shutdown_signal;
use crate::sim::{Fault, Profile, SimConfig, Simulator};

/// The flags of `simulate`.
#[derive(Debug, Args, Clone)]
pub struct SimulateArgs {
    /// Port on 127.0.0.1 (0 = any free one)
    #[arg(long, default_value_t = 11434)]
    pub port: u16,
    /// Server to simulate: a built-in profile or a file
    #[arg(long, value_name = "NAME|FILE", default_value = "m2-pro")]
    pub profile: String,
    /// Run this many times faster than real time
    #[arg(long, value_parser = time_scale, value_name = "X", default_value = "1")]
    pub time_scale: f64,
    /// Fault to inject, for example cut:every=5,after=10 (repeatable)
    #[arg(long = "fault", value_name = "FAULT")]
    pub faults: Vec<Fault>,
    /// Random seed
    #[arg(long)]
    pub seed: Option<u64>,
}

pub(crate) fn simulate(args: &SimulateArgs) -> Result<u8> {
    let config = SimConfig {
        profile: profile(&args.profile).map_err(UsageError::new)?,
        time_scale: args.time_scale,
        faults: args.faults.clone(),
        seed: args.seed,
    };
    let name = config.profile.to_string();
    let simulator = Simulator::start(config, args.port)?;
    print_err(&format!(
        "SIMULATED server at {}\n{name}\nCtrl-C stops it.",
        simulator.url()
    ));
    // Listening begins inside the runtime.
    let listening = async move || shutdown_signal().await;
    let signal = screen_runtime()?.block_on(listening())?;
    simulator.stop();
    Ok(signal_code(signal))
}

/// A built-in profile by its name, or one from a file.
fn profile(name: &str) -> Result<Profile, String> {
    let wrong = |error: &dyn std::fmt::Display| format!("--profile {name}: {error}");
    if Profile::names().any(|known| known == name) || !std::path::Path::new(name).exists() {
        return Profile::named(name).map_err(|error| wrong(&error));
    }
    let text = std::fs::read_to_string(name).map_err(|error| wrong(&error))?;
    Profile::from_toml(&text).map_err(|error| wrong(&error))
}
