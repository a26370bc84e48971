//! The tables of a run directory: a row a request, a row a cycle, for any spreadsheet. Their columns are those of
//! [`crate::metrics::metric::METRICS`], and between them what is not a metric.

use serde::ser::SerializeStruct;
use serde::{Serialize, Serializer};
use serde_json::Value;

use crate::event::{Outcome, RequestRecord};
use crate::metrics::dist::Dist;
use crate::metrics::level::LevelMetrics;
use crate::metrics::level::cycle::CycleState;
use crate::metrics::metric::{Metric, Outlet, Shown, shown};
use crate::plan::Limits;
use crate::text::numbers::floor_u64;
use crate::text::sanitize::one_line;

/// The longest message kept in a cell, characters.
const LONGEST: usize = 500;

/// A row: the cells under the names of their columns. A figure that is not known is null, an empty cell.
#[derive(Debug)]
pub(crate) struct CsvRow(pub(crate) Vec<(&'static str, Value)>);

impl CsvRow {
    /// The metrics of an outlet among other cells, all by their places.
    fn with_metrics(
        outlet: Outlet,
        mut cells: Vec<(u16, &'static str, Value)>,
        value: impl Fn(&Metric, &Shown) -> Option<f64>,
    ) -> Self {
        cells.extend(shown(outlet).into_iter().map(|(metric, shown)| {
            let value = value(metric, shown);
            let cell = if metric.unit.is_whole() {
                value.map(floor_u64).into()
            } else {
                value.into()
            };
            (shown.place, shown.head, cell)
        }));
        cells.sort_by_key(|(place, ..)| *place);
        let cells = cells.into_iter().map(|(_, name, cell)| (name, cell));
        Self(cells.collect())
    }
}

impl Serialize for CsvRow {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut row = serializer.serialize_struct("Row", self.0.len())?;
        for (name, cell) in &self.0 {
            row.serialize_field(name, cell)?;
        }
        row.end()
    }
}

/// A row of `requests.csv`.
pub(crate) fn request_row(record: &RequestRecord, users: Option<u32>, simulated: bool) -> CsvRow {
    let (outcome, failure, message, reason) = match &record.outcome {
        Outcome::Done { reason } => ("done", None, None, reason.as_deref().map(cell)),
        Outcome::Failed { kind, message } => {
            ("failed", Some(kind.to_string()), Some(cell(message)), None)
        }
        Outcome::ServerGone { kind, message } => (
            "server_gone",
            Some(kind.to_string()),
            Some(cell(message)),
            None,
        ),
        Outcome::Cancelled => ("cancelled", None, None, None),
    };
    let gaps = Dist::from_gaps([record.itl_us.as_slice()]);
    let server = &record.server;
    let by_server = server.output_tokens.is_some();
    let any_tokens = record.first_token.is_some() || by_server;
    let counted_by = any_tokens.then_some(if by_server { "server" } else { "chunks" });
    let cells = vec![
        (10, "simulated", simulated.into()),
        (20, "cycle", record.cycle.into()),
        (30, "users", users.into()),
        (40, "request", record.id.into()),
        (50, "user", record.user.into()),
        (60, "round", record.round.into()),
        (70, "prompt", record.prompt.into()),
        (80, "outcome", outcome.into()),
        (90, "failure", failure.into()),
        (100, "message", message.into()),
        (110, "reason", reason.into()),
        (120, "sent_s", record.sent.secs().into()),
        (170, "ended_s", record.ended.secs().into()),
        (190, "tokens_counted_by", counted_by.into()),
        (200, "chunks", record.chunks.into()),
        (210, "thinking_chunks", record.thinking_chunks.into()),
        (240, "itl_p50_s", gaps.p50.into()),
        (250, "itl_max_s", gaps.max.into()),
        (320, "server_load_s", server.load_s.into()),
        (330, "server_prompt_eval_s", server.prompt_eval_s.into()),
        (340, "server_eval_s", server.eval_s.into()),
        (350, "server_total_s", server.total_s.into()),
    ];
    CsvRow::with_metrics(Outlet::RequestsCsv, cells, |metric, _| {
        metric.request.and_then(|of| of(record))
    })
}

/// A row of `cycles.csv`.
pub(crate) fn cycle_row(cycle: &CycleState, limits: &Limits, simulated: bool) -> CsvRow {
    let level = LevelMetrics::from_cycles(&[cycle], limits);
    let errors = level.errors.iter().map(|(kind, n)| format!("{kind}:{n}"));
    let errors = errors.collect::<Vec<_>>().join(" ");
    let ended = level.ended.map(|end| end.to_string());
    let counted_by = level.tokens_counted_by.map(|by| by.to_string());
    let cells = vec![
        (10, "simulated", simulated.into()),
        (20, "cycle", cycle.cycle.into()),
        (30, "users", cycle.users.into()),
        (40, "ended", ended.into()),
        (50, "started_s", level.started_s.into()),
        (110, "errors", errors.into()),
        (341, "tokens_counted_by", counted_by.into()),
        (400, "energy_scope", level.machine.scope.clone().into()),
    ];
    CsvRow::with_metrics(Outlet::CyclesCsv, cells, |metric, shown| {
        metric.value(&level, shown.stat)
    })
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

/// Appends a row as CSV; `headed` puts the names of the columns first.
pub(crate) fn write_row(out: &mut Vec<u8>, row: &CsvRow, headed: bool) -> csv::Result<()> {
    let mut writer = csv::WriterBuilder::new()
        .has_headers(headed)
        .from_writer(out);
    writer.serialize(row)?;
    writer.flush().map_err(Into::into)
}

/// A whole table; empty without rows.
pub(crate) fn write_rows(rows: impl IntoIterator<Item = CsvRow>) -> csv::Result<Vec<u8>> {
    let mut table = Vec::new();
    for row in rows {
        let headed = table.is_empty();
        write_row(&mut table, &row, headed)?;
    }
    Ok(table)
}
