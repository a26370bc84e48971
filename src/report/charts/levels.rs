//! What changes with the number of users.

use crate::metrics::dist::Dist;
use crate::metrics::level::{CountedBy, LevelMetrics};
use crate::metrics::summary::{LevelSummary, Summary};
use crate::report::Report;
use crate::report::charts::axis::Axis;
use crate::report::charts::draw;
use crate::report::charts::figure::{Band, ChartLine, Figure, Look, Panel, Point, Values, Whisker};
use crate::report::charts::palette::Color;
use crate::text::numbers::{plain, users};

/// The largest level of the charts that leave the large ones out.
const FEW: u32 = 32;
/// Says what hollow dots are.
const HOLLOW: &str =
    "Hollow: the slowest request, where there are too few (fewer than 100) for a 99th percentile.";
/// Says what the shade is.
const SHADE: &str = "Shaded: 5 % to 95 % of the requests; where fewer than 20 ended, all of them.";

/// The charts by level.
pub(super) fn figures(report: &Report) -> Vec<Figure> {
    let all = Levels::new(&report.summary, |_| true);
    let few = Levels::new(&report.summary, |users| users <= FEW);
    // Without a larger level the two would be the same.
    let few = (few.levels.len() < all.levels.len() && !few.levels.is_empty()).then_some(few);
    let few = few.as_ref();
    let named = |figure: Figure| Figure {
        name: format!("{}-{FEW}", figure.name),
        title: format!("{}, up to {FEW} users", figure.title),
        ..figure
    };
    let figures = [
        all.answer(),
        all.speed(),
        all.throughput(),
        all.wait(),
        few.and_then(Levels::wait).map(named),
        all.speed_and_wait(),
        all.durations(),
        few.and_then(Levels::durations).map(named),
        all.combined(),
        few.and_then(Levels::combined).map(named),
    ];
    figures.into_iter().flatten().collect()
}

/// Speed by users with its limit, alone.
pub(super) fn speed_panel(summary: &Summary) -> Option<Panel> {
    Levels::new(summary, |_| true).speed_by_users(Look::Dotted)
}

pub(super) struct Levels<'a> {
    pub(super) summary: &'a Summary,
    pub(super) levels: Vec<&'a LevelSummary>,
}

impl<'a> Levels<'a> {
    pub(super) fn new(summary: &'a Summary, wanted: impl Fn(u32) -> bool) -> Self {
        let levels = summary.cycles.iter();
        Self {
            summary,
            levels: levels.filter(|level| wanted(level.users)).collect(),
        }
    }

    /// A figure at each level that has it.
    fn places(&self, figure: impl Fn(&LevelMetrics) -> Option<f64>) -> Vec<(f64, f64)> {
        let levels = self.levels.iter();
        levels
            .filter_map(|level| Some((f64::from(level.users), figure(&level.figures)?)))
            .collect()
    }

    pub(super) fn line(
        &self,
        name: &str,
        color: Color,
        look: Look,
        figure: impl Fn(&LevelMetrics) -> Option<f64>,
    ) -> ChartLine {
        ChartLine::through(name, color, look, self.places(figure))
    }

    /// The bad end: a percentile, or the worst where the sample cannot carry that.
    fn bad_end(
        &self,
        color: Color,
        [far, worst]: [&str; 2],
        ends: impl Fn(&LevelMetrics) -> (Option<f64>, Option<f64>),
    ) -> ChartLine {
        let levels = self.levels.iter();
        let points: Vec<Point> = levels
            .filter_map(|level| {
                let (far, worst) = ends(&level.figures);
                Some(Point {
                    x: f64::from(level.users),
                    y: far.or(worst)?,
                    hollow: far.is_none(),
                })
            })
            .collect();
        let name = match (
            points.iter().any(|p| p.hollow),
            points.iter().all(|p| p.hollow),
        ) {
            (_, true) => worst.to_owned(),
            (false, _) => far.to_owned(),
            (true, false) => format!("{far} / {worst}"),
        };
        ChartLine {
            points,
            ..ChartLine::through(name, color, Look::Beside, [])
        }
    }

    fn band(&self, color: Color, dist: impl Fn(&LevelMetrics) -> Dist) -> Band {
        let levels = self.levels.iter();
        let points = levels.filter_map(|level| {
            let dist = dist(&level.figures);
            let (low, high) = (dist.p5.or(dist.min)?, dist.p95.or(dist.max)?);
            Some((f64::from(level.users), low, high))
        });
        Band {
            color,
            points: points.collect(),
        }
    }

    /// A panel of these lines over the levels; None where they are all empty.
    pub(super) fn panel(
        &self,
        title: &str,
        lines: Vec<ChartLine>,
        bands: Vec<Band>,
        limit: Option<(f64, String)>,
    ) -> Option<Panel> {
        let lines: Vec<ChartLine> = lines.into_iter().filter(|l| !l.points.is_empty()).collect();
        let levels = self.levels.iter().map(|level| level.users);
        panel(title, levels, lines, bands, limit)
    }

    pub(super) fn figure(
        &self,
        name: &str,
        title: &str,
        panels: Vec<Panel>,
        height: u32,
    ) -> Option<Figure> {
        if panels.is_empty() {
            return None;
        }
        Some(Figure {
            notes: self.notes(&panels),
            described: describe(&panels),
            panel_height: height,
            ..Figure::new(name, title, self.summary, panels)
        })
    }

    fn notes(&self, panels: &[Panel]) -> Vec<String> {
        let mut notes = Vec::new();
        if panels.iter().any(|panel| !panel.bands.is_empty()) {
            notes.push(SHADE.to_owned());
        }
        let mut points = panels
            .iter()
            .flat_map(|panel| &panel.lines)
            .flat_map(|line| &line.points);
        if points.any(|point| point.hollow) {
            notes.push(HOLLOW.to_owned());
        }
        let failing: Vec<String> = self
            .levels
            .iter()
            .filter(|level| level.figures.failed > 0)
            .map(|level| {
                let figures = &level.figures;
                let (failed, all) = (figures.failed, figures.requests);
                format!("{failed} of {all} at {}", users(level.users))
            })
            .collect();
        if !failing.is_empty() {
            let first: Vec<&str> = failing.iter().map(String::as_str).take(3).collect();
            let more = if failing.len() > 3 { " and more" } else { "" };
            let first = first.join(", ");
            notes.push(format!("Failed requests are left out: {first}{more}."));
        }
        if panels.iter().any(|panel| panel.y.title.contains('~')) {
            notes.push("~ estimates: the server did not count the tokens.".to_owned());
        }
        notes
    }

    /// Whether tokens are estimates.
    fn about(&self) -> bool {
        self.levels.iter().any(|level| {
            let counted = level.figures.tokens_counted_by;
            matches!(counted, Some(CountedBy::Chunks | CountedBy::Mixed))
        })
    }

    fn speed_unit(&self, what: &str) -> String {
        let mark = if self.about() { "~ " } else { "" };
        format!("{what}, {mark}tokens/s")
    }

    fn speed_limit(&self) -> Option<(f64, String)> {
        let limit = self.summary.limits?.speed_tok_s;
        Some((limit, format!("limit {limit}")))
    }

    pub(super) fn wait_limit(&self) -> Option<(f64, String)> {
        let limit = self.summary.limits?.wait_s;
        Some((limit, format!("limit {limit} s")))
    }

    fn speed_by_users(&self, look: Look) -> Option<Panel> {
        let mean = self.line("mean", Color::Speed, look, |f| f.speed_tok_s.mean);
        let mean = mean.with_values(Values::Above);
        let band = self.band(Color::Speed, |f| f.speed_tok_s);
        let unit = self.speed_unit("speed of one answer");
        self.panel(&unit, vec![mean], vec![band], self.speed_limit())
    }

    /// What the answer rests on: the share of the requests within the limits, and below it speed and wait.
    fn answer(&self) -> Option<Figure> {
        let verdict = self.summary.verdict.as_ref()?;
        let judged = verdict.levels.iter();
        let judged = judged.map(|level| (f64::from(level.users), &level.both));
        let judged: Vec<_> = judged.filter(|(_, both)| both.share.is_some()).collect();
        let users = self.levels.iter().map(|level| level.users);
        let title = "requests within both limits, %";
        let mut share = Panel::new(Axis::levels(users), Axis::percent(title));
        let places = judged
            .iter()
            .filter_map(|(users, both)| Some((*users, both.share? * 100.0)));
        let line = ChartLine::through("share", Color::Ink, Look::Dotted, places);
        share.lines = vec![line];
        let whiskers = judged.iter().filter_map(|(users, both)| {
            Some(Whisker {
                color: Color::Ink,
                x: *users,
                low: both.low? * 100.0,
                high: both.high? * 100.0,
            })
        });
        share.whiskers = whiskers.collect();
        let wanted = self.summary.limits?.share * 100.0;
        share.limit = Some((wanted, format!("wanted {} %", plain(wanted.round()))));
        let speed = self.speed_by_users(Look::Dotted);
        let wait = self.line("mean", Color::Wait, Look::Dotted, |f| f.ttft_s.mean);
        let wait = wait.with_values(Values::Above);
        let wait = self.panel("wait, seconds", vec![wait], vec![], self.wait_limit());
        let panels = [Some(share).filter(|_| !judged.is_empty()), speed, wait];
        let panels: Vec<Panel> = panels.into_iter().flatten().collect();
        let title = "Within the limits, speed and wait by users";
        let mut figure = self.figure("answer", title, panels, 178)?;
        if !judged.is_empty() {
            let bars = "Bars: the 95 % interval of the share.".to_owned();
            figure.notes.insert(0, bars);
        }
        Some(figure)
    }

    fn speed(&self) -> Option<Figure> {
        let panel = self.speed_by_users(Look::Dotted)?;
        self.figure("speed", "Average speed", vec![panel], 380)
    }

    fn throughput(&self) -> Option<Figure> {
        let whole = self.line("whole cycle", Color::Energy, Look::Dotted, |f| {
            f.system_tok_s
        });
        let whole = whole.with_values(Values::Below);
        let steady = self.line("all users busy", Color::Cyan, Look::Beside, |f| {
            f.steady_tok_s
        });
        let unit = self.speed_unit("all users together");
        let panel = self.panel(&unit, vec![whole, steady], vec![], None)?;
        self.figure("throughput", "Throughput", vec![panel], 360)
    }

    fn waits(&self) -> [ChartLine; 2] {
        let mean = self.line("mean", Color::Wait, Look::Dotted, |f| f.ttft_s.mean);
        let slow = self.bad_end(Color::Wait, ["p99", "max"], |f| {
            (f.ttft_s.p99, f.ttft_s.max)
        });
        [mean, slow]
    }

    fn wait(&self) -> Option<Figure> {
        let [mean, slow] = self.waits();
        let lines = vec![mean.with_values(Values::Below), slow];
        let unit = "wait for the first token, seconds";
        let panel = self.panel(unit, lines, vec![], self.wait_limit())?;
        self.figure("ttfb", "Wait (TTFT) by number of users", vec![panel], 380)
    }

    fn speed_and_wait(&self) -> Option<Figure> {
        let speed = vec![
            self.line("mean", Color::Speed, Look::Dotted, |f| f.speed_tok_s.mean),
            self.bad_end(Color::Speed, ["p1", "min"], |f| {
                (f.speed_tok_s.p1, f.speed_tok_s.min)
            }),
        ];
        let unit = self.speed_unit("speed");
        let speed = self.panel(&unit, speed, vec![], self.speed_limit());
        let waits = self.waits().into();
        let wait = self.panel("wait, seconds", waits, vec![], self.wait_limit());
        let panels = [speed, wait].into_iter().flatten().collect();
        self.figure("speed-and-wait", "Speed and wait together", panels, 270)
    }

    fn durations(&self) -> Option<Figure> {
        let color = Color::Duration;
        let mean = self.line("mean", color, Look::Dotted, |f| f.total_s.mean);
        let p99 = self.line("p99", Color::Rose, Look::Beside, |f| f.total_s.p99);
        let lines = vec![
            mean,
            p99,
            self.line("max", color, Look::Beside, |f| f.total_s.max),
            self.line("min", color, Look::Beside, |f| f.total_s.min),
        ];
        let unit = "request sent to end of answer, seconds";
        let panel = self.panel(unit, lines, vec![], None)?;
        self.figure("durations", "Durations", vec![panel], 380)
    }

    fn combined(&self) -> Option<Figure> {
        let one = |title: &str, color, dist: fn(&LevelMetrics) -> Dist, limit| {
            let mean = self.line("mean", color, Look::Dotted, |f| dist(f).mean);
            let mean = mean.with_values(Values::Above);
            self.panel(title, vec![mean], vec![self.band(color, dist)], limit)
        };
        let unit = self.speed_unit("speed");
        let panels = [
            one(&unit, Color::Speed, |f| f.speed_tok_s, self.speed_limit()),
            one(
                "wait, seconds",
                Color::Wait,
                |f| f.ttft_s,
                self.wait_limit(),
            ),
            one(
                "whole duration, seconds",
                Color::Duration,
                |f| f.total_s,
                None,
            ),
        ];
        let panels = panels.into_iter().flatten().collect();
        self.figure("combined", "Speed, wait and duration", panels, 220)
    }
}

/// A panel of these lines over these levels; None where they are all empty.
pub(super) fn panel(
    title: &str,
    levels: impl IntoIterator<Item = u32>,
    lines: Vec<ChartLine>,
    bands: Vec<Band>,
    limit: Option<(f64, String)>,
) -> Option<Panel> {
    let on_lines = lines.iter().flat_map(|line| &line.points).map(|p| p.y);
    let in_bands = bands.iter().flat_map(|band| &band.points);
    let values: Vec<f64> = on_lines
        .chain(in_bands.flat_map(|(_, low, high)| [*low, *high]))
        .collect();
    let highest = values.iter().copied().reduce(f64::max)?;
    // A limit far above everything would press the lines flat.
    let limit = limit.filter(|(limit, _)| *limit <= highest * 2.5);
    let limited = limit.iter().map(|(limit, _)| *limit);
    let y = Axis::values(title, values.into_iter().chain(limited))?;
    let mut panel = Panel::new(Axis::levels(levels), y);
    panel.limit = limit.filter(|(limit, _)| panel.y.holds(*limit));
    panel.lines = lines;
    panel.bands = bands;
    Some(panel)
}

/// The first line of each panel in words.
fn describe(panels: &[Panel]) -> String {
    let sentence = |panel: &Panel| {
        let line = panel.lines.first()?;
        let (unit, name, values) = (&panel.y.title, &line.name, draw::in_words(line));
        Some(format!("{unit}, {name}, by number of users: {values}."))
    };
    let sentences = panels.iter().filter_map(sentence);
    sentences.collect::<Vec<_>>().join(" ")
}
