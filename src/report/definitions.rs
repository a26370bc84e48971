//! What the words of a report mean: the metrics by their own definitions, and the other terms.

use crate::metrics::metric::METRICS;
use crate::report::table::Table;

const WORDS: [(&str, &str); 4] = [
    ("Users", "requests in flight at the same time"),
    (
        "Percentiles",
        "shown only where there are enough requests: p99 and p1 need 100, p95 and p5 need 20, p90 needs 10; (≤ x): with 95 % confidence p95 or p99 of all requests like these is not above x, an order statistic that takes requests for independent and needs 59 of them for p95, 299 for p99",
    ),
    (
        "Verdict",
        "the largest number of users at which the limits are more likely met than not, there and at every smaller level; by mean: the mean wait and the mean speed meet them. Its state is the probability that the required share of the requests is good: holds from 95 %, likely from 80 %, unsure in between, unlikely down from 20 %, fails down from 5 %",
    ),
    ("–", "unknown; never zero"),
];

/// The words in a table.
pub(super) fn table() -> Table {
    let metrics = METRICS
        .iter()
        .map(|metric| (metric.title, metric.definition));
    let rows = metrics.chain(WORDS);
    Table {
        caption: "Glossary",
        head: Vec::new(),
        rows: rows
            .map(|(word, meaning)| vec![word.to_owned(), meaning.to_owned()])
            .collect(),
    }
}
