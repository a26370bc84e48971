//! The CSV files of the study's tool, line by line.

use crate::text::numbers::floor_u64;
use std::fs::File;
use std::path::Path;

use chrono::{DateTime, Utc};
use csv::{ReaderBuilder, StringRecord, Trim};

/// Lines of one file that are reported one by one.
const REPORTED_OF_A_FILE: usize = 3;

/// What could not be read.
#[derive(Debug, Default)]
pub(crate) struct Problems {
    sentences: Vec<String>,
}

impl Problems {
    pub(crate) fn add(&mut self, sentence: String) {
        self.sentences.push(sentence);
    }

    pub(crate) fn into_sentences(self) -> Vec<String> {
        self.sentences
    }
}

/// A row of `request_summary.csv`; times in seconds.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct RequestRow {
    pub(crate) line: u64,
    pub(crate) id: u64,
    pub(crate) ttfb_s: f64,
    pub(crate) wait_s: f64,
    /// First token → end.
    pub(crate) total_s: f64,
    pub(crate) chunks: u32,
    pub(crate) status_code: u16,
    pub(crate) status: String,
}

impl RequestRow {
    pub(crate) fn is_done(&self) -> bool {
        self.status == "Completed" && (200..300).contains(&self.status_code)
    }

    /// Sent → end, seconds.
    pub(crate) fn whole_s(&self) -> f64 {
        self.wait_s + self.total_s
    }
}

/// A row of `duration_metrics.csv`: one finished run.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct DurationRow {
    pub(crate) line: u64,
    pub(crate) end: DateTime<Utc>,
    /// The longest `TotalDuration`, seconds.
    pub(crate) max_s: f64,
}

/// A row of `gpu_metrics.csv`.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct GpuRow {
    pub(crate) at: DateTime<Utc>,
    pub(crate) usage_percent: Option<f64>,
    pub(crate) watts: Option<f64>,
    pub(crate) mhz: Option<f64>,
}

/// A row of a `process_PID_metrics.csv`; sizes in bytes.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct ProcessRow {
    pub(crate) at: DateTime<Utc>,
    pub(crate) pid: u32,
    pub(crate) cpu_percent: Option<f64>,
    pub(crate) memory_percent: Option<f64>,
    pub(crate) threads: Option<u32>,
    pub(crate) descriptors: Option<u32>,
    pub(crate) vsz_bytes: Option<u64>,
    pub(crate) rss_bytes: Option<u64>,
}

/// The names of the columns that a row needs, and how it is made from their cells.
pub(crate) trait StudyRow: Sized {
    const COLUMNS: &'static [&'static str];
    fn parse(cells: &Cells<'_>) -> Result<Self, String>;
}

/// The cells of one line.
pub(crate) struct Cells<'a> {
    record: &'a StringRecord,
    columns: &'a [usize],
    names: &'static [&'static str],
    line: u64,
}

impl Cells<'_> {
    fn text(&self, column: usize) -> Result<&str, String> {
        let place = self.columns.get(column).copied();
        place
            .and_then(|place| self.record.get(place))
            .ok_or_else(|| format!("the line ends before {}", self.name(column)))
    }

    fn name(&self, column: usize) -> &'static str {
        self.names.get(column).copied().unwrap_or_default()
    }

    fn wrong(&self, column: usize, what: &str, text: &str) -> String {
        let text = crate::text::sanitize::one_line(text, 40);
        format!("{} is {what}: \"{text}\"", self.name(column))
    }

    /// A number that is neither negative nor infinite.
    fn number(&self, column: usize) -> Result<f64, String> {
        let text = self.text(column)?;
        let number = text.parse::<f64>().ok();
        let number = number.filter(|number| number.is_finite() && *number >= 0.0);
        number.ok_or_else(|| self.wrong(column, "not a number", text))
    }

    /// A number; None for an empty cell.
    fn maybe(&self, column: usize) -> Result<Option<f64>, String> {
        match self.text(column)? {
            "" => Ok(None),
            _ => self.number(column).map(Some),
        }
    }

    fn whole(&self, column: usize) -> Result<u64, String> {
        let text = self.text(column)?;
        let whole = text.parse::<u64>().ok();
        whole.ok_or_else(|| self.wrong(column, "not a whole number", text))
    }

    fn narrow<T: TryFrom<u64>>(&self, column: usize) -> Result<T, String> {
        let whole = self.whole(column)?;
        T::try_from(whole).map_err(|_| self.wrong(column, "too large", &whole.to_string()))
    }

    fn time(&self, column: usize) -> Result<DateTime<Utc>, String> {
        let text = self.text(column)?;
        let time = DateTime::parse_from_rfc3339(text);
        time.map(|time| time.to_utc())
            .map_err(|_| self.wrong(column, "not a time", text))
    }
}

impl StudyRow for RequestRow {
    const COLUMNS: &'static [&'static str] = &[
        "RequestID",
        "TTFB",
        "TotalDuration",
        "WaitingTime",
        "TokenCount",
        "StatusCode",
        "Status",
    ];

    fn parse(cells: &Cells<'_>) -> Result<Self, String> {
        Ok(Self {
            line: cells.line,
            id: cells.whole(0)?,
            ttfb_s: cells.number(1)?,
            total_s: cells.number(2)?,
            wait_s: cells.number(3)?,
            chunks: cells.narrow(4)?,
            status_code: cells.narrow(5)?,
            status: cells.text(6)?.to_owned(),
        })
    }
}

impl StudyRow for DurationRow {
    const COLUMNS: &'static [&'static str] = &["Timestamp", "MaxDuration"];

    fn parse(cells: &Cells<'_>) -> Result<Self, String> {
        Ok(Self {
            line: cells.line,
            end: cells.time(0)?,
            max_s: cells.number(1)?,
        })
    }
}

impl StudyRow for GpuRow {
    const COLUMNS: &'static [&'static str] = &["Timestamp", "Usage%", "Power(W)", "Frequency(MHz)"];

    fn parse(cells: &Cells<'_>) -> Result<Self, String> {
        Ok(Self {
            at: cells.time(0)?,
            usage_percent: cells.maybe(1)?,
            watts: cells.maybe(2)?,
            mhz: cells.maybe(3)?,
        })
    }
}

impl StudyRow for ProcessRow {
    const COLUMNS: &'static [&'static str] = &[
        "Timestamp",
        "PID",
        "CPU%",
        "MEM%",
        "Threads",
        "FDs",
        "VSZ",
        "RSS",
    ];

    fn parse(cells: &Cells<'_>) -> Result<Self, String> {
        // `ps` counts in KiB.
        let kibibytes = |column| -> Result<Option<u64>, String> {
            let kib = cells.maybe(column)?;
            Ok(kib.map(|kib| floor_u64(kib * 1024.0)))
        };
        let count = |column| -> Result<Option<u32>, String> {
            let number = cells.maybe(column)?.map(crate::text::numbers::floor_u64);
            Ok(number.and_then(|number| u32::try_from(number).ok()))
        };
        Ok(Self {
            at: cells.time(0)?,
            pid: cells.narrow(1)?,
            cpu_percent: cells.maybe(2)?,
            memory_percent: cells.maybe(3)?,
            threads: count(4)?,
            descriptors: count(5)?,
            vsz_bytes: kibibytes(6)?,
            rss_bytes: kibibytes(7)?,
        })
    }
}

/// The rows of a file. `name` is how the file is called in messages.
pub(crate) fn read<R: StudyRow>(path: &Path, name: &str, problems: &mut Problems) -> Vec<R> {
    let (mut rows, mut wrong) = (Vec::new(), Vec::new());
    let opened = File::open(path).map_err(|error| format!("{name}: {error}"));
    let done = opened.and_then(|file| read_lines(file, name, &mut rows, &mut wrong));
    let more = wrong.len().saturating_sub(REPORTED_OF_A_FILE);
    for sentence in wrong.into_iter().take(REPORTED_OF_A_FILE) {
        problems.add(sentence);
    }
    if more > 0 {
        problems.add(format!("{name}: {more} more lines cannot be read"));
    }
    if let Err(sentence) = done {
        problems.add(sentence);
    }
    rows
}

/// Appends the rows of a file, and in sentences its lines that are none. An error where nothing can be read.
fn read_lines<R: StudyRow>(
    file: File,
    name: &str,
    rows: &mut Vec<R>,
    wrong: &mut Vec<String>,
) -> Result<(), String> {
    let mut reader = ReaderBuilder::new()
        .flexible(true)
        .trim(Trim::All)
        .from_reader(file);
    let header = reader.headers().cloned();
    let header = header.map_err(|error| format!("{name}, line 1: {}", reason(&error)))?;
    let place = |column: &&'static str| {
        let place = header.iter().position(|name| name == *column);
        place.ok_or_else(|| format!("{name}, line 1: no column {column}; file skipped"))
    };
    let columns: Vec<usize> = R::COLUMNS.iter().map(place).collect::<Result<_, _>>()?;
    for record in reader.records() {
        let parsed = record
            .map_err(|error| {
                (
                    error.position().map_or(0, csv::Position::line),
                    reason(&error),
                )
            })
            .and_then(|record| {
                // A file that was appended to may hold its header again.
                if record == header {
                    return Ok(None);
                }
                let line = record.position().map_or(0, csv::Position::line);
                let cells = Cells {
                    record: &record,
                    columns: &columns,
                    names: R::COLUMNS,
                    line,
                };
                R::parse(&cells).map(Some).map_err(|why| (line, why))
            });
        match parsed {
            Ok(row) => rows.extend(row),
            Err((line, why)) => wrong.push(format!("{name}, line {line}: {why}")),
        }
    }
    Ok(())
}

fn reason(error: &csv::Error) -> String {
    match error.kind() {
        csv::ErrorKind::Utf8 { .. } => "not text (UTF-8)".to_owned(),
        _ => error.to_string(),
    }
}
