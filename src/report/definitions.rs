//! What the words of a report mean.

use crate::report::table::Table;

const WORDS: [(&str, &str); 16] = [
    ("Users", "requests kept in flight at once"),
    (
        "TTFB",
        "from the question sent to the first byte of the answer's body, seconds",
    ),
    (
        "Wait (TTFT)",
        "from the question sent to the first token of any kind, thinking included, seconds; charts titled TTFB show this instant",
    ),
    (
        "TTFA",
        "from the question sent to the first token that is not thinking, seconds",
    ),
    (
        "Duration",
        "from the question sent to the end of the answer, seconds",
    ),
    (
        "Response",
        "from the first token to the last, seconds: the answer without its wait",
    ),
    (
        "TPOT",
        "(last token − first token) / (output tokens − 1), seconds; unknown for answers of fewer than two tokens",
    ),
    (
        "Speed",
        "1 / TPOT: tokens a second as the reader of one answer feels it, without the wait",
    ),
    (
        "ITL",
        "the gap between successive pieces of an answer that bear tokens, seconds",
    ),
    (
        "Throughput",
        "output tokens of the cycle / (last end − first start), tokens a second; steady: while at least 95 % of the users were in flight",
    ),
    (
        "Tokens",
        "the server's own count, thinking included; marked ~ where pieces of the stream stand for them",
    ),
    (
        "Failed",
        "requests that ended in any failure; they are in no mean and in no percentile",
    ),
    (
        "Goodput",
        "requests that met every limit, a second of the cycle",
    ),
    (
        "Percentiles",
        "shown only where the sample can carry them: p99 and p1 want 100 requests, p95 and p5 want 20, p90 wants 10",
    ),
    (
        "Verdict",
        "the largest number of users at which the limits are met there and at every smaller level; by mean: mean wait and mean speed meet them; by share: the wanted share of the requests does. Holds: the whole 95 % interval (Wilson) of that share is at or above it; likely: the share seen is; unsure: only the upper end is; fails: not even that",
    ),
    ("–", "not known; never zero"),
];

/// The words in a table.
pub(super) fn table() -> Table {
    let rows = WORDS.map(|(word, meaning)| vec![word.to_owned(), meaning.to_owned()]);
    Table {
        caption: "What the words mean",
        head: Vec::new(),
        rows: rows.to_vec(),
    }
}
