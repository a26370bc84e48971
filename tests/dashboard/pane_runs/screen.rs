//! What one looks at: the panes, and runs worth looking at.

use ratatui::backend::TestBackend;
use ratatui::layout::Rect;
use ratatui::{Frame, Terminal};
use tokometer::event::{EventKind, FailureKind, RunEnd, Stamp, WarningKind};
use tokometer::metrics::state::RunState;
use tokometer::metrics::verdict::Verdict;
use tokometer::plan::Price;
use tokometer::tui::panes::requests_view::{RequestSort, RequestSorting};
use tokometer::tui::panes::{
    answer, cycles, headline, log, machine, machine_by_level, processes, request_detail, requests,
    requests_view, results, ttft, verdict,
};
use tokometer::tui::theme::Theme;
use tokometer::tui::{AnswerView, MachineContext, PaneContext};

use super::loaded;

pub(crate) type Pane = fn(&mut Frame<'_>, Rect, &PaneContext<'_>);

fn by_speed(frame: &mut Frame<'_>, area: Rect, cx: &PaneContext<'_>) {
    let sort = RequestSorting {
        by: RequestSort::Speed,
        descending: true,
    };
    requests_view::render(frame, area, cx, sort);
}

fn process_table(frame: &mut Frame<'_>, area: Rect, cx: &PaneContext<'_>) {
    let cx = MachineContext::from_pane(cx);
    processes::render(frame, area, &cx, processes::ProcessSorting::default());
}

fn waits(frame: &mut Frame<'_>, area: Rect, cx: &PaneContext<'_>) {
    ttft::render(frame, area, cx, ttft::WaitedFor::FirstToken);
}

fn first_bytes(frame: &mut Frame<'_>, area: Rect, cx: &PaneContext<'_>) {
    ttft::render(frame, area, cx, ttft::WaitedFor::FirstByte);
}

fn machine_pane(frame: &mut Frame<'_>, area: Rect, cx: &PaneContext<'_>) {
    machine::render(frame, area, &MachineContext::from_pane(cx));
}

pub(crate) const PANES: [(&str, Pane); 14] = [
    ("headline", headline::render),
    ("cycles", cycles::render),
    ("ttft", waits),
    ("ttfb", first_bytes),
    ("requests", requests::render),
    ("requests_view", by_speed),
    ("request_detail", request_detail::render),
    ("answer", answer::render),
    ("verdict", verdict::render),
    ("log", log::render),
    ("results", results::render),
    ("machine", machine_pane),
    ("processes", process_table),
    ("usage", machine_by_level::render),
];

/// What one looks at: a run, and what is chosen in it.
pub(crate) struct Screen {
    pub(crate) run: RunState,
    pub(crate) theme: Theme,
    pub(crate) request: Option<u64>,
    pub(crate) cycle: Option<usize>,
    pub(crate) answer: Option<AnswerView>,
    pub(crate) focused: bool,
    pub(crate) scroll: usize,
}

impl Screen {
    pub(crate) fn new(run: RunState) -> Self {
        Self {
            cycle: run.cycles.len().checked_sub(1),
            run,
            theme: Theme::named("dark"),
            request: None,
            answer: None,
            focused: false,
            scroll: 0,
        }
    }

    pub(crate) fn themed(mut self, name: &str, ascii: bool) -> Self {
        self.theme = Theme::named(name);
        self.theme.ascii = ascii;
        self
    }

    pub(crate) fn draw_at(
        &self,
        pane: Pane,
        size: (u16, u16),
        area: Rect,
    ) -> Terminal<TestBackend> {
        let mut terminal = Terminal::new(TestBackend::new(size.0, size.1)).unwrap();
        let limits = tokometer::plan::Limits::default();
        let cx = PaneContext {
            run: &self.run,
            verdict: &Verdict::from_cycles(&self.run, &limits),
            limits,
            asked_after: false,
            theme: &self.theme,
            now: Stamp(self.run.now.0 + 40_000),
            cycle: self.cycle,
            request: self.request,
            answer: self.answer.as_ref(),
            focused: self.focused,
            scroll: self.scroll,
        };
        terminal.draw(|frame| pane(frame, area, &cx)).unwrap();
        terminal
    }

    pub(crate) fn draw(&self, pane: Pane, width: u16, height: u16) -> Terminal<TestBackend> {
        self.draw_at(pane, (width, height), Rect::new(0, 0, width, height))
    }
}

pub(crate) fn pane(name: &str) -> Pane {
    PANES.iter().find(|(of, _)| *of == name).unwrap().1
}

/// A sweep of 1, 2, 4, 8 and 32 users that is over; the last one had failures and a queue.
pub(crate) fn finished() -> Screen {
    let mut story = loaded(&[1, 2, 4, 8, 32]);
    story.cycle(1, &[2, 4, 8, 32], 54.2, 0.41, 0);
    story.cycle(2, &[4, 8, 32], 30.7, 0.52, 0);
    story.cycle(4, &[8, 32], 20.7, 0.61, 0);
    story.cycle(8, &[32], 12.8, 0.83, 0);
    story.cycle(32, &[], 9.1, 14.2, 3);
    story.warn(
        WarningKind::Failures,
        "32 users: 3 of 32 requests failed (HTTP 503)",
    );
    story.end(RunEnd::Done);
    let mut screen = Screen::new(story.state());
    screen.request = Some(20);
    screen
}

/// A sweep in its third cycle.
pub(crate) fn running() -> Screen {
    let mut story = loaded(&[1, 4, 8, 16, 32]);
    story.cycle(1, &[4, 8, 16, 32], 54.2, 0.41, 0);
    story.warn(
        WarningKind::Slots,
        "the server answers 4 requests at once; with more users the rest wait in line",
    );
    story.cycle(4, &[8, 16, 32], 20.7, 0.61, 0);
    story.running(&[16, 32]);
    story.warn(WarningKind::ClientLate, "a token was read 12 ms late");
    let mut screen = Screen::new(story.state());
    screen.request = Some(10);
    screen.answer = Some(AnswerView {
        id: 10,
        parts: vec![
            (
                true,
                "\n\nOkay, so I need to figure out what the philosophical ".to_owned(),
            ),
            (
                true,
                "definition of time is. Aristotle called it the number of motion.\n".to_owned(),
            ),
            (
                false,
                "\n\nTime is, to Aristotle, the *number of motion* with respect to ".to_owned(),
            ),
            (
                false,
                "before and after; to Kant it is a form of intuition.\n\n".to_owned(),
            ),
            (
                false,
                "1. 時間は流れる。\n2. Presentism: only the now is.".to_owned(),
            ),
        ],
    });
    screen
}

/// A server and a model that wish the terminal ill.
pub(crate) fn hostile() -> Screen {
    let mut story = loaded(&[2]);
    let id = story.begin(2, &[]);
    story.pass(1.0);
    let evil = "\u{1b}]0;owned\u{7}\u{1b}[2J\u{9b}31m\u{202e}gnirts\u{2066} 日本語\r\nline\ttab";
    let mut record = super::record(id, 0, 0, 5_000_000, 0.5, 30.0);
    super::failed(&mut record, FailureKind::StreamError, evil);
    story.push(EventKind::RequestEnded(Box::new(record)));
    story.warn(WarningKind::Other, evil);
    let mut screen = Screen::new(story.state());
    screen.request = Some(id);
    screen.answer = Some(AnswerView {
        id,
        parts: vec![(true, evil.to_owned()), (false, evil.to_owned())],
    });
    screen
}

/// A sweep of 1 and 4 users, measured from before its first cycle into its third.
pub(crate) fn measured() -> Screen {
    Screen::new(super::machine::measured().state())
}

/// The same of which only power is told, and some of the processes.
pub(crate) fn partly_measured() -> Screen {
    Screen::new(super::machine::partly_measured().state())
}

/// A run whose sources all have their reasons.
pub(crate) fn unmeasured() -> Screen {
    Screen::new(super::machine::unmeasured().state())
}

/// Two cards of which one has gone silent.
pub(crate) fn two_cards() -> Screen {
    Screen::new(super::machine::two_cards().state())
}

/// A run with a gap in what was measured, and a price.
pub(crate) fn broken_off() -> Screen {
    let mut run = super::machine::broken_off().state();
    if let Some(info) = &mut run.info {
        info.plan.energy.price = Some(Price {
            per_kwh: 0.7,
            currency: "R$".to_owned(),
        });
    }
    Screen::new(run)
}
