//! Every metric, once: what it is called, what it means, how it is computed and where it is shown.
//!
//! Tables, files, panes, the glossary and README's list iterate over [`METRICS`]. A new metric is one entry here and
//! one function that computes it.

use crate::event::RequestRecord;
use crate::metrics::devices;
use crate::metrics::dist::Dist;
use crate::metrics::level::LevelMetrics;

/// What a metric counts in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    Seconds,
    TokensPerSecond,
    RequestsPerSecond,
    /// 0–1 in files, percent where a person reads it.
    Share,
    Requests,
    Tokens,
    Times,
    Joules,
    JoulesPerToken,
    Watts,
    Megahertz,
    Bytes,
    Threads,
    Descriptors,
}

impl Unit {
    /// As it stands behind a value; empty for counts of what the title names.
    pub fn symbol(self) -> &'static str {
        match self {
            Self::Seconds => "s",
            Self::TokensPerSecond => "tok/s",
            Self::RequestsPerSecond => "req/s",
            Self::Share => "%",
            Self::Joules => "J",
            Self::JoulesPerToken => "J/token",
            Self::Watts => "W",
            Self::Megahertz => "MHz",
            Self::Bytes => "B",
            Self::Requests | Self::Tokens | Self::Times | Self::Threads | Self::Descriptors => "",
        }
    }

    /// Whether its values are whole numbers.
    pub fn is_whole(self) -> bool {
        matches!(
            self,
            Self::Requests
                | Self::Tokens
                | Self::Times
                | Self::Bytes
                | Self::Threads
                | Self::Descriptors
        )
    }
}

/// Which way is better.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Better {
    Higher,
    Lower,
    /// It only describes.
    Neither,
}

/// How a metric is computed from the figures of a level.
#[derive(Clone, Copy)]
pub enum OfLevel {
    /// One number.
    Value(fn(&LevelMetrics) -> Option<f64>),
    /// One of each request, or of each gap.
    Dist(fn(&LevelMetrics) -> &Dist),
    /// Mean and largest of samples of the machine.
    Samples(fn(&LevelMetrics) -> devices::Stat),
}

/// Which number of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stat {
    /// The number, or the mean.
    Mean,
    Min,
    P1,
    P5,
    P50,
    P95,
    P99,
    Max,
}

/// Where a metric is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, strum::EnumIter)]
pub enum Outlet {
    /// A column of `requests.csv`.
    RequestsCsv,
    /// A column of `cycles.csv`.
    CyclesCsv,
    /// A column of the report's table of levels.
    Report,
    /// A distribution among the report's waits, durations or gaps.
    ReportWaits,
    ReportDurations,
    ReportGaps,
    /// A column of the printer's table, or of the one below it.
    Printer,
    PrinterMore,
    /// A column of the Results pane.
    Results,
    /// A line of the request's detail.
    Request,
}

/// One place where a metric is shown.
#[derive(Debug, Clone, Copy)]
pub struct Shown {
    pub outlet: Outlet,
    /// Its order in that outlet.
    pub place: u16,
    /// The head of its column, or the label of its line.
    pub head: &'static str,
    pub stat: Stat,
    /// Decimals.
    pub digits: usize,
    /// Width of the column, and when it gives way; on a screen only.
    pub width: u16,
    pub rank: u8,
}

/// A metric.
pub struct Metric {
    /// Its name in files.
    pub key: &'static str,
    pub title: &'static str,
    pub unit: Unit,
    /// Whether it rests on output tokens, and is marked `~` where nobody counted them.
    pub is_estimated: bool,
    pub better: Better,
    /// What it means: the glossary, and README's list.
    pub definition: &'static str,
    pub level: OfLevel,
    /// Of one request, whatever its end.
    pub request: Option<fn(&RequestRecord) -> Option<f64>>,
    pub shown: &'static [Shown],
}

impl Metric {
    /// Its number of a level; None where it is not known.
    pub fn of(&self, level: &LevelMetrics, stat: Stat) -> Option<f64> {
        match self.level {
            OfLevel::Value(value) => value(level).filter(|_| stat == Stat::Mean),
            OfLevel::Dist(dist) => {
                let dist = dist(level);
                match stat {
                    Stat::Mean => dist.mean,
                    Stat::Min => dist.min,
                    Stat::P1 => dist.p1,
                    Stat::P5 => dist.p5,
                    Stat::P50 => dist.p50,
                    Stat::P95 => dist.p95,
                    Stat::P99 => dist.p99,
                    Stat::Max => dist.max,
                }
            }
            OfLevel::Samples(samples) => match stat {
                Stat::Mean => samples(level).mean,
                Stat::Max => samples(level).max,
                _ => None,
            },
        }
    }

    /// `~` where its number of a level is an estimate.
    pub fn about(&self, level: &LevelMetrics) -> &'static str {
        if self.is_estimated { level.about() } else { "" }
    }
}

/// The metric with this key.
pub fn metric(key: &str) -> Option<&'static Metric> {
    METRICS.iter().find(|metric| metric.key == key)
}

/// What an outlet shows, in its order.
pub fn shown(outlet: Outlet) -> Vec<(&'static Metric, &'static Shown)> {
    let mut all: Vec<(&Metric, &Shown)> = METRICS
        .iter()
        .flat_map(|metric| metric.shown.iter().map(move |shown| (metric, shown)))
        .filter(|(_, shown)| shown.outlet == outlet)
        .collect();
    all.sort_by_key(|(_, shown)| shown.place);
    all
}

const fn at(outlet: Outlet, place: u16, head: &'static str, stat: Stat, digits: usize) -> Shown {
    Shown {
        outlet,
        place,
        head,
        stat,
        digits,
        width: 0,
        rank: 0,
    }
}

/// A column of `requests.csv`.
const fn by_request(place: u16, name: &'static str) -> Shown {
    at(Outlet::RequestsCsv, place, name, Stat::Mean, 0)
}

/// A column of `cycles.csv`.
const fn by_cycle(place: u16, name: &'static str, stat: Stat) -> Shown {
    at(Outlet::CyclesCsv, place, name, stat, 0)
}

/// A column of the report.
const fn report(place: u16, head: &'static str, stat: Stat, digits: usize) -> Shown {
    at(Outlet::Report, place, head, stat, digits)
}

/// A distribution in the report.
const fn detailed(outlet: Outlet, place: u16, head: &'static str, digits: usize) -> Shown {
    at(outlet, place, head, Stat::Mean, digits)
}

/// A column of the printer.
const fn printed(place: u16, head: &'static str, stat: Stat, digits: usize) -> Shown {
    at(Outlet::Printer, place, head, stat, digits)
}

/// A column of the printer's second table.
const fn printed_below(place: u16, head: &'static str, digits: usize) -> Shown {
    at(Outlet::PrinterMore, place, head, Stat::Mean, digits)
}

/// A column of the Results pane.
const fn pane(place: u16, head: &'static str, stat: Stat, width: u16, rank: u8) -> Shown {
    Shown {
        width,
        rank,
        ..at(Outlet::Results, place, head, stat, 1)
    }
}

/// A line of the request's detail.
const fn detail(place: u16, head: &'static str) -> Shown {
    at(Outlet::Request, place, head, Stat::Mean, 1)
}

/// All of them.
pub const METRICS: &[Metric] = &[
    Metric {
        key: "duration_s",
        title: "Cycle",
        unit: Unit::Seconds,
        is_estimated: false,
        better: Better::Neither,
        definition: "first request sent → last one finished, seconds; summed over repeats",
        level: OfLevel::Value(|l| l.duration_s),
        request: None,
        shown: &[
            by_cycle(60, "duration_s", Stat::Mean),
            report(150, "Cycle", Stat::Mean, 1),
        ],
    },
    Metric {
        key: "requests",
        title: "Requests",
        unit: Unit::Requests,
        is_estimated: false,
        better: Better::Neither,
        definition: "requests that finished: succeeded or failed; those that the user cut short are neither",
        level: OfLevel::Value(|l| Some(l.requests as f64)),
        request: None,
        shown: &[
            by_cycle(70, "requests", Stat::Mean),
            report(20, "Requests", Stat::Mean, 0),
            printed(20, "requests", Stat::Mean, 0),
            pane(20, "requests", Stat::Mean, 8, 3),
        ],
    },
    Metric {
        key: "failed",
        title: "Failed",
        unit: Unit::Requests,
        is_estimated: false,
        better: Better::Lower,
        definition: "requests that ended in any failure; excluded from all means and percentiles",
        level: OfLevel::Value(|l| Some(l.failed as f64)),
        request: None,
        shown: &[
            by_cycle(80, "failed", Stat::Mean),
            report(30, "Failed", Stat::Mean, 0),
            printed(30, "failed", Stat::Mean, 0),
            pane(30, "failed", Stat::Mean, 6, 1),
        ],
    },
    Metric {
        key: "cancelled",
        title: "Cancelled",
        unit: Unit::Requests,
        is_estimated: false,
        better: Better::Neither,
        definition: "requests in flight when the user skipped the cycle or stopped the run; counted nowhere else",
        level: OfLevel::Value(|l| Some(l.cancelled as f64)),
        request: None,
        shown: &[by_cycle(90, "cancelled", Stat::Mean)],
    },
    Metric {
        key: "error_rate",
        title: "Errors",
        unit: Unit::Share,
        is_estimated: false,
        better: Better::Lower,
        definition: "failed requests / finished requests",
        level: OfLevel::Value(|l| l.error_rate),
        request: None,
        shown: &[
            by_cycle(100, "error_rate", Stat::Mean),
            report(40, "Errors", Stat::Mean, 1),
        ],
    },
    Metric {
        key: "speed_tok_s",
        title: "Speed",
        unit: Unit::TokensPerSecond,
        is_estimated: true,
        better: Better::Higher,
        definition: "1 / TPOT: tokens a second as the reader of one answer feels it, without the wait",
        level: OfLevel::Dist(|l| &l.speed_tok_s),
        request: Some(RequestRecord::speed_tok_s),
        shown: &[
            by_request(230, "speed_tok_s"),
            by_cycle(210, "speed_mean_tok_s", Stat::Mean),
            by_cycle(220, "speed_p50_tok_s", Stat::P50),
            by_cycle(230, "speed_p5_tok_s", Stat::P5),
            by_cycle(240, "speed_p1_tok_s", Stat::P1),
            by_cycle(250, "speed_min_tok_s", Stat::Min),
            report(50, "Speed mean", Stat::Mean, 1),
            report(60, "p5", Stat::P5, 1),
            report(70, "min", Stat::Min, 1),
            detailed(Outlet::ReportDurations, 30, "Speed, tokens/s", 2),
            printed(40, "tok/s mean", Stat::Mean, 1),
            printed(50, "min", Stat::Min, 1),
            pane(40, "tok/s", Stat::Mean, 6, 0),
            pane(50, "p5", Stat::P5, 6, 8),
            pane(60, "min", Stat::Min, 6, 4),
        ],
    },
    Metric {
        key: "server_speed_tok_s",
        title: "Server's own speed",
        unit: Unit::TokensPerSecond,
        is_estimated: false,
        better: Better::Higher,
        definition: "the speed of an answer by the server's own clock and count, where it tells both",
        level: OfLevel::Dist(|l| &l.server_speed_tok_s),
        request: Some(|r| r.server.speed_tok_s()),
        shown: &[
            by_request(310, "server_speed_tok_s"),
            by_cycle(260, "server_speed_mean_tok_s", Stat::Mean),
            detailed(
                Outlet::ReportDurations,
                40,
                "Server's own speed, tokens/s",
                2,
            ),
            printed_below(70, "server's tok/s", 1),
            pane(142, "server", Stat::Mean, 6, 10),
        ],
    },
    Metric {
        key: "ttfb_s",
        title: "TTFB",
        unit: Unit::Seconds,
        is_estimated: false,
        better: Better::Lower,
        definition: "from the question sent to the first byte of the answer's body, seconds",
        level: OfLevel::Dist(|l| &l.ttfb_s),
        request: Some(RequestRecord::ttfb_s),
        shown: &[
            by_request(130, "ttfb_s"),
            by_cycle(115, "ttfb_mean_s", Stat::Mean),
            detailed(Outlet::ReportWaits, 10, "TTFB", 3),
            printed_below(10, "TTFB s", 3),
            detail(10, "first byte"),
        ],
    },
    Metric {
        key: "ttft_s",
        title: "Wait (TTFT)",
        unit: Unit::Seconds,
        is_estimated: false,
        better: Better::Lower,
        definition: "from the question sent to the first token of any kind, thinking included, seconds; on screens and charts: wait",
        level: OfLevel::Dist(|l| &l.ttft_s),
        request: Some(RequestRecord::ttft_s),
        shown: &[
            by_request(140, "ttft_s"),
            by_cycle(120, "ttft_mean_s", Stat::Mean),
            by_cycle(130, "ttft_p50_s", Stat::P50),
            by_cycle(140, "ttft_p95_s", Stat::P95),
            by_cycle(150, "ttft_p99_s", Stat::P99),
            by_cycle(160, "ttft_max_s", Stat::Max),
            report(80, "Wait mean", Stat::Mean, 2),
            report(90, "max", Stat::Max, 2),
            detailed(Outlet::ReportWaits, 20, "Wait (TTFT)", 3),
            printed(60, "wait s mean", Stat::Mean, 2),
            printed(70, "max", Stat::Max, 2),
            pane(70, "wait", Stat::Mean, 7, 0),
            pane(80, "p95", Stat::P95, 7, 7),
            pane(90, "max", Stat::Max, 7, 4),
            detail(20, "first token"),
        ],
    },
    Metric {
        key: "ttfa_s",
        title: "TTFA",
        unit: Unit::Seconds,
        is_estimated: false,
        better: Better::Lower,
        definition: "from the question sent to the first token that is not thinking, seconds",
        level: OfLevel::Dist(|l| &l.ttfa_s),
        request: Some(RequestRecord::ttfa_s),
        shown: &[
            by_request(150, "ttfa_s"),
            by_cycle(170, "ttfa_mean_s", Stat::Mean),
            detailed(Outlet::ReportWaits, 30, "TTFA", 3),
            printed_below(20, "TTFA s", 3),
            pane(92, "TTFA", Stat::Mean, 7, 11),
            detail(30, "first answer"),
        ],
    },
    Metric {
        key: "queue_wait_s",
        title: "Queue wait",
        unit: Unit::Seconds,
        is_estimated: false,
        better: Better::Lower,
        definition: "the part of the wait that the server spent on others: TTFT − (load + prompt evaluation), seconds, where it tells both",
        level: OfLevel::Dist(|l| &l.queue_wait_s),
        request: Some(RequestRecord::queue_wait_s),
        shown: &[
            by_request(280, "queue_wait_s"),
            by_cycle(175, "queue_wait_mean_s", Stat::Mean),
            detailed(Outlet::ReportWaits, 40, "Queue wait", 3),
            printed_below(30, "queue s", 3),
            pane(94, "queue", Stat::Mean, 7, 9),
            detail(40, "in queue"),
        ],
    },
    Metric {
        key: "connect_s",
        title: "Connect",
        unit: Unit::Seconds,
        is_estimated: false,
        better: Better::Lower,
        definition: "time to open a connection, seconds; in no wait and no duration",
        level: OfLevel::Dist(|l| &l.connect_s),
        request: Some(|r| r.connect_us.map(|micros| micros as f64 / 1e6)),
        shown: &[
            by_request(260, "connect_s"),
            by_cycle(290, "connect_max_s", Stat::Max),
            detailed(Outlet::ReportWaits, 50, "Connect", 4),
            printed_below(60, "connect s", 4),
            detail(70, "connect"),
        ],
    },
    Metric {
        key: "total_s",
        title: "Duration",
        unit: Unit::Seconds,
        is_estimated: false,
        better: Better::Lower,
        definition: "from the question sent to the end of the answer, seconds",
        level: OfLevel::Dist(|l| &l.total_s),
        request: Some(RequestRecord::total_s),
        shown: &[
            by_request(160, "total_s"),
            by_cycle(180, "total_min_s", Stat::Min),
            by_cycle(190, "total_mean_s", Stat::Mean),
            by_cycle(200, "total_max_s", Stat::Max),
            detailed(Outlet::ReportDurations, 10, "Duration, s", 2),
            printed(80, "total s mean", Stat::Mean, 1),
            printed(90, "max", Stat::Max, 1),
            pane(100, "total", Stat::Mean, 7, 5),
        ],
    },
    Metric {
        key: "response_s",
        title: "Response",
        unit: Unit::Seconds,
        is_estimated: false,
        better: Better::Lower,
        definition: "from the first token to the last, seconds: the answer without its wait",
        level: OfLevel::Dist(|l| &l.response_s),
        request: Some(RequestRecord::response_s),
        shown: &[
            by_request(165, "response_s"),
            by_cycle(205, "response_mean_s", Stat::Mean),
            detailed(Outlet::ReportDurations, 20, "Response, s", 2),
            printed_below(40, "response s", 2),
            pane(102, "answer", Stat::Mean, 7, 12),
            detail(45, "response"),
        ],
    },
    Metric {
        key: "tpot_s",
        title: "TPOT",
        unit: Unit::Seconds,
        is_estimated: true,
        better: Better::Lower,
        definition: "(last token − first token) / (output tokens − 1), seconds; unknown for answers of fewer than two tokens",
        level: OfLevel::Dist(|l| &l.tpot_s),
        request: Some(RequestRecord::tpot_s),
        shown: &[
            by_request(220, "tpot_s"),
            by_cycle(265, "tpot_mean_s", Stat::Mean),
            detailed(Outlet::ReportGaps, 10, "TPOT", 4),
            printed_below(50, "TPOT s", 4),
            pane(104, "TPOT", Stat::Mean, 7, 13),
            detail(50, "TPOT"),
        ],
    },
    Metric {
        key: "itl_s",
        title: "ITL",
        unit: Unit::Seconds,
        is_estimated: false,
        better: Better::Lower,
        definition: "the gap between successive pieces of an answer that bear tokens, seconds",
        level: OfLevel::Dist(|l| &l.itl_s),
        // A request has many: its files and its detail tell their median and the longest.
        request: None,
        shown: &[
            by_cycle(270, "itl_p50_s", Stat::P50),
            by_cycle(280, "itl_p99_s", Stat::P99),
            detailed(Outlet::ReportGaps, 20, "ITL", 4),
            printed_below(55, "ITL s", 4),
            pane(106, "ITL", Stat::P50, 7, 14),
        ],
    },
    Metric {
        key: "system_tok_s",
        title: "Throughput",
        unit: Unit::TokensPerSecond,
        is_estimated: true,
        better: Better::Higher,
        definition: "output tokens of the requests that succeeded / (last final chunk − first sent), tokens a second, all users together",
        level: OfLevel::Value(|l| l.system_tok_s),
        request: None,
        shown: &[
            by_cycle(300, "system_tok_s", Stat::Mean),
            report(100, "Throughput", Stat::Mean, 1),
            printed(100, "system tok/s", Stat::Mean, 1),
            pane(110, "system", Stat::Mean, 6, 2),
        ],
    },
    Metric {
        key: "steady_tok_s",
        title: "Steady throughput",
        unit: Unit::TokensPerSecond,
        is_estimated: true,
        better: Better::Higher,
        definition: "the same while at least 95 % of the users were in flight",
        level: OfLevel::Value(|l| l.steady_tok_s),
        request: None,
        shown: &[
            by_cycle(310, "steady_tok_s", Stat::Mean),
            report(110, "Steady", Stat::Mean, 1),
            printed(110, "steady", Stat::Mean, 1),
            pane(112, "steady", Stat::Mean, 6, 15),
        ],
    },
    Metric {
        key: "goodput_req_s",
        title: "Goodput",
        unit: Unit::RequestsPerSecond,
        is_estimated: false,
        better: Better::Higher,
        definition: "requests that met every limit, a second of the cycle",
        level: OfLevel::Value(|l| l.goodput_req_s),
        request: None,
        shown: &[
            by_cycle(320, "goodput_req_s", Stat::Mean),
            report(115, "Goodput", Stat::Mean, 2),
            printed_below(90, "goodput req/s", 2),
            pane(114, "goodput", Stat::Mean, 7, 10),
        ],
    },
    Metric {
        key: "attainment",
        title: "In limits",
        unit: Unit::Share,
        is_estimated: false,
        better: Better::Higher,
        definition: "requests that met every limit / those that can be judged: a failed one met none, one whose wait or speed is not known is left out unless the other misses",
        level: OfLevel::Value(|l| l.attainment),
        request: None,
        shown: &[
            by_cycle(330, "attainment", Stat::Mean),
            report(140, "In limits", Stat::Mean, 0),
            printed_below(100, "in limits %", 0),
            pane(150, "within limits", Stat::Mean, 13, 3),
        ],
    },
    Metric {
        key: "output_tokens",
        title: "Tokens",
        unit: Unit::Tokens,
        is_estimated: true,
        better: Better::Neither,
        definition: "output tokens of the requests that succeeded, thinking included: the server's own count; marked ~ where chunks of the stream are counted instead",
        level: OfLevel::Value(|l| Some(l.output_tokens as f64)),
        request: Some(|r| {
            let any = r.first_token.is_some() || r.server.output_tokens.is_some();
            any.then(|| r.output_tokens() as f64)
        }),
        shown: &[
            by_request(180, "output_tokens"),
            by_cycle(340, "output_tokens", Stat::Mean),
            report(120, "Tokens", Stat::Mean, 0),
            printed(120, "tokens", Stat::Mean, 0),
            pane(120, "tokens", Stat::Mean, 6, 6),
        ],
    },
    Metric {
        key: "prompt_tokens",
        title: "Prompt tokens",
        unit: Unit::Tokens,
        is_estimated: false,
        better: Better::Neither,
        definition: "tokens of the prompts by the server's count, where it tells",
        level: OfLevel::Value(|l| l.prompt_tokens.map(|tokens| tokens as f64)),
        request: Some(|r| r.server.prompt_tokens.map(|tokens| tokens as f64)),
        shown: &[
            by_request(290, "prompt_tokens"),
            by_cycle(345, "prompt_tokens", Stat::Mean),
            printed_below(85, "prompt tokens", 0),
        ],
    },
    Metric {
        key: "server_output_tokens",
        title: "Server-counted tokens",
        unit: Unit::Tokens,
        is_estimated: false,
        better: Better::Neither,
        definition: "output tokens by the server's count alone, thinking included; absent where it tells of no request",
        level: OfLevel::Value(|l| l.server_output_tokens.map(|tokens| tokens as f64)),
        request: Some(|r| r.server.output_tokens.map(|tokens| tokens as f64)),
        shown: &[
            by_request(300, "server_output_tokens"),
            by_cycle(342, "server_output_tokens", Stat::Mean),
            printed_below(80, "server's tokens", 0),
        ],
    },
    Metric {
        key: "thinking_share",
        title: "Thinking",
        unit: Unit::Share,
        is_estimated: false,
        better: Better::Neither,
        definition: "the share of thinking in the pieces of the answers",
        level: OfLevel::Value(|l| l.thinking_share),
        request: Some(RequestRecord::thinking_share),
        shown: &[
            by_request(215, "thinking_share"),
            by_cycle(350, "thinking_share", Stat::Mean),
            report(125, "Thinking", Stat::Mean, 0),
            printed_below(95, "thinking %", 0),
            detail(60, "thinking"),
        ],
    },
    Metric {
        key: "retries",
        title: "Retries",
        unit: Unit::Times,
        is_estimated: false,
        better: Better::Lower,
        definition: "times a request was sent again because a kept connection had gone stale",
        level: OfLevel::Value(|l| l.retries.map(|times| times as f64)),
        request: Some(|r| r.retries.map(f64::from)),
        shown: &[
            by_request(270, "retries"),
            by_cycle(295, "retries", Stat::Mean),
            detail(90, "retries"),
        ],
    },
    Metric {
        key: "energy_j",
        title: "Energy",
        unit: Unit::Joules,
        is_estimated: false,
        better: Better::Lower,
        definition: "energy within the cycle, joules, of what the scope names",
        level: OfLevel::Value(|l| l.energy_j),
        request: None,
        shown: &[by_cycle(370, "energy_j", Stat::Mean)],
    },
    Metric {
        key: "j_per_token",
        title: "J/token",
        unit: Unit::JoulesPerToken,
        is_estimated: false,
        better: Better::Lower,
        definition: "energy within the cycle / output tokens, joules, idle included; absent where samples cover too little",
        level: OfLevel::Value(|l| l.j_per_token),
        request: None,
        shown: &[
            by_cycle(380, "j_per_token", Stat::Mean),
            printed(150, "J/token", Stat::Mean, 3),
        ],
    },
    Metric {
        key: "net_j_per_token",
        title: "J/token above idle",
        unit: Unit::JoulesPerToken,
        is_estimated: false,
        better: Better::Lower,
        definition: "the same above the power of the warm but idle machine",
        level: OfLevel::Value(|l| l.machine.net_j_per_token),
        request: None,
        shown: &[
            by_cycle(390, "net_j_per_token", Stat::Mean),
            printed(160, "net", Stat::Mean, 3),
        ],
    },
    Metric {
        key: "energy_coverage",
        title: "Coverage",
        unit: Unit::Share,
        is_estimated: false,
        better: Better::Higher,
        definition: "the share of the time in cycles that samples of power cover",
        level: OfLevel::Value(|l| l.energy_coverage),
        request: None,
        shown: &[by_cycle(410, "energy_coverage", Stat::Mean)],
    },
    Metric {
        key: "watts",
        title: "Power",
        unit: Unit::Watts,
        is_estimated: false,
        better: Better::Lower,
        definition: "energy / the time that samples cover, watts, of the devices that count; max: the highest step between two samples",
        level: OfLevel::Samples(|l| l.gpu.map(|gpu| gpu.watts).unwrap_or_default()),
        request: None,
        shown: &[
            by_cycle(420, "watts_mean", Stat::Mean),
            by_cycle(430, "watts_max", Stat::Max),
            by_cycle(480, "gpu_mean_watts", Stat::Mean),
            by_cycle(490, "gpu_max_watts", Stat::Max),
            printed(130, "watts", Stat::Mean, 1),
        ],
    },
    Metric {
        key: "mhz",
        title: "Clock",
        unit: Unit::Megahertz,
        is_estimated: false,
        better: Better::Neither,
        definition: "clock of the GPUs that count, MHz, over the samples of the cycle",
        level: OfLevel::Samples(|l| l.gpu.map(|gpu| gpu.mhz).unwrap_or_default()),
        request: None,
        shown: &[
            by_cycle(440, "mhz_mean", Stat::Mean),
            by_cycle(500, "gpu_mean_mhz", Stat::Mean),
            by_cycle(510, "gpu_max_mhz", Stat::Max),
            printed(140, "MHz", Stat::Mean, 0),
        ],
    },
    Metric {
        key: "rss_max_bytes",
        title: "RSS",
        unit: Unit::Bytes,
        is_estimated: false,
        better: Better::Lower,
        definition: "the most resident memory of the server's processes together",
        level: OfLevel::Value(|l| l.machine.rss_max_bytes.map(|bytes| bytes as f64)),
        request: None,
        shown: &[
            by_cycle(450, "rss_max_bytes", Stat::Mean),
            printed(170, "RSS GB", Stat::Mean, 2),
        ],
    },
    Metric {
        key: "threads_max",
        title: "Threads",
        unit: Unit::Threads,
        is_estimated: false,
        better: Better::Neither,
        definition: "the most threads of the server's processes together",
        level: OfLevel::Value(|l| l.machine.threads_max.map(|threads| threads as f64)),
        request: None,
        shown: &[by_cycle(460, "threads_max", Stat::Mean)],
    },
    Metric {
        key: "descriptors_max",
        title: "Descriptors",
        unit: Unit::Descriptors,
        is_estimated: false,
        better: Better::Neither,
        definition: "the most open descriptors of the server's processes together",
        level: OfLevel::Value(|l| l.machine.descriptors_max.map(|open| open as f64)),
        request: None,
        shown: &[by_cycle(470, "descriptors_max", Stat::Mean)],
    },
];

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::path::Path;

    use strum::IntoEnumIterator as _;

    use super::*;

    const BEGIN: &str =
        "<!-- metrics: written by `TOKOMETER_UPDATE=1 cargo test --lib metric` -->\n";
    const END: &str = "<!-- end of metrics -->";

    /// README's list.
    fn list() -> String {
        let rows = METRICS.iter().map(|metric| {
            let unit = match metric.unit {
                Unit::Share => "0–1",
                unit => unit.symbol(),
            };
            let (title, key, definition) = (metric.title, metric.key, metric.definition);
            format!("| {title} | `{key}` | {unit} | {definition} |\n")
        });
        let head = "| metric | key | unit | meaning |\n|---|---|---|---|\n";
        std::iter::once(head.to_owned()).chain(rows).collect()
    }

    #[test]
    fn readme_lists_every_metric() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md");
        let readme = std::fs::read_to_string(&path).unwrap();
        let (before, rest) = readme.split_once(BEGIN).unwrap();
        let (listed, after) = rest.split_once(END).unwrap();
        if std::env::var_os("TOKOMETER_UPDATE").is_some() {
            std::fs::write(&path, format!("{before}{BEGIN}{}{END}{after}", list())).unwrap();
            return;
        }
        assert_eq!(
            listed,
            list(),
            "run `TOKOMETER_UPDATE=1 cargo test --lib metric`"
        );
    }

    #[test]
    fn no_key_comes_twice_and_no_two_share_a_place() {
        let keys: BTreeSet<&str> = METRICS.iter().map(|metric| metric.key).collect();
        assert_eq!(keys.len(), METRICS.len());
        for outlet in Outlet::iter() {
            let all = shown(outlet);
            let places: BTreeSet<u16> = all.iter().map(|(_, shown)| shown.place).collect();
            assert_eq!(places.len(), all.len(), "{outlet:?}");
            assert!(!all.is_empty(), "{outlet:?} shows nothing");
        }
    }

    /// What a metric is called in files is a key of `summary.json`, or part of its machine.
    #[test]
    fn every_key_is_one_of_the_summary() {
        let level = serde_json::to_value(LevelMetrics::default()).unwrap();
        for metric in METRICS {
            let (key, here) = (metric.key, level.get(metric.key));
            let there = level["machine"].get(key).is_some() || matches!(key, "watts" | "mhz");
            // Of requests alone there is none.
            assert!(here.is_some() || there, "{key}");
        }
    }
}
