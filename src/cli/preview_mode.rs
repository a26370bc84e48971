//! What `tokometer preview` is to do, once its flags are understood.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use crate::event::Stamp;
use crate::plan::Limits;

use crate::capture::Recorder;
use crate::capture::color_scheme::Look;
use crate::cli::preview_args::PreviewArgs;
use crate::tui::lanes::app::App;
use crate::tui::lanes::lanes::{FIRST_SPEEDS, Lanes, MOST_LANES};
use crate::tui::lanes::run_loop::Options;
use crate::tui::lanes::text::Script;

/// The size of a recording that is made without a screen, cells.
const SIZE: (u16, u16) = (100, 30);

/// What is to be done.
#[derive(Debug)]
pub enum Job {
    /// [`plain`](crate::cli::preview_plain::plain) to standard output.
    Plain {
        /// The text.
        script: Arc<Script>,
        /// Tokens a second.
        tok_s: f64,
        /// When to end by itself.
        lasting: Option<Duration>,
    },
    /// [`offline`](crate::tui::lanes::run_loop::offline).
    Offline {
        /// The lanes.
        app: Box<App>,
        /// Cells.
        size: (u16, u16),
        /// Where it goes.
        recorder: Recorder,
        /// When to end, unless with the slowest lane.
        lasting: Option<Duration>,
    },
    /// [`run`](crate::tui::lanes::run_loop::run) on the terminal.
    Screen {
        /// The lanes.
        app: Box<App>,
        /// The recorder, and when to end.
        options: Options,
    },
}

impl Job {
    /// Reads the text and creates the recording. `measured` are recorded answers that get lanes of
    /// their own; without a terminal, a recording is made offline and all else is plain.
    pub fn of(
        args: &PreviewArgs,
        measured: Vec<Script>,
        limits: Limits,
        terminal: bool,
    ) -> io::Result<Self> {
        let lanes = args.speed.len() + measured.len();
        if lanes > MOST_LANES {
            let message = format!("{lanes} lanes are more than {MOST_LANES}");
            return Err(io::Error::new(io::ErrorKind::InvalidInput, message));
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
            Some(path) => Some(Recorder::create(path, Look::of_theme(&args.theme))?),
        };
        let mut lanes = Lanes::new(&args.speed, texts, limits, Stamp(0));
        for script in measured {
            lanes.push_text(&script);
            lanes.push_recorded(Arc::new(script), Stamp(0));
            // What was measured is in view, whatever else has room.
            lanes.select(lanes.lanes().len().saturating_sub(1));
        }
        let app = Box::new(App::new(lanes, args.theme()));
        Ok(match recorder {
            Some(recorder) if offline => Self::Offline {
                app,
                size: args.size.unwrap_or(SIZE),
                recorder,
                lasting: args.lasting,
            },
            recorder => Self::Screen {
                app,
                options: Options {
                    recorder,
                    lasting: args.lasting,
                    ..Options::default()
                },
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

    fn job(args: &[&str], terminal: bool) -> io::Result<Job> {
        let cli = Cli::parse_from(["preview"].iter().chain(args));
        let answer = Answer {
            text: "one two".to_owned(),
            pieces: vec![Piece {
                end: 7,
                at_us: 5,
                thinking: false,
            }],
        };
        let measured = vec![Script::recorded("4 users", &answer, false)];
        Job::of(&cli.preview, measured, Limits::default(), terminal)
    }

    #[test]
    fn a_terminal_gets_the_lanes_and_a_pipe_the_first_of_them() {
        let Job::Screen { app, options } = job(&[], true).unwrap() else {
            panic!("no screen")
        };
        assert_eq!(
            app.lanes.lanes().len(),
            5,
            "four speeds and what was measured"
        );
        assert!(options.recorder.is_none());
        for (args, terminal) in [
            (&["--speed", "30"][..], false),
            (&["--speed", "30,9", "--plain"], true),
        ] {
            let Job::Plain { tok_s, .. } = job(args, terminal).unwrap() else {
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
            let Job::Offline { size, .. } = job(args, terminal).unwrap() else {
                panic!("not offline")
            };
            assert_eq!(size, expected);
        }
        let live = job(&["--record", path, "--for", "5s"], true).unwrap();
        assert!(matches!(live, Job::Screen { options, .. } if options.recorder.is_some()));
    }

    #[test]
    fn too_many_lanes_are_said_to_be() {
        let many = vec!["9"; 33].join(",");
        let error = job(&["--speed", &many], true).unwrap_err();
        assert_eq!(error.to_string(), "34 lanes are more than 32");
    }
}
