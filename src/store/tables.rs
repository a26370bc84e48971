//! The tables of a run directory: a row a request, a row a cycle, for any spreadsheet. Their columns are those of
//! [`crate::metrics::metric::METRICS`], and between them what is no metric.

use serde::ser::SerializeStruct;
use serde::{Serialize, Serializer};

use crate::event::{Outcome, RequestRecord};
use crate::metrics::dist::Dist;
use crate::metrics::level::LevelMetrics;
use crate::metrics::metric::{Metric, Outlet, Shown, Unit, shown};
use crate::text::numbers::floor_u64;
use crate::text::sanitize::one_line;

/// The longest message kept in a cell, characters.
const LONGEST: usize = 500;

/// A cell; an empty one is a figure that is not known.
#[derive(Debug, Serialize)]
#[serde(untagged)]
enum Cell {
    Yes(bool),
    Whole(Option<u64>),
    Number(Option<f64>),
    Text(Option<String>),
}

impl Cell {
    fn of(unit: Unit, value: Option<f64>) -> Self {
        if unit.is_whole() {
            Self::Whole(value.map(floor_u64))
        } else {
            Self::Number(value)
        }
    }

    fn text(text: &str) -> Self {
        Self::Text(Some(text.to_owned()))
    }
}

/// A row: each cell with the place and the name of its column.
#[derive(Debug)]
struct Row(Vec<(u16, &'static str, Cell)>);

impl Row {
    /// The metrics of an outlet among the cells that are none.
    fn of(
        outlet: Outlet,
        mut cells: Vec<(u16, &'static str, Cell)>,
        value: impl Fn(&Metric, &Shown) -> Option<f64>,
    ) -> Self {
        cells.extend(shown(outlet).into_iter().map(|(metric, shown)| {
            let cell = Cell::of(metric.unit, value(metric, shown));
            (shown.place, shown.head, cell)
        }));
        cells.sort_by_key(|(place, ..)| *place);
        Self(cells)
    }
}

impl Serialize for Row {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut row = serializer.serialize_struct("Row", self.0.len())?;
        for (_, name, cell) in &self.0 {
            row.serialize_field(name, cell)?;
        }
        row.end()
    }
}

/// A row of `requests.csv`.
#[derive(Debug, Serialize)]
#[serde(transparent)]
pub(crate) struct RequestRow(Row);

impl RequestRow {
    pub(crate) fn of(record: &RequestRecord, users: Option<u32>, simulated: bool) -> Self {
        let (outcome, failure, message, reason) = match &record.outcome {
            Outcome::Done { reason } => ("done", None, None, reason.as_deref().map(cell)),
            Outcome::Failed { kind, message } => {
                ("failed", Some(kind.to_string()), Some(cell(message)), None)
            }
            Outcome::Cancelled => ("cancelled", None, None, None),
        };
        let gaps = Dist::of_gaps([record.itl_us.as_slice()]);
        let server = &record.server;
        let by_server = server.output_tokens.is_some();
        let any_tokens = record.first_token.is_some() || by_server;
        let counted_by = any_tokens.then_some(if by_server { "server" } else { "chunks" });
        let whole = |number: u32| Cell::Whole(Some(u64::from(number)));
        let cells = vec![
            (10, "simulated", Cell::Yes(simulated)),
            (20, "cycle", whole(record.cycle)),
            (30, "users", Cell::Whole(users.map(u64::from))),
            (40, "request", Cell::Whole(Some(record.id))),
            (50, "user", whole(record.user)),
            (60, "round", whole(record.round)),
            (70, "prompt", whole(record.prompt)),
            (80, "outcome", Cell::text(outcome)),
            (90, "failure", Cell::Text(failure)),
            (100, "message", Cell::Text(message)),
            (110, "reason", Cell::Text(reason)),
            (120, "sent_s", Cell::Number(Some(record.sent.secs()))),
            (170, "ended_s", Cell::Number(Some(record.ended.secs()))),
            (
                190,
                "tokens_counted_by",
                Cell::Text(counted_by.map(str::to_owned)),
            ),
            (200, "chunks", whole(record.chunks)),
            (
                210,
                "thinking_chunks",
                Cell::Whole(record.thinking_chunks.map(u64::from)),
            ),
            (240, "itl_p50_s", Cell::Number(gaps.p50)),
            (250, "itl_max_s", Cell::Number(gaps.max)),
            (320, "server_load_s", Cell::Number(server.load_s)),
            (
                330,
                "server_prompt_eval_s",
                Cell::Number(server.prompt_eval_s),
            ),
            (340, "server_eval_s", Cell::Number(server.eval_s)),
            (350, "server_total_s", Cell::Number(server.total_s)),
        ];
        Self(Row::of(Outlet::RequestsCsv, cells, |metric, _| {
            metric.request.and_then(|of| of(record))
        }))
    }
}

/// A row of `cycles.csv`.
#[derive(Debug, Serialize)]
#[serde(transparent)]
pub(crate) struct CycleRow(Row);

impl CycleRow {
    pub(crate) fn of(level: &LevelMetrics, cycle: u32, users: u32, simulated: bool) -> Self {
        let errors = level.errors.iter().map(|(kind, n)| format!("{kind}:{n}"));
        let errors = errors.collect::<Vec<_>>().join(" ");
        let counted_by = level.tokens_counted_by.map(|by| by.to_string());
        let cells = vec![
            (10, "simulated", Cell::Yes(simulated)),
            (20, "cycle", Cell::Whole(Some(cycle.into()))),
            (30, "users", Cell::Whole(Some(users.into()))),
            (
                40,
                "ended",
                Cell::Text(level.ended.map(|end| end.to_string())),
            ),
            (50, "started_s", Cell::Number(level.started_s)),
            (110, "errors", Cell::Text(Some(errors))),
            (341, "tokens_counted_by", Cell::Text(counted_by)),
            (400, "energy_scope", Cell::Text(level.machine.scope.clone())),
        ];
        Self(Row::of(Outlet::CyclesCsv, cells, |metric, shown| {
            metric.of(level, shown.stat)
        }))
    }
}

/// Text of a server for a cell: on one line, and never a formula of the spreadsheet that opens it.
pub(crate) fn cell(text: &str) -> String {
    let line = one_line(text, LONGEST);
    if line.starts_with(['=', '+', '-', '@']) {
        format!("'{line}")
    } else {
        line
    }
}

/// Appends rows as CSV; `headed` puts the names of the columns first.
pub(crate) fn write_row(out: &mut Vec<u8>, row: &impl Serialize, headed: bool) -> csv::Result<()> {
    let mut writer = csv::WriterBuilder::new()
        .has_headers(headed)
        .from_writer(out);
    writer.serialize(row)?;
    writer.flush().map_err(Into::into)
}
