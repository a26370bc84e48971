//! The metrics themselves. A new one is an entry here and a function that computes it.

use crate::event::RequestRecord;
use crate::metrics::devices;
use crate::metrics::dist::Dist;
use crate::metrics::level::LevelMetrics;
use crate::metrics::metric::{Better, Metric, OfLevel, Outlet, Shown, Stat, Unit};
use crate::metrics::sample::Sample;
use crate::plan::Limits;

impl Metric {
    const fn new(key: &'static str, title: &'static str, unit: Unit, better: Better) -> Self {
        Self {
            key,
            short: None,
            title,
            unit,
            is_estimated: false,
            is_optional: false,
            better,
            definition: "",
            level: OfLevel::Value(|_| None),
            request: None,
            counts: None,
            shown: &[],
        }
    }

    const fn short(mut self, short: &'static str) -> Self {
        self.short = Some(short);
        self
    }

    const fn estimated(mut self) -> Self {
        self.is_estimated = true;
        self
    }

    const fn optional(mut self) -> Self {
        self.is_optional = true;
        self
    }

    const fn definition(mut self, definition: &'static str) -> Self {
        self.definition = definition;
        self
    }

    const fn single(mut self, value: fn(&LevelMetrics) -> Option<f64>) -> Self {
        self.level = OfLevel::Value(value);
        self
    }

    const fn dist(mut self, dist: fn(&LevelMetrics) -> &Dist) -> Self {
        self.level = OfLevel::Dist(dist);
        self
    }

    const fn samples(mut self, samples: fn(&LevelMetrics) -> devices::Stat) -> Self {
        self.level = OfLevel::Samples(samples);
        self
    }

    const fn request(mut self, request: fn(&RequestRecord) -> Option<f64>) -> Self {
        self.request = Some(request);
        self
    }

    const fn counts(mut self, counts: fn(&Sample, &Limits) -> Option<bool>) -> Self {
        self.counts = Some(counts);
        self
    }

    const fn shown(mut self, shown: &'static [Shown]) -> Self {
        self.shown = shown;
        self
    }
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

/// A column of the report's table of energy.
const fn energy(place: u16, head: &'static str, stat: Stat, digits: usize) -> Shown {
    at(Outlet::ReportEnergy, place, head, stat, digits)
}

/// A column of the report's table of server and client.
const fn server(place: u16, head: &'static str, stat: Stat, digits: usize) -> Shown {
    at(Outlet::ReportServer, place, head, stat, digits)
}

/// A column of the card to share.
const fn card(place: u16, head: &'static str, digits: usize) -> Shown {
    at(Outlet::Card, place, head, Stat::Mean, digits)
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

/// A row of `compare`, with the caption of its table in the report.
const fn compared(place: u16, caption: &'static str) -> Shown {
    at(Outlet::Compare, place, caption, Stat::Mean, 0)
}

/// Every metric.
pub const METRICS: &[Metric] = &[
    Metric::new("duration_s", "Cycle", Unit::Seconds, Better::Neither)
        .definition("first request sent → last one finished, seconds; summed over repeats")
        .single(|l| l.duration_s)
        .shown(&[
            by_cycle(60, "duration_s", Stat::Mean),
            report(150, "Cycle", Stat::Mean, 1),
            energy(10, "Duration", Stat::Mean, 1),
        ]),
    Metric::new("requests", "Requests", Unit::Requests, Better::Neither)
        .definition("requests that finished, successfully or not; cancelled ones do not count")
        .single(|l| Some(l.requests as f64))
        .shown(&[
            by_cycle(70, "requests", Stat::Mean),
            report(20, "Requests", Stat::Mean, 0),
            printed(20, "requests", Stat::Mean, 0),
            pane(20, "requests", Stat::Mean, 8, 3),
        ]),
    Metric::new("failed", "Failed", Unit::Requests, Better::Lower)
        .definition("requests that failed for any reason; excluded from all means and percentiles")
        .single(|l| Some(l.failed as f64))
        .shown(&[
            by_cycle(80, "failed", Stat::Mean),
            report(30, "Failed", Stat::Mean, 0),
            printed(30, "failed", Stat::Mean, 0),
            pane(30, "failed", Stat::Mean, 6, 1),
        ]),
    Metric::new("cancelled", "Cancelled", Unit::Requests, Better::Neither)
        .definition("requests in flight when the cycle was skipped or the run stopped, or that lost their server; excluded from everything else")
        .single(|l| Some(l.cancelled as f64))
        .shown(&[by_cycle(90, "cancelled", Stat::Mean)]),
    Metric::new("error_rate", "Errors", Unit::Share, Better::Lower)
        .short("errors")
        .definition("failed requests / finished requests")
        .single(|l| l.error_rate)
        .counts(|sample, _| Some(sample.failed))
        .shown(&[
            by_cycle(100, "error_rate", Stat::Mean),
            report(40, "Errors", Stat::Mean, 1),
            card(40, "Failed", 1),
            compared(50, "Failed requests, percent; differences in points"),
        ]),
    Metric::new("speed_tok_s", "Speed", Unit::TokensPerSecond, Better::Higher)
        .short("speed")
        .estimated()
        .definition("tokens per second of a single answer, without the wait: 1 / TPOT")
        .dist(|l| &l.speed_tok_s)
        .request(RequestRecord::speed_tok_s)
        .shown(&[
            by_request(230, "speed_tok_s"),
            by_cycle(210, "speed_mean_tok_s", Stat::Mean),
            by_cycle(220, "speed_p50_tok_s", Stat::P50),
            by_cycle(230, "speed_p5_tok_s", Stat::P5),
            by_cycle(240, "speed_p1_tok_s", Stat::P1),
            by_cycle(250, "speed_min_tok_s", Stat::Min),
            report(50, "Speed mean", Stat::Mean, 1),
            report(60, "p5", Stat::P5, 1),
            report(70, "min", Stat::Min, 1),
            card(10, "Speed", 1),
            server(10, "Speed here", Stat::Mean, 2),
            detailed(Outlet::ReportDurations, 30, "Speed, tokens/s", 2),
            printed(40, "tok/s mean", Stat::Mean, 1),
            printed(50, "min", Stat::Min, 1),
            pane(40, "tok/s", Stat::Mean, 6, 0),
            pane(50, "p5", Stat::P5, 6, 8),
            pane(60, "min", Stat::Min, 6, 4),
            compared(10, "Mean speed of one answer, tokens/s"),
        ]),
    Metric::new("server_speed_tok_s", "Server-reported speed", Unit::TokensPerSecond, Better::Higher)
        .definition("tokens per second of a single answer by the server's own clock and token count, if it reports both")
        .dist(|l| &l.server_speed_tok_s)
        .request(|r| r.server.speed_tok_s())
        .shown(&[
            by_request(310, "server_speed_tok_s"),
            by_cycle(260, "server_speed_mean_tok_s", Stat::Mean),
            detailed(
                Outlet::ReportDurations,
                40,
                "Server-reported speed, tokens/s",
                2,
            ),
            server(20, "By the server", Stat::Mean, 2),
            printed_below(70, "server tok/s", 1),
            pane(142, "server", Stat::Mean, 6, 10),
        ]),
    Metric::new("ttfb_s", "TTFB", Unit::Seconds, Better::Lower)
        .definition("request sent → first byte of the response body, seconds")
        .dist(|l| &l.ttfb_s)
        .request(RequestRecord::ttfb_s)
        .shown(&[
            by_request(130, "ttfb_s"),
            by_cycle(115, "ttfb_mean_s", Stat::Mean),
            detailed(Outlet::ReportWaits, 10, "TTFB", 3),
            printed_below(10, "TTFB s", 3),
            detail(10, "first byte"),
        ]),
    Metric::new("ttft_s", "Wait (TTFT)", Unit::Seconds, Better::Lower)
        .short("wait")
        .definition("request sent → first token of any kind, thinking included, seconds; called wait on screens and in charts")
        .dist(|l| &l.ttft_s)
        .request(RequestRecord::ttft_s)
        .shown(&[
            by_request(140, "ttft_s"),
            by_cycle(120, "ttft_mean_s", Stat::Mean),
            by_cycle(130, "ttft_p50_s", Stat::P50),
            by_cycle(140, "ttft_p95_s", Stat::P95),
            by_cycle(145, "ttft_p95_upper_s", Stat::P95Upper),
            by_cycle(150, "ttft_p99_s", Stat::P99),
            by_cycle(155, "ttft_p99_upper_s", Stat::P99Upper),
            by_cycle(160, "ttft_max_s", Stat::Max),
            report(80, "Wait mean", Stat::Mean, 2),
            report(90, "max", Stat::Max, 2),
            card(20, "Wait", 2),
            detailed(Outlet::ReportWaits, 20, "Wait (TTFT)", 3),
            printed(60, "wait s mean", Stat::Mean, 2),
            printed(70, "max", Stat::Max, 2),
            pane(70, "wait", Stat::Mean, 7, 0),
            pane(80, "p95", Stat::P95, 7, 7),
            pane(85, "p95 ≤", Stat::P95Upper, 7, 16),
            pane(90, "max", Stat::Max, 7, 4),
            detail(20, "first token"),
            compared(20, "Mean wait for the first token, seconds"),
        ]),
    Metric::new("ttfa_s", "TTFA", Unit::Seconds, Better::Lower)
        .definition("request sent → first token of the answer proper, after any thinking, seconds")
        .dist(|l| &l.ttfa_s)
        .request(RequestRecord::ttfa_s)
        .shown(&[
            by_request(150, "ttfa_s"),
            by_cycle(170, "ttfa_mean_s", Stat::Mean),
            detailed(Outlet::ReportWaits, 30, "TTFA", 3),
            printed_below(20, "TTFA s", 3),
            pane(92, "TTFA", Stat::Mean, 7, 11),
            detail(30, "first answer"),
        ]),
    Metric::new("queue_wait_s", "Queue wait", Unit::Seconds, Better::Lower)
        .definition("time spent queued behind other requests: TTFT − (model load + prompt evaluation), seconds; known only if the server reports both")
        .dist(|l| &l.queue_wait_s)
        .request(RequestRecord::queue_wait_s)
        .shown(&[
            by_request(280, "queue_wait_s"),
            by_cycle(175, "queue_wait_mean_s", Stat::Mean),
            detailed(Outlet::ReportWaits, 40, "Queue wait", 3),
            server(60, "Queue wait mean", Stat::Mean, 3),
            server(70, "max", Stat::Max, 3),
            printed_below(30, "queue s", 3),
            pane(94, "queue", Stat::Mean, 7, 9),
            detail(40, "in queue"),
        ]),
    Metric::new("connect_s", "Connect", Unit::Seconds, Better::Lower)
        .definition("time to open a connection, seconds; excluded from waits and durations")
        .dist(|l| &l.connect_s)
        .request(|r| r.connect_us.map(|micros| micros as f64 / 1e6))
        .shown(&[
            by_request(260, "connect_s"),
            by_cycle(290, "connect_max_s", Stat::Max),
            detailed(Outlet::ReportWaits, 50, "Connect", 4),
            server(80, "Connect mean", Stat::Mean, 4),
            server(90, "max", Stat::Max, 4),
            printed_below(60, "connect s", 4),
            detail(70, "connect"),
        ]),
    Metric::new("tls_s", "TLS", Unit::Seconds, Better::Lower)
        .optional()
        .definition("time of the TLS handshake on a connection that is open, seconds; excluded from waits and durations; none over plain http")
        .dist(|l| &l.tls_s)
        .request(|r| r.tls_us.map(|micros| micros as f64 / 1e6))
        .shown(&[
            by_request(265, "tls_s"),
            by_cycle(293, "tls_max_s", Stat::Max),
            detailed(Outlet::ReportWaits, 60, "TLS", 4),
            detail(75, "TLS"),
        ]),
    Metric::new("total_s", "Duration", Unit::Seconds, Better::Lower)
        .short("total")
        .definition("request sent → end of the answer, seconds")
        .dist(|l| &l.total_s)
        .request(RequestRecord::total_s)
        .shown(&[
            by_request(160, "total_s"),
            by_cycle(180, "total_min_s", Stat::Min),
            by_cycle(190, "total_mean_s", Stat::Mean),
            by_cycle(200, "total_max_s", Stat::Max),
            detailed(Outlet::ReportDurations, 10, "Duration, s", 2),
            printed(80, "total s mean", Stat::Mean, 1),
            printed(90, "max", Stat::Max, 1),
            pane(100, "total", Stat::Mean, 7, 5),
            compared(30, "Mean duration of a request, seconds"),
        ]),
    Metric::new("response_s", "Response", Unit::Seconds, Better::Lower)
        .definition("first token → last token, seconds: the duration without the wait")
        .dist(|l| &l.response_s)
        .request(RequestRecord::response_s)
        .shown(&[
            by_request(165, "response_s"),
            by_cycle(205, "response_mean_s", Stat::Mean),
            detailed(Outlet::ReportDurations, 20, "Response, s", 2),
            printed_below(40, "response s", 2),
            pane(102, "answer", Stat::Mean, 7, 12),
            detail(45, "response"),
        ]),
    Metric::new("tpot_s", "TPOT", Unit::Seconds, Better::Lower)
        .estimated()
        .definition("time per output token: (last token − first token) / (output tokens − 1), seconds; unknown for answers with fewer than two tokens")
        .dist(|l| &l.tpot_s)
        .request(RequestRecord::tpot_s)
        .shown(&[
            by_request(220, "tpot_s"),
            by_cycle(265, "tpot_mean_s", Stat::Mean),
            detailed(Outlet::ReportGaps, 10, "TPOT", 4),
            printed_below(50, "TPOT s", 4),
            pane(104, "TPOT", Stat::Mean, 7, 13),
            detail(50, "TPOT"),
        ]),
    Metric::new("itl_s", "ITL", Unit::Seconds, Better::Lower)
        .definition("inter-token latency: the gap between successive chunks that carry tokens, seconds")
        .dist(|l| &l.itl_s)
        // A request has many: its files and its detail give their median and the longest.
        .shown(&[
            by_cycle(270, "itl_p50_s", Stat::P50),
            by_cycle(280, "itl_p99_s", Stat::P99),
            detailed(Outlet::ReportGaps, 20, "ITL", 4),
            printed_below(55, "ITL s", 4),
            pane(106, "ITL", Stat::P50, 7, 14),
        ]),
    Metric::new("system_tok_s", "Throughput", Unit::TokensPerSecond, Better::Higher)
        .estimated()
        .definition("output tokens of successful requests / (last final chunk − first request sent), tokens per second, all users combined")
        .single(|l| l.system_tok_s)
        .shown(&[
            by_cycle(300, "system_tok_s", Stat::Mean),
            report(100, "Throughput", Stat::Mean, 1),
            card(30, "Throughput", 1),
            printed(100, "system tok/s", Stat::Mean, 1),
            pane(110, "system", Stat::Mean, 6, 2),
        ]),
    Metric::new("steady_tok_s", "Steady throughput", Unit::TokensPerSecond, Better::Higher)
        .short("throughput")
        .estimated()
        .definition("throughput while at least 95 % of the users were in flight")
        .single(|l| l.steady_tok_s)
        .shown(&[
            by_cycle(310, "steady_tok_s", Stat::Mean),
            report(110, "Steady", Stat::Mean, 1),
            printed(110, "steady", Stat::Mean, 1),
            pane(112, "steady", Stat::Mean, 6, 15),
            compared(40, "Steady throughput, all answers together, tokens/s"),
        ]),
    Metric::new("goodput_req_s", "Goodput", Unit::RequestsPerSecond, Better::Higher)
        .definition("requests that met every limit / duration of the cycle, requests per second")
        .single(|l| l.goodput_req_s)
        .shown(&[
            by_cycle(320, "goodput_req_s", Stat::Mean),
            report(115, "Goodput", Stat::Mean, 2),
            printed_below(90, "goodput req/s", 2),
            pane(114, "goodput", Stat::Mean, 7, 10),
        ]),
    Metric::new("attainment", "Within limits", Unit::Share, Better::Higher)
        .short("share")
        .definition("requests that met every limit / requests that can be judged; a failed request missed them all, and one with an unknown wait or speed is left out unless it missed the other limit")
        .single(|l| l.attainment)
        .counts(Sample::meets_both)
        .shown(&[
            by_cycle(330, "attainment", Stat::Mean),
            report(140, "Within limits", Stat::Mean, 0),
            printed_below(100, "in limits %", 0),
            pane(150, "within limits", Stat::Mean, 13, 3),
            compared(60, "Requests within the limits, percent; differences in points"),
        ]),
    Metric::new("output_tokens", "Tokens", Unit::Tokens, Better::Neither)
        .estimated()
        .definition("output tokens of successful requests, thinking included, as counted by the server; marked ~ where stream chunks were counted instead")
        .single(|l| Some(l.output_tokens as f64))
        .request(|r| {
            let any = r.first_token.is_some() || r.server.output_tokens.is_some();
            any.then(|| r.output_tokens() as f64)
        })
        .shown(&[
            by_request(180, "output_tokens"),
            by_cycle(340, "output_tokens", Stat::Mean),
            report(120, "Tokens", Stat::Mean, 0),
            server(30, "Tokens", Stat::Mean, 0),
            printed(120, "tokens", Stat::Mean, 0),
            pane(120, "tokens", Stat::Mean, 6, 6),
        ]),
    Metric::new("prompt_tokens", "Prompt tokens", Unit::Tokens, Better::Neither)
        .definition("prompt tokens as counted by the server, if it reports them")
        .single(|l| l.prompt_tokens.map(|tokens| tokens as f64))
        .request(|r| r.server.prompt_tokens.map(|tokens| tokens as f64))
        .shown(&[
            by_request(290, "prompt_tokens"),
            by_cycle(345, "prompt_tokens", Stat::Mean),
            server(50, "Prompt tokens", Stat::Mean, 0),
            printed_below(85, "prompt tokens", 0),
        ]),
    Metric::new("server_output_tokens", "Server-counted tokens", Unit::Tokens, Better::Neither)
        .definition("output tokens as counted by the server, thinking included; absent if it reports none")
        .single(|l| l.server_output_tokens.map(|tokens| tokens as f64))
        .request(|r| r.server.output_tokens.map(|tokens| tokens as f64))
        .shown(&[
            by_request(300, "server_output_tokens"),
            by_cycle(342, "server_output_tokens", Stat::Mean),
            server(40, "By the server", Stat::Mean, 0),
            printed_below(80, "server tokens", 0),
        ]),
    Metric::new("thinking_share", "Thinking", Unit::Share, Better::Neither)
        .definition("chunks of thinking / all chunks of the answers")
        .single(|l| l.thinking_share)
        .request(RequestRecord::thinking_share)
        .shown(&[
            by_request(215, "thinking_share"),
            by_cycle(350, "thinking_share", Stat::Mean),
            report(125, "Thinking", Stat::Mean, 0),
            printed_below(95, "thinking %", 0),
            detail(60, "thinking"),
        ]),
    Metric::new("retries", "Retries", Unit::Times, Better::Lower)
        .definition("requests sent again because a kept-alive connection had gone stale")
        .single(|l| l.retries.map(|times| times as f64))
        .request(|r| r.retries.map(f64::from))
        .shown(&[
            by_request(270, "retries"),
            by_cycle(295, "retries", Stat::Mean),
            detail(90, "retries"),
        ]),
    Metric::new("energy_j", "Energy", Unit::Joules, Better::Lower)
        .definition("energy used during the cycle, joules; the scope says which devices are included")
        .single(|l| l.energy_j)
        .shown(&[by_cycle(370, "energy_j", Stat::Mean)]),
    Metric::new("j_per_token", "J/token", Unit::JoulesPerToken, Better::Lower)
        .short("energy")
        .definition("energy used during the cycle / output tokens, joules, idle power included; absent if power samples cover too little of the cycle")
        .single(|l| l.j_per_token)
        .shown(&[
            by_cycle(380, "j_per_token", Stat::Mean),
            card(50, "J/token", 2),
            energy(80, "J/token", Stat::Mean, 3),
            printed(150, "J/token", Stat::Mean, 3),
            compared(70, "Energy, joules per output token"),
        ]),
    Metric::new("net_j_per_token", "J/token above idle", Unit::JoulesPerToken, Better::Lower)
        .definition("energy per token above what the warm but idle machine uses, joules")
        .single(|l| l.machine.net_j_per_token)
        .shown(&[
            by_cycle(390, "net_j_per_token", Stat::Mean),
            energy(90, "above idle", Stat::Mean, 3),
            printed(160, "net", Stat::Mean, 3),
        ]),
    Metric::new("energy_coverage", "Coverage", Unit::Share, Better::Higher)
        .definition("share of the time in cycles that is covered by power samples")
        .single(|l| l.energy_coverage)
        .shown(&[
            by_cycle(410, "energy_coverage", Stat::Mean),
            energy(120, "Measured", Stat::Mean, 0),
        ]),
    Metric::new("wh", "Watt-hours", Unit::WattHours, Better::Lower)
        .definition("energy used during the cycle, watt-hours")
        .single(|l| l.machine.wh)
        .shown(&[energy(70, "Wh", Stat::Mean, 3)]),
    Metric::new("tokens_per_wh", "Tokens per Wh", Unit::TokensPerWattHour, Better::Higher)
        .estimated()
        .definition("output tokens / energy used during the cycle, tokens per watt-hour, idle power included")
        .single(|l| l.machine.tokens_per_wh)
        .shown(&[energy(100, "Tokens/Wh", Stat::Mean, 0)]),
    Metric::new("cost", "Cost", Unit::Money, Better::Lower)
        .definition("what the energy of the cycle costs, in the currency of --price")
        .single(|l| l.machine.cost)
        .shown(&[energy(110, "Cost", Stat::Mean, 4)]),
    Metric::new("usage_mean_percent", "GPU usage", Unit::Percent, Better::Neither)
        .definition("mean usage of the GPUs in scope during the cycle, percent")
        .single(|l| l.machine.usage_mean_percent)
        .shown(&[energy(40, "Usage", Stat::Mean, 0)]),
    Metric::new("watts", "Power", Unit::Watts, Better::Lower)
        .definition("mean power of the devices in scope while they were sampled, watts; max: the highest mean between two samples")
        .samples(|l| l.gpu.map(|gpu| gpu.watts).unwrap_or_default())
        .shown(&[
            by_cycle(420, "watts_mean", Stat::Mean),
            by_cycle(430, "watts_max", Stat::Max),
            by_cycle(480, "gpu_mean_watts", Stat::Mean),
            by_cycle(490, "gpu_max_watts", Stat::Max),
            printed(130, "watts", Stat::Mean, 1),
            energy(20, "Power mean", Stat::Mean, 1),
            energy(30, "max", Stat::Max, 1),
        ]),
    Metric::new("mhz", "Clock", Unit::Megahertz, Better::Neither)
        .definition("clock of the GPUs in scope during the cycle, MHz")
        .samples(|l| l.gpu.map(|gpu| gpu.mhz).unwrap_or_default())
        .shown(&[
            by_cycle(440, "mhz_mean", Stat::Mean),
            by_cycle(500, "gpu_mean_mhz", Stat::Mean),
            by_cycle(510, "gpu_max_mhz", Stat::Max),
            printed(140, "MHz", Stat::Mean, 0),
            energy(50, "Clock mean", Stat::Mean, 0),
            energy(60, "max", Stat::Max, 0),
        ]),
    Metric::new("rss_max_bytes", "RSS", Unit::Bytes, Better::Lower)
        .definition("peak resident memory of all server processes combined")
        .single(|l| l.machine.rss_max_bytes.map(|bytes| bytes as f64))
        .shown(&[
            by_cycle(450, "rss_max_bytes", Stat::Mean),
            printed(170, "RSS GB", Stat::Mean, 2),
        ]),
    Metric::new("threads_max", "Threads", Unit::Threads, Better::Neither)
        .definition("peak number of threads of all server processes combined")
        .single(|l| l.machine.threads_max.map(|threads| threads as f64))
        .shown(&[by_cycle(460, "threads_max", Stat::Mean)]),
    Metric::new("descriptors_max", "Descriptors", Unit::Descriptors, Better::Neither)
        .definition("peak number of open descriptors of all server processes combined")
        .single(|l| l.machine.descriptors_max.map(|open| open as f64))
        .shown(&[by_cycle(470, "descriptors_max", Stat::Mean)]),
];
