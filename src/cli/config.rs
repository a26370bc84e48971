//! `tokometer.toml`: a user's own defaults for the flags of `run`, below the environment and the command line.
//!
//! ```toml
//! users = [1, 4, 16]
//! limit-wait = "5s"
//! theme = "light"
//! ```

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::path::{Path, PathBuf};

use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::parser::ValueSource;
use clap::{ArgAction, ArgMatches, CommandFactory as _, FromArgMatches as _};
use etcetera::BaseStrategy as _;
use toml::Spanned;

use crate::cli::values::{SERVER, SERVER_MACHINE};
use crate::cli::{Cli, CommandArgs};
use crate::dialect::address;

/// Names the file, instead of the one in the folder of settings; empty for none.
const VARIABLE: &str = "TOKOMETER_CONFIG";
/// The flag whose value is checked here: its words may hold a secret, which the parser would repeat.
const URL: &str = "url";

/// Why there is no command to run.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ConfigError {
    /// The command line is wrong, or asked for help.
    #[error(transparent)]
    Usage(#[from] clap::Error),
    /// The file cannot be used: every problem, one a line.
    #[error("{0}")]
    File(String),
}

/// The values of a file: the name of a flag, and its values in words.
type Defaults = BTreeMap<String, Vec<String>>;

/// Reads the command line, with the defaults of the user's file where there is one. A file that cannot be
/// used stops only what would use it.
pub(crate) fn parse(arguments: &[OsString]) -> Result<Cli, ConfigError> {
    match place().map_or_else(|| Ok(Defaults::new()), |file| read(&file)) {
        Ok(defaults) => Ok(apply(&defaults, arguments)?),
        Err(problems) => {
            let cli = apply(&Defaults::new(), arguments)?;
            match cli.command {
                None | Some(CommandArgs::Run(_)) => Err(ConfigError::File(problems)),
                Some(_) => Ok(cli),
            }
        }
    }
}

/// The file, if it was named or is there.
fn place() -> Option<PathBuf> {
    if let Some(named) = std::env::var_os(VARIABLE) {
        return Some(PathBuf::from(named)).filter(|named| !named.as_os_str().is_empty());
    }
    let folder = etcetera::choose_base_strategy().ok()?.config_dir();
    let file = folder.join("tokometer").join("tokometer.toml");
    file.exists().then_some(file)
}

fn read(file: &Path) -> Result<Defaults, String> {
    let name = file.display();
    let text = std::fs::read_to_string(file).map_err(|error| format!("{name}: {error}"))?;
    let table: BTreeMap<Spanned<String>, toml::Value> =
        toml::from_str(&text).map_err(|error| format!("{name}: {error}"))?;
    let (mut defaults, mut problems) = (Defaults::new(), Vec::new());
    for (key, value) in table {
        match checked(key.get_ref(), &value) {
            Ok(Some(words)) => {
                defaults.insert(key.into_inner(), words);
            }
            Ok(None) => {}
            Err(why) => {
                let before = text.get(..key.span().start).unwrap_or_default();
                let line = before.matches('\n').count() + 1;
                problems.push(format!("{name}, line {line}: {why}"));
            }
        }
    }
    if problems.is_empty() {
        Ok(defaults)
    } else {
        Err(problems.join("\n"))
    }
}

/// The words of a value, which the flag must be able to take; None for a switch that is off.
fn checked(key: &str, value: &toml::Value) -> Result<Option<Vec<String>>, String> {
    let words = match value {
        toml::Value::Array(values) => values.iter().map(word).collect::<Option<Vec<_>>>(),
        one => word(one).map(|word| vec![word]),
    };
    if let (URL, toml::Value::String(url)) = (key, value) {
        address::from_text(url).map_err(|error| format!("`{key}`: {error}"))?;
    }
    let words = words.ok_or_else(|| {
        format!("`{key}` must be a string, a number, true or false, or a list of these")
    })?;
    let is_switch = find(&Cli::command(), key)
        .is_some_and(|arg| matches!(arg.get_action(), ArgAction::SetTrue));
    let flags: Vec<String> = match (is_switch, value) {
        (true, toml::Value::Boolean(false)) => return Ok(None),
        (true, toml::Value::Boolean(true)) => vec![format!("--{key}")],
        (true, _) => return Err(format!("`{key}` is a switch: true or false")),
        (false, _) => words.iter().map(|word| format!("--{key}={word}")).collect(),
    };
    let tried = Cli::command()
        .args_override_self(true)
        .try_get_matches_from(std::iter::once("tokometer".to_owned()).chain(flags));
    match tried {
        Ok(_) => Ok(Some(words)),
        // Alone it lacks, or contradicts, what other flags say.
        Err(error) => match error.kind() {
            ErrorKind::MissingRequiredArgument | ErrorKind::ArgumentConflict => Ok(Some(words)),
            ErrorKind::UnknownArgument | ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => {
                Err(unknown(key, &error))
            }
            _ => Err(format!("`{key}`: {}", cause(&error))),
        },
    }
}

fn word(value: &toml::Value) -> Option<String> {
    match value {
        toml::Value::String(text) => Some(text.clone()),
        toml::Value::Integer(number) => Some(number.to_string()),
        toml::Value::Float(number) => Some(number.to_string()),
        toml::Value::Boolean(switch) => Some(switch.to_string()),
        _ => None,
    }
}

fn unknown(key: &str, error: &clap::Error) -> String {
    let alike = match error.get(ContextKind::SuggestedArg) {
        Some(ContextValue::String(flag)) => {
            format!(" (`{}`?)", flag.trim_start_matches('-'))
        }
        _ => String::new(),
    };
    format!("`{key}` is not a flag of `tokometer run`{alike}")
}

/// What is wrong with a value, without the flag's name before it and the advice behind it.
fn cause(error: &clap::Error) -> String {
    let text = error.to_string();
    let line = text.lines().next().unwrap_or_default();
    line.strip_prefix("error: ").unwrap_or(line).to_owned()
}

fn find<'c>(command: &'c clap::Command, key: &str) -> Option<&'c clap::Arg> {
    command
        .get_arguments()
        .find(|arg| arg.get_long() == Some(key))
}

fn apply(defaults: &Defaults, arguments: &[OsString]) -> Result<Cli, clap::Error> {
    let mut matches = command_with(defaults).try_get_matches_from(arguments)?;
    let mut kept = defaults.clone();
    let command = Cli::command();
    for (flag, overruled) in overrides(&command) {
        if is_given(&command, &matches, &flag) {
            kept.retain(|key, _| *key == flag || !overruled.contains(key));
        }
    }
    if kept.len() < defaults.len() {
        matches = command_with(&kept).try_get_matches_from(arguments)?;
    }
    let mut cli = Cli::from_arg_matches(&matches)?;
    let from_file = kept.contains_key(URL) && !is_given(&command, &matches, URL);
    match &mut cli.command {
        Some(CommandArgs::Run(args)) => args.url_from_file = from_file,
        _ => cli.run.url_from_file = from_file,
    }
    Ok(cli)
}

/// Flags, and those whose values in the file they overrule: the other way to say the same, and, for a flag that
/// names a server, all that describes the server of the file.
fn overrides(command: &clap::Command) -> BTreeMap<String, BTreeSet<String>> {
    let flag = |arg: &clap::Arg| arg.get_long().map(str::to_owned);
    let mut overruled: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    let mut server = BTreeSet::new();
    for arg in command.get_arguments() {
        let Some(one) = flag(arg) else { continue };
        for other in command
            .get_arg_conflicts_with(arg)
            .into_iter()
            .filter_map(flag)
        {
            overruled
                .entry(one.clone())
                .or_default()
                .insert(other.clone());
            overruled.entry(other).or_default().insert(one.clone());
        }
        if matches!(arg.get_help_heading(), Some(SERVER | SERVER_MACHINE)) {
            server.insert(one);
        }
    }
    // What names a server is its address, and what contradicts that.
    for (flag, others) in &mut overruled {
        if server.contains(flag) && (flag == URL || others.contains(URL)) {
            others.extend(server.iter().cloned());
        }
    }
    overruled
}

/// Whether the command line, or the environment, has this flag.
fn is_given(command: &clap::Command, matches: &ArgMatches, flag: &str) -> bool {
    let Some(id) = find(command, flag).map(|arg| arg.get_id().as_str()) else {
        return false;
    };
    let here = |matches: &ArgMatches| {
        let source = matches.value_source(id);
        matches!(
            source,
            Some(ValueSource::CommandLine | ValueSource::EnvVariable)
        )
    };
    here(matches) || matches.subcommand_matches("run").is_some_and(here)
}

/// The command line with these defaults, for `run` and for no command at all.
fn command_with(defaults: &Defaults) -> clap::Command {
    let set = |mut command: clap::Command| {
        for (key, words) in defaults {
            if let Some(id) = find(&command, key).map(|arg| arg.get_id().clone()) {
                command = command.mut_arg(id, |arg| arg.default_values(words.clone()));
            }
        }
        command
    };
    set(Cli::command()).mut_subcommand("run", set)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::RunArgs;
    use rstest::rstest;

    fn run(toml: &str, line: &str) -> RunArgs {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("tokometer.toml");
        std::fs::write(&file, toml).unwrap();
        let defaults = read(&file).unwrap();
        let words: Vec<OsString> = line.split_whitespace().map(OsString::from).collect();
        let cli = apply(&defaults, &words).unwrap();
        match cli.command {
            Some(CommandArgs::Run(args)) => *args,
            _ => cli.run,
        }
    }

    const FILE: &str = "\
users = [1, 4]
limit-wait = \"5s\"
limit-speed = 30
model = \"llama3\"
url = \"http://box:8080\"
dialect = \"open-ai\"
waves = 3
ascii = true
no-mouse = false
exporter = [\"http://a\", \"http://b\"]
";

    #[rstest]
    #[case("tokometer")]
    #[case("tokometer run")]
    fn the_file_gives_the_defaults(#[case] line: &str) {
        let args = run(&FILE.replace("open-ai", "openai"), line);
        let plan = args.plan().unwrap();
        assert_eq!(plan.levels, [1, 4]);
        assert!((plan.limits.wait_s - 5.0).abs() < 1e-9);
        assert!((plan.limits.speed_tok_s - 30.0).abs() < 1e-9);
        assert_eq!(plan.shape, crate::plan::CycleShape::Waves(3));
        assert_eq!(args.url.as_deref(), Some("http://box:8080"));
        assert!(args.look.ascii && !args.look.no_mouse);
        assert_eq!(args.monitors.sources.exporters, ["http://a", "http://b"]);
    }

    #[test]
    fn the_command_line_goes_first() {
        let file = FILE.replace("open-ai", "openai");
        let args = run(&file, "tokometer --users 2 --duration 60s");
        let plan = args.plan().unwrap();
        assert_eq!(plan.levels, [2]);
        assert_eq!(plan.shape, crate::plan::CycleShape::DurationS(60.0));
        // Another server has other models.
        let args = run(&file, "tokometer run --sim");
        assert!(args.sim && args.url.is_none() && args.model.is_none() && args.dialect.is_none());
        let args = run(&file, "tokometer --url http://other --model mine");
        assert_eq!(args.model.as_deref(), Some("mine"));
        assert_eq!(args.dialect, None);
    }

    #[test]
    fn what_belongs_to_a_server_is_what_its_headings_hold() {
        let overruled = overrides(&Cli::command());
        let set = |flags: &[&str]| flags.iter().map(|flag| (*flag).to_owned()).collect();
        let server: BTreeSet<String> = set(&[
            "active-bytes",
            "api",
            "api-key-env",
            "api-key-file",
            "bandwidth",
            "basic-auth-env",
            "basic-auth-file",
            "ca",
            "dialect",
            "exporter",
            "header",
            "http2",
            "insecure",
            "model",
            "proxy",
            "pull",
            "remote",
            "sim",
            "url",
        ]);
        assert_eq!((&overruled["url"], &overruled["sim"]), (&server, &server));
        let keys = ["api-key-file", "basic-auth-env", "basic-auth-file"];
        assert_eq!(overruled["api-key-env"], set(&keys));
        assert_eq!(overruled["prompt"], set(&["prompts"]));
        assert_eq!(overruled["duration"], set(&["waves"]));
    }

    #[test]
    fn what_is_wrong_is_told_with_its_line() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("tokometer.toml");
        let wrong = "users = [1]\nuser = 4\n\nlimit-wait = \"soon\"\nascii = 1\nwaves = { a = 1 }\nurl = \"http://me:secret@box\"\n";
        std::fs::write(&file, wrong).unwrap();
        let problems = read(&file).unwrap_err();
        let problems = problems.replace(&file.display().to_string(), "FILE");
        let mut lines: Vec<&str> = problems.lines().collect();
        lines.sort_unstable();
        assert_eq!(lines.len(), 5, "{problems}");
        assert_eq!(
            lines[0],
            "FILE, line 2: `user` is not a flag of `tokometer run` (`users`?)"
        );
        assert!(
            lines[1].starts_with("FILE, line 4: `limit-wait`: invalid value 'soon'"),
            "{problems}"
        );
        assert_eq!(lines[2], "FILE, line 5: `ascii` is a switch: true or false");
        assert!(
            lines[3].starts_with("FILE, line 6: `waves` must be"),
            "{problems}"
        );
        assert!(
            lines[4].starts_with("FILE, line 7: `url`: the address of box contains"),
            "{problems}"
        );
        std::fs::write(&file, "users = [1\n").unwrap();
        assert!(
            read(&file).unwrap_err().contains("line 1"),
            "toml says where"
        );
    }
}
