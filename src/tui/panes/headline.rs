//! The one number: the speed that each user feels now, large, and beside it what it depends on.

use ratatui::Frame;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::macros::{horizontal, vertical};
use ratatui::text::{Line, Span};
use ratatui::widgets::{Paragraph, Widget};

use crate::event::{RunEnd, Stamp};
use crate::metrics::state::{CycleState, Stage};
use crate::metrics::verdict::judgment;
use crate::text::numbers::{self, decimal, percent, u16_of};
use crate::tui::PaneContext;
use crate::tui::panes::figures::{self, Judged};
use crate::tui::panes::popup::wrapped;
use crate::tui::widgets::digits::Size;
use crate::tui::widgets::{Title, columns, digits, frame, text};

/// Width of the facts beside the number.
const FACTS: u16 = 42;
/// The gaps between the number, the facts and the chart.
const BESIDE: u16 = 4;
/// Least width of the chart beside the facts.
const CHART: u16 = 16;

/// Draws the pane.
pub fn render(frame: &mut Frame<'_>, area: Rect, cx: &PaneContext<'_>) {
    let cycle = cycle(cx);
    let main = cycle.map_or_else(
        || "Speed".to_owned(),
        |cycle| format!("Speed · {}", numbers::users(cycle.users)),
    );
    let title = Title::new(main).aside(stage(cx));
    frame::pane(frame, area, cx, &title, |buf, inner| {
        let facts = HeadlineFacts::new(cx, cycle);
        let room = inner.width.saturating_sub(FACTS + BESIDE);
        match Size::fitting(&facts.number, room, inner.height, cx.theme.ascii) {
            Some(size) => large(buf, inner, cx, &facts, size),
            None => small(buf, inner, cx, &facts),
        }
    });
}

/// The current cycle while the run continues, the chosen one after it.
fn cycle<'a>(cx: &PaneContext<'a>) -> Option<&'a CycleState> {
    if cx.run.is_running() {
        cx.run.current()
    } else {
        cx.shown_cycle().or_else(|| cx.run.current())
    }
}

/// What the run is doing, in a few words.
fn stage(cx: &PaneContext<'_>) -> String {
    if cx.run.paused && cx.run.is_running() {
        return "paused".to_owned();
    }
    let left = |until: &Stamp| text::plain(until.since(cx.now).ceil());
    match &cx.run.stage {
        Stage::Idle => "not started".to_owned(),
        Stage::Warming { done, of } => match cx.run.load_s {
            Some((took_s, _)) => {
                let took = text::seconds(Some(took_s));
                format!("loaded in {took} · warming up {done}/{of}")
            }
            None => format!("loading and warming up {done}/{of}"),
        },
        Stage::Idling { until } => format!("measuring idle power, {} s (n skips)", left(until)),
        Stage::Connecting => "opening connections".to_owned(),
        Stage::Cycle => "running".to_owned(),
        Stage::Resting { until, next_users } => {
            format!(
                "rest {} s, then {}",
                left(until),
                numbers::users(*next_users)
            )
        }
        Stage::ServerGone { until, is_loading } => {
            let next = cx.run.current().map_or_else(String::new, |cycle| {
                format!(", then {}", numbers::users(cycle.users))
            });
            let what = if *is_loading {
                "the server loads its model"
            } else {
                "✘ no server"
            };
            format!("{what}: wait {} s{next}", left(until))
        }
        Stage::Ended(RunEnd::ServerGone) => "✘ the server did not come back".to_owned(),
        Stage::Ended(RunEnd::Done) => "done".to_owned(),
        Stage::Ended(RunEnd::Stopped | RunEnd::Signal(_)) => "stopped".to_owned(),
        Stage::Ended(RunEnd::Failed(_)) => "✘ failed".to_owned(),
    }
}

struct HeadlineFacts {
    number: String,
    speed: Judged,
    lines: Vec<(&'static str, Vec<Span<'static>>)>,
    /// Why the run could not continue.
    failure: Option<String>,
    series: Vec<f64>,
}

impl HeadlineFacts {
    fn new(cx: &PaneContext<'_>, cycle: Option<&CycleState>) -> Self {
        let speed = cycle.and_then(|cycle| figures::speed(cx.run, cycle, cx.now));
        let judged = cycle.map_or(Judged::Unknown, |cycle| {
            Judged::speed_of(cx.run, cycle, speed, &cx.limits)
        });
        let failure = match &cx.run.stage {
            Stage::Ended(RunEnd::Failed(why)) => Some(format!("✘ {why}")),
            _ => None,
        };
        let none = || vec![("tok/s", vec![Span::styled("no cycle yet", cx.theme.dim)])];
        Self {
            number: text::tok_s(speed),
            speed: judged,
            lines: cycle.map_or_else(none, |cycle| lines(cx, cycle, speed, judged)),
            failure,
            series: cycle.map(|cycle| series(cx, cycle)).unwrap_or_default(),
        }
    }

    fn line(&self, label: &str, cx: &PaneContext<'_>) -> Line<'static> {
        let mut spans = vec![Span::styled(format!("{label:<8}"), cx.theme.dim)];
        let found = self.lines.iter().find(|(of, _)| *of == label);
        spans.extend(found.map(|(_, spans)| spans.clone()).unwrap_or_default());
        Line::from(spans)
    }

    /// Fewer lines than facts: two of them share the last one.
    fn joined(&self, most: u16, cx: &PaneContext<'_>) -> Vec<Line<'static>> {
        let (whole, last): (&[&str], &str) = match most {
            ..4 => (&["tok/s", "wait"], "users"),
            4 => (&["tok/s", "wait", "within"], "users"),
            _ => (&["tok/s", "wait", "within", "users"], "time"),
        };
        let mut lines: Vec<Line<'_>> = whole.iter().map(|label| self.line(label, cx)).collect();
        let mut system = self.line("system", cx);
        system.push_span(Span::raw(format!(" · {last} ")));
        system
            .spans
            .extend(self.line(last, cx).spans.into_iter().skip(1));
        lines.push(system);
        lines
    }

    /// The facts in as many lines as there are, two of them on one where there are few; a failure
    /// takes the place of the last ones.
    fn in_lines(&self, width: u16, most: u16, cx: &PaneContext<'_>) -> Vec<Line<'static>> {
        let labels = self.lines.iter().map(|(label, _)| *label);
        let mut lines: Vec<Line<'_>> = labels.map(|label| self.line(label, cx)).collect();
        if usize::from(most) < lines.len() {
            lines = self.joined(most, cx);
        }
        if let Some(failure) = &self.failure {
            let mut words = wrapped(failure, usize::from(width), cx.theme.bad);
            words.truncate(2);
            lines.truncate(usize::from(most).saturating_sub(words.len()));
            lines.extend(words);
        }
        lines
    }
}

fn lines(
    cx: &PaneContext<'_>,
    cycle: &CycleState,
    speed: Option<f64>,
    judged: Judged,
) -> Vec<(&'static str, Vec<Span<'static>>)> {
    let when = if figures::is_now(cx.run, cycle, cx.now) {
        "now"
    } else {
        "mean"
    };
    let per_user = Span::raw(format!("per user, {when}  "));
    let system = text::tok_s(figures::throughput(cx.run, cycle));
    let finished = figures::finished(cx.run, cycle);
    let failed = cycle.failed();
    let mut users = vec![Span::raw(format!("{} · {finished} finished", cycle.users))];
    if failed > 0 {
        users.push(Span::styled(format!(" · ✘ {failed} failed"), cx.theme.bad));
    }
    let time = text::clock(figures::elapsed_s(cycle, cx.now));
    vec![
        (
            "tok/s",
            vec![per_user, speed_verdict(cx, cycle, speed, judged)],
        ),
        ("wait", wait(cx, cycle)),
        ("within", within(cx, cycle)),
        ("system", vec![Span::raw(format!("{system} tok/s"))]),
        ("users", users),
        ("time", vec![Span::raw(time)]),
    ]
}

/// Tokens of each whole second; the one that is not over would always look like a fall.
fn series(cx: &PaneContext<'_>, cycle: &CycleState) -> Vec<f64> {
    let open = usize::from(figures::is_running(cx.run, cycle));
    let whole = cycle.tokens_per_second.len().saturating_sub(open);
    cycle
        .tokens_per_second
        .iter()
        .take(whole)
        .copied()
        .collect()
}

fn speed_verdict(
    cx: &PaneContext<'_>,
    cycle: &CycleState,
    speed: Option<f64>,
    judged: Judged,
) -> Span<'static> {
    let limit = text::plain(cx.limits.speed_tok_s);
    let words = match judged {
        Judged::Near | Judged::Bad if Judged::speed(speed, &cx.limits) != judged => {
            let least = frame::at_least(cx.theme);
            in_part(
                judged,
                cycle.met_speed(&cx.limits),
                &format!("{least} {limit}"),
            )
        }
        Judged::Unknown => String::new(),
        Judged::Good => format!("✔ {} {limit}", frame::at_least(cx.theme)),
        Judged::Near => format!("! just below {limit}"),
        Judged::Bad => format!("✘ below {limit}"),
    };
    Span::styled(words, judged.style(cx.theme))
}

/// `✘ 3 of 8 ≥ 19.9`: the mean is good, but too few requests are.
fn in_part(judged: Judged, (met, of): (u64, u64), limit: &str) -> String {
    let sign = if judged == Judged::Bad { '✘' } else { '!' };
    format!("{sign} {met} of {of} {limit}")
}

fn wait(cx: &PaneContext<'_>, cycle: &CycleState) -> Vec<Span<'static>> {
    let so_far = cycle.wait_so_far(cx.now);
    let judged = Judged::wait_of(cycle, &cx.limits, cx.now);
    if so_far.still_waiting > 0 {
        let sign = match judged {
            Judged::Bad => "  ✘",
            Judged::Near => "  !",
            Judged::Good | Judged::Unknown => "",
        };
        let words = format!(
            "{} {}, {} still waiting",
            frame::at_least(cx.theme),
            text::seconds(so_far.mean_s),
            so_far.still_waiting
        );
        return vec![Span::raw(words), Span::styled(sign, judged.style(cx.theme))];
    }
    let wait = so_far.mean_s;
    let limit = text::plain(cx.limits.wait_s);
    let words = match judged {
        _ if wait.is_none() && cycle.finished() > 0 => "no request succeeded".to_owned(),
        Judged::Near | Judged::Bad if Judged::wait(wait, &cx.limits) != judged => {
            let most = frame::at_most(cx.theme);
            let met = cycle.met_wait(&cx.limits, cx.now);
            in_part(judged, met, &format!("{most} {limit} s"))
        }
        Judged::Unknown => "no token yet".to_owned(),
        Judged::Good => format!("✔ {} {limit} s", frame::at_most(cx.theme)),
        Judged::Near => format!("! just over {limit} s"),
        Judged::Bad => format!("✘ over {limit} s"),
    };
    let mean = text::seconds(wait);
    vec![
        Span::raw(format!("{mean} mean  ")),
        Span::styled(words, judged.style(cx.theme)),
    ]
}

/// How many of the requests met both limits, and what that says: the evidence, as it comes.
fn within(cx: &PaneContext<'_>, cycle: &CycleState) -> Vec<Span<'static>> {
    let (met, of) = cycle.met(&cx.limits);
    let judged = judgment(met, of, cycle.users, cx.limits.share);
    let share = judged.share.zip(judged.low).zip(judged.high);
    let (Some(((share, low), high)), Some(state)) = (share, judged.state) else {
        let words = match cycle.finished() {
            0 => "no request has ended yet",
            _ => "no request can be judged",
        };
        return vec![Span::styled(words, cx.theme.dim)];
    };
    let [low, high] = [low, high].map(|share| decimal(share * 100.0, 0));
    let counted = format!(
        "{} of {}, {} ({low}–{high})  ",
        judged.met,
        judged.of,
        percent(Some(share), 0)
    );
    let state = Span::styled(
        state.to_string(),
        crate::tui::panes::verdict::style(cx.theme, state),
    );
    vec![Span::raw(counted), state]
}

fn large(buf: &mut Buffer, area: Rect, cx: &PaneContext<'_>, facts: &HeadlineFacts, size: Size) {
    let (width, height) = size.area(&facts.number);
    // As wide as four digits and a point, so that the rest stands still while the number changes.
    let steady = size
        .area("000.0")
        .0
        .min(area.width.saturating_sub(FACTS + BESIDE));
    let columns = horizontal![==1, ==width.max(steady), ==2, ==FACTS, ==1, *=1];
    let [_, number, _, words, _, chart] = columns.areas(area);
    let style = match facts.speed {
        Judged::Unknown => cx.theme.dim,
        judged => cx.theme.headline.patch(judged.style(cx.theme)),
    };
    let top = number.height.saturating_sub(height) / 2;
    let number = Rect {
        y: number.y.saturating_add(top),
        height,
        ..number
    };
    digits::digits(buf, number, &facts.number, size, style);
    // Without a chart beside them the words may run on.
    let charted = chart.width >= CHART && !facts.series.is_empty() && facts.failure.is_none();
    let words = if charted { words } else { words.union(chart) };
    let lines = facts.in_lines(words.width, words.height, cx);
    let above = words.height.saturating_sub(u16_of(lines.len())) / 2;
    let words = Rect {
        y: words.y.saturating_add(above),
        height: words.height.saturating_sub(above),
        ..words
    };
    Paragraph::new(lines).render(words, buf);
    if charted {
        over_time(buf, chart, cx, &facts.series);
    }
}

/// Throughput over time, as high as the pane.
fn over_time(buf: &mut Buffer, area: Rect, cx: &PaneContext<'_>, series: &[f64]) {
    let style = cx.theme.series.first().copied().unwrap_or_default();
    let top = series
        .iter()
        .copied()
        .filter(|v| v.is_finite())
        .fold(0.0, f64::max);
    let peak = format!("system tok/s over time, peak {}", text::tok_s(Some(top)));
    let [label, bars] = vertical![==1, *=1].areas(area);
    Line::styled(text::fit(&peak, usize::from(label.width)), cx.theme.dim).render(label, buf);
    let shown = series.len().min(usize::from(bars.width));
    for (i, column) in bars.columns().take(shown).enumerate() {
        let (from, to) = (i * series.len() / shown, (i + 1) * series.len() / shown);
        let part = series.get(from..to).unwrap_or_default();
        let mean = part.iter().sum::<f64>() / part.len() as f64;
        columns::column(buf, column, mean / top, style);
    }
}

fn small(buf: &mut Buffer, area: Rect, cx: &PaneContext<'_>, facts: &HeadlineFacts) {
    let style = cx.theme.headline.patch(facts.speed.style(cx.theme));
    let mut first = vec![
        Span::styled(format!("{} ", facts.number), style),
        Span::raw("tok/s "),
    ];
    let of = |label: &str| facts.lines.iter().find(|(of, _)| *of == label);
    let verdict = of("tok/s").and_then(|(_, spans)| spans.last());
    first.extend(verdict.cloned());
    let rest = ["wait", "system", "users", "time"]
        .iter()
        .filter_map(|label| of(label));
    let mut lines = vec![Line::from(first)];
    if let Some(failure) = &facts.failure {
        let words = text::fit(failure, usize::from(area.width));
        lines.push(Line::styled(words, cx.theme.bad));
    }
    for (label, spans) in rest {
        let mut words = vec![Span::styled(format!("{label} "), cx.theme.dim)];
        words.extend(spans.iter().cloned());
        let joined = lines.last().map_or(0, Line::width) + 3;
        let line = Line::from(words);
        let alone = usize::from(area.height) > lines.len();
        if joined + line.width() <= usize::from(area.width) {
            if let Some(last) = lines.last_mut() {
                last.push_span(Span::styled(" · ", cx.theme.dim));
                last.spans.extend(line.spans);
            }
        } else if alone {
            lines.push(line);
        }
    }
    Paragraph::new(lines).render(area, buf);
}
