//! Pictures of a screen, moving or still, from the buffers that were drawn.
//!
//! - `cast`: asciicast v2, for any player of terminal recordings
//! - `gif`: an animated GIF, with the bitmap font of `noto-sans-mono-bitmap` and our own `shapes`
//!   for what it lacks; `paint`: cells into pixels; `palette`: the 256 colors of it
//! - `svg`: a still picture
//! - `look`: what the theme's colors are outside a terminal
//!
//! A recorder knows nothing of what it records: it takes any buffer, with its time.

pub mod cast;
pub mod color_scheme;
pub mod gif;
mod paint;
mod palette;
pub mod shapes;
pub mod svg;

use std::fs::{File, OpenOptions};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use ratatui::buffer::Buffer;

use crate::event::Stamp;

use color_scheme::ColorScheme;

/// The kinds of recordings, by the ending of their file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, strum::EnumString, strum::Display, strum::EnumIter)]
#[strum(serialize_all = "lowercase", ascii_case_insensitive)]
pub enum Format {
    /// asciicast v2.
    Cast,
    /// Animated GIF.
    Gif,
    /// A still picture: the last frame.
    Svg,
}

impl Format {
    /// The format of a file of this name.
    pub fn from_path(path: &Path) -> Result<Self, String> {
        let ending = path.extension().and_then(|ending| ending.to_str());
        ending
            .and_then(|ending| ending.parse().ok())
            .ok_or_else(|| {
                format!(
                    "{}: a recording ends in .cast, .gif or .svg",
                    path.display()
                )
            })
    }
}

/// Pictures that a directory can hold.
const MOST_PICTURES: u32 = 9_999;

/// Writes a still picture of `buffer` into a file of `directory` that is not there yet:
/// `tokometer-1.svg` and so on. Returns its path.
pub fn still(directory: &Path, buffer: &Buffer, look: &ColorScheme) -> io::Result<PathBuf> {
    let document = svg::svg(buffer, look);
    for number in 1..=MOST_PICTURES {
        let path = directory.join(format!("tokometer-{number}.svg"));
        let created = OpenOptions::new().write(true).create_new(true).open(&path);
        match created.and_then(|mut file| file.write_all(document.as_bytes())) {
            Ok(()) => return Ok(path),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(error),
        }
    }
    Err(io::Error::other("there are 9,999 pictures already"))
}

/// A recording that is being made.
#[derive(Debug)]
pub enum ScreenRecorder {
    Cast(cast::Cast<BufWriter<File>>),
    Gif(Box<gif::Gif<BufWriter<File>>>),
    Svg {
        path: PathBuf,
        look: ColorScheme,
        last: Option<Buffer>,
    },
}

impl ScreenRecorder {
    /// Creates the file, in the format that its name ends in.
    pub fn create(path: &Path, look: ColorScheme) -> io::Result<Self> {
        let format = Format::from_path(path)
            .map_err(|message| io::Error::new(io::ErrorKind::InvalidInput, message))?;
        let file = BufWriter::new(File::create(path)?);
        Ok(match format {
            Format::Cast => Self::Cast(cast::Cast::new(file, look)),
            Format::Gif => Self::Gif(Box::new(gif::Gif::new(file, look))),
            Format::Svg => Self::Svg {
                path: path.to_owned(),
                look,
                last: None,
            },
        })
    }

    /// Takes the screen as it is from `at` on. Times ascend; the first is where the recording begins.
    pub fn frame(&mut self, at: Stamp, buffer: &Buffer) -> io::Result<()> {
        match self {
            Self::Cast(cast) => cast.frame(at, buffer),
            Self::Gif(gif) => gif.frame(at, buffer),
            Self::Svg { last, .. } => {
                *last = Some(buffer.clone());
                Ok(())
            }
        }
    }

    /// Ends the recording at `at`: the last frame is shown until then.
    pub fn finish(self, at: Stamp) -> io::Result<()> {
        match self {
            Self::Cast(cast) => cast.finish(at),
            Self::Gif(gif) => gif.finish(at),
            Self::Svg { path, look, last } => last.map_or(Ok(()), |buffer| {
                std::fs::write(path, svg::svg(&buffer, &look))
            }),
        }
    }
}
