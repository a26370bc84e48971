//! `tokometer note RUN`: what a person says of a run.

use clap::Args;
use color_eyre::eyre::Result;

use crate::cli::output::{UsageError, print};
use crate::cli::report::WhichRun;
use crate::event::RunInfo;
use crate::store::{amend, read_info};
use crate::text::numbers::or_unknown;
use crate::text::sanitize::one_line;

/// The longest remark, characters.
const LONGEST: usize = 2000;

/// What can be said of a run.
#[derive(Debug, Args, Clone, Default, PartialEq)]
pub struct RemarkArgs {
    /// Title of the report ("" removes it)
    #[arg(long, value_name = "TEXT", value_parser = remark)]
    pub title: Option<String>,
    /// Machine that the server ran on, for example "Apple M2 Pro, 16 GB" ("" removes it)
    #[arg(long, value_name = "TEXT", value_parser = remark)]
    pub hardware: Option<String>,
    /// Requests that the server answers at once; of an imported run, which cannot know it
    #[arg(long, value_name = "N", value_parser = crate::cli::users)]
    pub slots: Option<u32>,
}

impl RemarkArgs {
    /// Writes down what was given; what is empty goes.
    pub(crate) fn apply(&self, note: Option<&String>, info: &mut RunInfo) {
        let set = |field: &mut Option<String>, given: Option<&String>| {
            if let Some(given) = given {
                *field = Some(given.trim().to_owned()).filter(|text| !text.is_empty());
            }
        };
        set(&mut info.remarks.title, self.title.as_ref());
        set(&mut info.remarks.hardware, self.hardware.as_ref());
        set(&mut info.remarks.note, note);
        info.target.slots = self.slots.or(info.target.slots);
    }
}

/// A remark.
pub(crate) fn remark(text: &str) -> Result<String, String> {
    if text.chars().count() > LONGEST {
        return Err(format!("must be at most {LONGEST} characters"));
    }
    Ok(text.to_owned())
}

/// The flags of `note`.
#[derive(Debug, Args, Clone)]
pub struct NoteArgs {
    /// Which run
    #[command(flatten)]
    pub which: WhichRun,
    /// What to say of it in its reports ("" removes it); without any flag, what is said already is printed
    #[arg(value_name = "TEXT", value_parser = remark)]
    pub note: Option<String>,
    /// What else is said
    #[command(flatten)]
    pub remarks: RemarkArgs,
}

/// Changes what is said of a run, or prints it; returns the exit code.
pub(crate) fn run_note(args: &NoteArgs) -> Result<u8> {
    let directory = args.which.directory()?;
    let asks = args.note.is_none() && args.remarks == RemarkArgs::default();
    let info = if asks {
        read_info(&directory)?
    } else {
        if args.remarks.slots.is_some() && read_info(&directory)?.imported.is_none() {
            let why = "--slots is for imported runs: this one asked its server";
            return Err(UsageError::new(why).into());
        }
        amend(&directory, |info| {
            args.remarks.apply(args.note.as_ref(), info);
        })?
    };
    let said = [
        ("title", info.remarks.title),
        ("note", info.remarks.note),
        ("hardware", info.remarks.hardware),
        ("slots", info.target.slots.map(|slots| slots.to_string())),
    ];
    for (name, text) in said {
        print(&format!(
            "{name:<9} {}\n",
            one_line(&or_unknown(text), LONGEST)
        ));
    }
    if !asks {
        print(&format!(
            "`tokometer report {}` writes its reports anew\n",
            one_line(&args.which.run, 200)
        ));
    }
    Ok(0)
}
