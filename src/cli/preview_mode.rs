//! What `tokometer preview` is to do, once its flags are understood.

use std::sync::Arc;
use std::time::Duration;

use color_eyre::eyre::{Result, bail};

use crate::capture::ScreenRecorder;
use crate::capture::color_scheme::ColorScheme;
use crate::cli::output::UsageError;
use crate::cli::preview_args::PreviewArgs;
use crate::event::Stamp;
use crate::plan::Limits;
use crate::tui::DashboardOptions;
use crate::tui::clock::Clock;
use crate::tui::lanes::lane_set::{FIRST_SPEEDS, Lanes, MOST_LANES};
use crate::tui::lanes::text::Script;

/// The size of a recording that is made without a screen, cells.
const SIZE: (u16, u16) = (100, 30);

/// How long a recording without an end shows the last token.
const HOLD: Duration = Duration::from_secs(2);

/// What is to be done.
#[derive(Debug)]
pub(crate) enum PreviewMode {
    /// [`plain`](crate::cli::preview_plain::plain) to standard output.
    Plain {
        /// The text.
        script: Arc<Script>,
        /// Tokens a second.
        tok_s: f64,
        /// When to end on its own.
        lasting: Option<Duration>,
    },
    /// The dashboard without a terminal, into a recording and as fast as that can be made.
    Offline {
        /// What it begins with.
        options: Box<DashboardOptions>,
        /// Cells.
        size: (u16, u16),
        /// Where it goes.
        recorder: ScreenRecorder,
    },
    /// The dashboard on the terminal.
    Screen {
        /// What it begins with.
        options: Box<DashboardOptions>,
        /// Where what is shown goes as well.
        recorder: Option<ScreenRecorder>,
    },
}

impl PreviewMode {
    /// Reads the text and creates the recording. `measured` are recorded answers that get lanes of
    /// their own; without a terminal, a recording is made offline and all else is plain.
    pub(crate) fn new(args: &PreviewArgs, measured: Vec<Script>, terminal: bool) -> Result<Self> {
        let lanes = args.speed.len() + measured.len();
        if lanes > MOST_LANES {
            bail!(UsageError::new(format!(
                "too many lanes: {lanes} (at most {MOST_LANES})"
            )));
        }
        let texts = args.texts()?;
        let offline = args.record.is_some() && (args.size.is_some() || !terminal);
        if args.plain || !terminal && !offline {
            let essay = || Arc::new(Script::essay(args.lang));
            return Ok(Self::Plain {
                script: texts.into_iter().next().unwrap_or_else(essay),
                tok_s: args.speed.first().copied().unwrap_or(FIRST_SPEEDS[0]),
                lasting: args.lasting,
            });
        }
        let recorder = match &args.record {
            None => None,
            Some(path) => Some(ScreenRecorder::create(
                path,
                ColorScheme::from_theme(&args.theme),
            )?),
        };
        let mut lanes = Lanes::new(&args.speed, texts, Limits::default(), Stamp(0));
        for script in measured {
            lanes.push_text(&script);
            lanes.push_recorded(Arc::new(script), Stamp(0));
            // What was measured is in view, whatever else has room.
            lanes.select(lanes.lanes().len().saturating_sub(1));
        }
        let slowest = Duration::from_micros(lanes.end_us());
        let options = DashboardOptions {
            theme: args.theme.clone(),
            ascii: args.ascii,
            // Selecting text is left to the terminal.
            mouse: false,
            lanes: Some(Box::new(lanes)),
            lasting: args.lasting,
            ..DashboardOptions::default()
        };
        Ok(match recorder {
            Some(recorder) if offline => Self::Offline {
                options: Box::new(DashboardOptions {
                    lasting: args.lasting.or(Some(slowest + HOLD)),
                    clock: Clock::hurried(),
                    ..options
                }),
                size: args.size.unwrap_or(SIZE),
                recorder,
            },
            recorder => Self::Screen {
                options: Box::new(options),
                recorder,
            },
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::{Answer, Piece};
    use clap::Parser;

    #[derive(Debug, Parser)]
    struct Cli {
        #[command(flatten)]
        preview: PreviewArgs,
    }

    fn mode(args: &[&str], terminal: bool) -> Result<PreviewMode> {
        let cli = Cli::parse_from(["preview"].iter().chain(args));
        let answer = Answer {
            text: "one two".to_owned(),
            pieces: vec![Piece::new(7, 5, false)],
        };
        let measured = vec![Script::recorded("4 users", &answer, false)];
        PreviewMode::new(&cli.preview, measured, terminal)
    }

    #[test]
    fn a_terminal_gets_the_lanes_and_a_pipe_the_first_of_them() {
        let PreviewMode::Screen { options, recorder } = mode(&[], true).unwrap() else {
            panic!("no screen")
        };
        let lanes = options.lanes.unwrap();
        assert_eq!(lanes.lanes().len(), 5, "four speeds and what was measured");
        assert!(recorder.is_none());
        for (args, terminal) in [
            (&["--speed", "30"][..], false),
            (&["--speed", "30,9", "--plain"], true),
        ] {
            let PreviewMode::Plain { tok_s, .. } = mode(args, terminal).unwrap() else {
                panic!("not plain")
            };
            assert!((tok_s - 30.0).abs() < f64::EPSILON);
        }
    }

    #[test]
    fn a_recording_needs_no_terminal() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("a.gif");
        let path = path.to_str().unwrap();
        let sizes = [
            (&["--record", path][..], false, SIZE),
            (&["--record", path, "--size", "80x24"], true, (80, 24)),
        ];
        for (args, terminal, expected) in sizes {
            let PreviewMode::Offline { size, .. } = mode(args, terminal).unwrap() else {
                panic!("not offline")
            };
            assert_eq!(size, expected);
        }
        let live = mode(&["--record", path, "--for", "5s"], true).unwrap();
        assert!(matches!(live, PreviewMode::Screen { recorder, .. } if recorder.is_some()));
    }

    #[test]
    fn a_recording_without_an_end_lasts_until_the_slowest_lane_is_through() {
        let directory = tempfile::tempdir().unwrap();
        let path = |name: &str| directory.path().join(name).to_str().unwrap().to_owned();
        let (text, record) = (path("a.txt"), path("a.cast"));
        std::fs::write(&text, "one two three four").unwrap();
        let args = ["--text", &text, "--speed", "2,40", "--record", &record];
        let PreviewMode::Offline { options, .. } = mode(&args, false).unwrap() else {
            panic!("not offline")
        };
        assert_eq!(
            options.lasting,
            Some(Duration::from_secs(4)),
            "4 tokens at 2 a second, and 2 s to look at them"
        );
    }

    #[test]
    fn too_many_lanes_are_said_to_be() {
        let many = vec!["9"; 33].join(",");
        let error = mode(&["--speed", &many], true).unwrap_err();
        assert_eq!(error.to_string(), "too many lanes: 34 (at most 32)");
    }
}
