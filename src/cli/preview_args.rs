//! The flags of `tokometer preview`.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use clap::Args;
use strum::IntoEnumIterator;

use crate::capture::Format;
use crate::cli::output::RunsDir;
use crate::store::recordings::Rank;
use crate::tui::lanes::lane_set::FIRST_SPEEDS;
use crate::tui::lanes::pace::SPEEDS;
use crate::tui::lanes::text::{Language, Script};
use crate::tui::theme::Theme;

/// Flags of `tokometer preview`, as they were given.
#[derive(Debug, Clone, PartialEq, Args)]
pub struct PreviewArgs {
    /// Speeds of the lanes, tokens per second
    #[arg(long, value_delimiter = ',', value_parser = tok_s, default_values_t = FIRST_SPEEDS)]
    pub speed: Vec<f64>,

    /// Replay this text instead of the essay; `-` reads standard input
    #[arg(long, value_name = "FILE")]
    pub text: Option<PathBuf>,

    /// Language of the built-in essay
    #[arg(long, value_enum, default_value_t)]
    pub lang: Language,

    /// Add a lane for each level of this run: a path, a name, the beginning of a name, or `latest`
    #[arg(long, value_name = "RUN", conflicts_with = "plain")]
    pub run: Option<String>,

    /// Which answer of each level of the run
    #[arg(long, value_enum, default_value_t = Rank::Median, requires = "run")]
    pub rank: Rank,

    /// Record into a .cast, .gif or .svg file
    #[arg(long, value_name = "FILE", value_parser = recording)]
    pub record: Option<PathBuf>,

    /// Record without a screen, as fast as possible, in this size
    #[arg(long, value_name = "WxH", value_parser = size, requires = "record")]
    pub size: Option<(u16, u16)>,

    /// Stop after this long, for example 15s [default: a recording ends with its slowest lane]
    #[arg(long = "for", value_name = "TIME", value_parser = humantime::parse_duration)]
    pub lasting: Option<Duration>,

    /// Write one lane (the first speed) to standard output, repeatedly until stopped
    #[arg(long, conflicts_with_all = ["record", "size"])]
    pub plain: bool,

    /// Colors: dark, light or mono
    #[arg(long, default_value = "dark", value_parser = Theme::NAMES)]
    pub theme: String,

    /// Use only ASCII characters
    #[arg(long)]
    pub ascii: bool,

    /// Where runs are kept, for the Runs view
    #[command(flatten)]
    pub runs_dir: RunsDir,
}

impl PreviewArgs {
    /// The texts: the one asked for, then the essays.
    pub fn texts(&self) -> io::Result<Vec<Arc<Script>>> {
        let mut texts = Vec::new();
        if let Some(path) = &self.text {
            texts.push(Arc::new(read(path)?));
        }
        let mut languages: Vec<Language> = Language::iter().collect();
        languages.sort_by_key(|language| *language != self.lang);
        texts.extend(
            languages
                .into_iter()
                .map(|language| Arc::new(Script::essay(language))),
        );
        Ok(texts)
    }

    /// The styles.
    pub fn theme(&self) -> Theme {
        Theme {
            ascii: self.ascii,
            ..Theme::named(&self.theme)
        }
    }
}

fn read(path: &Path) -> io::Result<Script> {
    if path == Path::new("-") {
        return Script::read("standard input", io::stdin().lock());
    }
    let name = path
        .file_name()
        .unwrap_or(path.as_os_str())
        .to_string_lossy();
    let named =
        |error: io::Error| io::Error::new(error.kind(), format!("{}: {error}", path.display()));
    Script::read(&name, File::open(path).map_err(named)?).map_err(named)
}

/// A speed: any positive number of tokens a second.
fn tok_s(text: &str) -> Result<f64, String> {
    let (slowest, fastest) = SPEEDS;
    match text.trim().parse::<f64>() {
        Ok(speed) if (slowest..=fastest).contains(&speed) => Ok(speed),
        Ok(_) => Err(format!(
            "must be between {slowest} and {fastest} tokens per second"
        )),
        Err(_) => Err(format!("{text:?} is not a number")),
    }
}

/// The path of a recording, whose ending names a format.
pub(crate) fn recording(text: &str) -> Result<PathBuf, String> {
    let path = PathBuf::from(text);
    Format::from_path(&path).map(|_| path)
}

/// A size in cells, as `120x40`.
pub(crate) fn size(text: &str) -> Result<(u16, u16), String> {
    let parsed = text.split_once('x').and_then(|(width, height)| {
        Some((width.parse::<u16>().ok()?, height.parse::<u16>().ok()?))
    });
    parsed
        .filter(|&(width, height)| (1..=500).contains(&width) && (1..=200).contains(&height))
        .ok_or_else(|| {
            "must be WIDTHxHEIGHT in cells, for example 120x40, up to 500x200".to_owned()
        })
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;
    use rstest::rstest;

    #[derive(Debug, Parser)]
    struct Cli {
        #[command(flatten)]
        preview: PreviewArgs,
    }

    fn parsed(args: &[&str]) -> Result<PreviewArgs, clap::Error> {
        let line = ["preview"].iter().chain(args).copied();
        Cli::try_parse_from(line).map(|cli| cli.preview)
    }

    #[test]
    fn without_a_flag_there_are_four_lanes() {
        let args = parsed(&[]).unwrap();
        assert_eq!(args.speed, FIRST_SPEEDS);
        assert_eq!(args.texts().unwrap()[0].name, "essay");
    }

    #[test]
    fn speeds_are_a_list() {
        let args = parsed(&["--speed", "9.1,19.9,30.7,55,100", "--lang", "pt"]).unwrap();
        assert_eq!(args.speed, [9.1, 19.9, 30.7, 55.0, 100.0]);
        assert_eq!(args.texts().unwrap()[0].name, "ensaio");
    }

    #[rstest]
    #[case(&["--speed", "0"], "must be between")]
    #[case(&["--speed", "-3"], "unexpected argument")]
    #[case(&["--speed", "NaN"], "must be between")]
    #[case(&["--speed", "inf"], "must be between")]
    #[case(&["--speed", "9,,20"], "is not a number")]
    #[case(&["--speed", "fast"], "is not a number")]
    #[case(&["--record", "demo.mp4"], "a recording ends in")]
    #[case(&["--record", "demo.gif", "--size", "0x10"], "must be WIDTHxHEIGHT")]
    #[case(&["--size", "80x24"], "--record")]
    #[case(&["--plain", "--record", "a.gif"], "cannot be used with")]
    #[case(&["--plain", "--run", "a"], "cannot be used with")]
    #[case(&["--theme", "pink"], "possible values")]
    fn what_is_wrong_is_said(#[case] args: &[&str], #[case] message: &str) {
        let error = parsed(args).unwrap_err().to_string();
        assert!(error.contains(message), "{error}");
    }

    #[test]
    fn a_text_that_is_not_there_or_empty_is_an_error_with_its_name() {
        let missing = parsed(&["--text", "/nowhere/a.txt"])
            .unwrap()
            .texts()
            .unwrap_err();
        assert!(missing.to_string().contains("/nowhere/a.txt"), "{missing}");
        let file = tempfile::NamedTempFile::new().unwrap();
        let empty = parsed(&["--text", file.path().to_str().unwrap()])
            .unwrap()
            .texts();
        assert!(empty.unwrap_err().to_string().contains("has no text"));
    }
}
