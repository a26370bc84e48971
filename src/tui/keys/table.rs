//! The table itself.

use crossterm::event::KeyCode;

use crate::tui::keys::{Action, Binding, Key, ReplayAction, RunListAction, Scope};
use crate::tui::lanes::lane_set::LaneAction;
use crate::tui::layout::View;

const fn bind(
    scope: Scope,
    keys: &'static [Key],
    action: Action,
    hint: Option<&'static str>,
    help: &'static str,
) -> Binding {
    Binding {
        keys,
        action,
        scope,
        hint,
        help,
    }
}

const fn c(c: char) -> Key {
    Key::char(c)
}

const ENTER: Key = Key::new(KeyCode::Enter);
const ESC: Key = Key::new(KeyCode::Esc);
const UP: Key = Key::new(KeyCode::Up);
const DOWN: Key = Key::new(KeyCode::Down);
const LEFT: Key = Key::new(KeyCode::Left);
const RIGHT: Key = Key::new(KeyCode::Right);
const HOME: Key = Key::new(KeyCode::Home);
const END: Key = Key::new(KeyCode::End);
const PAGE_UP: Key = Key::new(KeyCode::PageUp);
const PAGE_DOWN: Key = Key::new(KeyCode::PageDown);
const TAB: Key = Key::new(KeyCode::Tab);
const BACK_TAB: Key = Key::new(KeyCode::BackTab);
const BACKSPACE: Key = Key::new(KeyCode::Backspace);
const DELETE: Key = Key::new(KeyCode::Delete);
const DIGITS: [Key; 10] = [
    c('0'),
    c('1'),
    c('2'),
    c('3'),
    c('4'),
    c('5'),
    c('6'),
    c('7'),
    c('8'),
    c('9'),
];

/// Every key of the dashboard.
#[rustfmt::skip]
pub const BINDINGS: &[Binding] = &[
    bind(Scope::NotFound, &[ENTER, c('r')], Action::Search, Some("look again"), "Look for a server again"),
    bind(Scope::NotFound, &[c('m')], Action::Simulate, Some("simulated server"), "Use the built-in simulated server"),

    bind(Scope::Ready, &[ENTER, c('s')], Action::Start, Some("start"), "Start the run against the chosen model"),
    bind(Scope::Ready, &[UP, c('k')], Action::Up, Some("model"), "Choose the model above"),
    bind(Scope::Ready, &[DOWN, c('j')], Action::Down, None, "Choose the model below"),
    bind(Scope::Ready, &[HOME, c('g')], Action::First, None, "Choose the first model"),
    bind(Scope::Ready, &[END, c('G')], Action::Last, None, "Choose the last model"),
    bind(Scope::Ready, &[c('u')], Action::NextServer, None, "Use the next server, where several were found"),
    bind(Scope::Ready, &[c('r')], Action::Search, Some("look again"), "Look for the server and its models again"),
    bind(Scope::Ready, &[c('m')], Action::Simulate, Some("simulated"), "Use the built-in simulated server"),
    bind(Scope::Ready, &[c('d')], Action::Pull, None, "Download the requested model"),

    bind(Scope::Running, &[c(' ')], Action::Pause, Some("pause"), "Pause: finish requests in flight, start no new ones; again to continue"),
    bind(Scope::Running, &[c('n')], Action::Skip, Some("next"), "Skip this cycle, the rest or the idle measurement"),
    bind(Scope::Running, &[c('x')], Action::Stop, Some("stop"), "Stop the run (asks); results so far are kept"),
    bind(Scope::Running, &[c('r')], Action::Repeat, Some("repeat"), "Repeat this level next"),
    bind(Scope::Running, &[c('+'), c('=')], Action::AddLevel, Some("level"), "Add a level"),
    bind(Scope::Running, &[c('-')], Action::RemoveLevel, None, "Remove a queued level"),
    bind(Scope::Running, &[c('e')], Action::Report, None, "Reports can be written when the run is over"),

    bind(Scope::Ended, &[ENTER, c('s')], Action::Start, Some("run again"), "Run the same plan again (asks)"),
    bind(Scope::Ended, &[c('m')], Action::Models, Some("models"), "Back to the list of models"),
    bind(Scope::Ended, &[c('e')], Action::Report, Some("report"), "Write the reports (Markdown, HTML, CSV, JSON, charts) into the run's directory; those by other limits (L) into what-if in it"),

    bind(Scope::Live, &[c('o')], Action::Sort, None, "Sort the processes by the next column"),
    bind(Scope::Live, &[c('O')], Action::SortOtherWay, None, "Reverse the order"),

    bind(Scope::Requests, &[c('o')], Action::Sort, Some("order"), "Sort the table by the next column"),
    bind(Scope::Requests, &[c('O')], Action::SortOtherWay, None, "Reverse the order"),

    bind(Scope::Tabs, &[c('1')], Action::Show(View::Live), None, "Live: the number, the cycles, the requests, the answer"),
    bind(Scope::Tabs, &[c('2')], Action::Show(View::Results), None, "Results: one line per cycle, with percentiles"),
    bind(Scope::Tabs, &[c('3')], Action::Show(View::Requests), None, "Requests: all requests of a cycle, and one in detail"),
    bind(Scope::Tabs, &[c('4')], Action::Show(View::Preview), None, "Preview: lanes of text at set and at measured speeds"),
    bind(Scope::Tabs, &[c('5')], Action::Show(View::Runs), Some("runs"), "Runs: replay, compare or delete recorded runs"),
    bind(Scope::Tabs, &[TAB], Action::NextView, Some("view"), "The next view"),
    bind(Scope::Views, &[UP, c('k')], Action::Up, None, "Up: the request or cycle above, or scroll the focused pane"),
    bind(Scope::Views, &[DOWN, c('j')], Action::Down, None, "Down"),
    bind(Scope::Views, &[PAGE_UP], Action::PageUp, None, "A page up"),
    bind(Scope::Views, &[PAGE_DOWN], Action::PageDown, None, "A page down"),
    bind(Scope::Views, &[c('g'), HOME], Action::First, None, "To the first"),
    bind(Scope::Views, &[c('G'), END], Action::Last, None, "To the last"),
    bind(Scope::Views, &[LEFT, c('h')], Action::PreviousCycle, None, "Show the previous cycle"),
    bind(Scope::Views, &[RIGHT, c('l')], Action::NextCycle, None, "Show the next cycle"),
    bind(Scope::Views, &[c('p')], Action::FocusNext, Some("pane"), "Focus the next pane"),
    bind(Scope::Views, &[BACK_TAB, c('P')], Action::FocusPrevious, None, "Focus the previous pane"),
    bind(Scope::Views, &[c('z')], Action::Zoom, Some("zoom"), "Zoom the focused pane; again to restore"),
    bind(Scope::Views, &[c('f')], Action::Freeze, Some("freeze"), "Freeze the view; the run continues"),
    bind(Scope::Views, &[c('b')], Action::FirstByte, None, "Histogram: wait for the first byte (TTFB), or the first token (TTFT)"),
    bind(Scope::Views, &[c('L')], Action::Limits, Some("limits"), "What if: judge the run by other limits; the verdict and the colors follow at once"),
    bind(Scope::Views, &[ESC], Action::Follow, None, "Follow the run again: no zoom, no chosen cycle or request"),

    bind(Scope::Preview, &[ENTER], Action::FocusLanes, Some("use lanes"), "Give the keys to the lanes"),

    bind(Scope::Replay, &[c(' ')], Action::Replay(ReplayAction::Pause), Some("pause"), "Pause or continue; at the end, start over"),
    bind(Scope::Replay, &[LEFT], Action::Replay(ReplayAction::Back), None, "10 seconds back"),
    bind(Scope::Replay, &[RIGHT], Action::Replay(ReplayAction::On), Some("10 s"), "10 seconds forward"),
    bind(Scope::Replay, &[c('['), c(',')], Action::Replay(ReplayAction::PreviousCycle), None, "To the start of this cycle, or of the previous one"),
    bind(Scope::Replay, &[c(']'), c('.')], Action::Replay(ReplayAction::NextCycle), Some("cycle"), "To the next cycle"),
    bind(Scope::Replay, &[c('+'), c('=')], Action::Replay(ReplayAction::Faster), Some("faster"), "Faster: 1, 2, 5, 10, 20, 50, 100 times"),
    bind(Scope::Replay, &[ESC, BACKSPACE], Action::Replay(ReplayAction::Leave), Some("runs"), "Leave the replay, back to the list of runs"),
    bind(Scope::Replay, &[c('-'), c('_')], Action::Replay(ReplayAction::Slower), None, "Slower"),
    bind(Scope::Replay, &[HOME], Action::Replay(ReplayAction::Begin), None, "To the beginning of the run"),
    bind(Scope::Replay, &[END], Action::Replay(ReplayAction::End), None, "To the end of the run"),
    bind(Scope::Replay, &[c('e')], Action::Report, Some("report"), "Write the reports of this run into its directory; those by other limits (L) into what-if in it"),

    bind(Scope::Runs, &[ENTER], Action::Runs(RunListAction::Open), Some("replay"), "Open the selected run as a replay"),
    bind(Scope::Runs, &[c(' '), c('m')], Action::Runs(RunListAction::Mark), Some("mark"), "Mark or unmark the selected run for a comparison"),
    bind(Scope::Runs, &[c('c')], Action::Runs(RunListAction::Compare), Some("compare"), "Compare the marked runs; differences are against A, the first one marked"),
    bind(Scope::Runs, &[c('/')], Action::Runs(RunListAction::Filter), Some("filter"), "Show only runs whose name, model or server contains the typed text"),
    bind(Scope::Runs, &[c('d'), DELETE], Action::Runs(RunListAction::Delete), Some("delete"), "Delete the selected run with all its files (asks)"),
    bind(Scope::Runs, &[c('e')], Action::Report, Some("report"), "Write the reports of the selected run into its directory"),
    bind(Scope::Runs, &[c('r')], Action::Runs(RunListAction::Again), None, "Refresh the list of runs"),
    bind(Scope::Runs, &[UP, c('k')], Action::Up, None, "Select the run above"),
    bind(Scope::Runs, &[DOWN, c('j')], Action::Down, None, "Select the run below"),
    bind(Scope::Runs, &[PAGE_UP], Action::PageUp, None, "A page up"),
    bind(Scope::Runs, &[PAGE_DOWN], Action::PageDown, None, "A page down"),
    bind(Scope::Runs, &[HOME, c('g')], Action::First, None, "To the latest run"),
    bind(Scope::Runs, &[END, c('G')], Action::Last, None, "To the oldest run"),
    bind(Scope::Runs, &[ESC, BACKSPACE], Action::Runs(RunListAction::Back), None, "Clear the filter, then the marks; close the replay; back to the live view"),

    bind(Scope::Filter, &[Key::any_letter()], Action::Runs(RunListAction::Type), None, "Type the text that runs must contain"),
    bind(Scope::Filter, &[BACKSPACE], Action::Runs(RunListAction::Erase), None, "Delete the last letter"),
    bind(Scope::Filter, &[ENTER], Action::Runs(RunListAction::Keep), Some("keep"), "Keep the filter"),
    bind(Scope::Filter, &[ESC], Action::Runs(RunListAction::Back), Some("all runs"), "Show all runs again"),
    bind(Scope::Filter, &[UP], Action::Up, None, "Select the run above"),
    bind(Scope::Filter, &[DOWN], Action::Down, None, "Select the run below"),

    bind(Scope::Comparison, &[ESC, BACKSPACE, c('c')], Action::Runs(RunListAction::Back), Some("runs"), "Back to the list of runs"),
    bind(Scope::Comparison, &[UP, c('k')], Action::Up, Some("scroll"), "Scroll up"),
    bind(Scope::Comparison, &[DOWN, c('j')], Action::Down, None, "Scroll down"),
    bind(Scope::Comparison, &[PAGE_UP], Action::PageUp, None, "A page up"),
    bind(Scope::Comparison, &[PAGE_DOWN, c(' ')], Action::PageDown, None, "A page down"),
    bind(Scope::Comparison, &[HOME, c('g')], Action::First, None, "To the first line"),
    bind(Scope::Comparison, &[END, c('G')], Action::Last, None, "To the last line"),

    bind(Scope::Lanes, &[ESC], Action::LeaveLanes, Some("back"), "Back from one lane to all; then the keys back to the dashboard"),
    bind(Scope::Lanes, &[c(' ')], Action::Lanes(LaneAction::Pause), Some("pause"), "Pause or continue the lanes; the run is not affected"),
    bind(Scope::Lanes, &[ENTER], Action::Lanes(LaneAction::Full), Some("one lane"), "Show one lane full screen, or all"),
    bind(Scope::Lanes, &[c('r')], Action::Lanes(LaneAction::Again), Some("again"), "Restart all lanes"),
    bind(Scope::Lanes, &[RIGHT, DOWN], Action::Lanes(LaneAction::Next), Some("lane"), "Select the lane to the right"),
    bind(Scope::Lanes, &[LEFT, UP], Action::Lanes(LaneAction::Previous), None, "Select the lane to the left"),
    bind(Scope::Lanes, &[c('+'), c('=')], Action::Lanes(LaneAction::Faster), Some("faster"), "Speed up the selected lane (×1.25)"),
    bind(Scope::Lanes, &[c('-'), c('_')], Action::Lanes(LaneAction::Slower), Some("slower"), "Slow down the selected lane (÷1.25)"),
    bind(Scope::Lanes, &[c('p')], Action::Lanes(LaneAction::NextPreset), Some("preset"), "Next preset: 5 9 20 30 55 100 200 500 1000 tok/s; a recording as measured"),
    bind(Scope::Lanes, &[c('a')], Action::Lanes(LaneAction::Add), Some("add"), "Add a lane"),
    bind(Scope::Lanes, &[c('d')], Action::Lanes(LaneAction::Remove), Some("remove"), "Remove the selected lane"),
    bind(Scope::Lanes, &[c('T')], Action::Lanes(LaneAction::Thinking), Some("thinking"), "Show, fold or skip thinking"),
    bind(Scope::Lanes, &[c('w')], Action::Lanes(LaneAction::Wait), Some("wait"), "Play recordings with or without the wait"),
    bind(Scope::Lanes, &[c('l')], Action::Lanes(LaneAction::NextText), Some("text"), "The next text"),

    bind(Scope::Global, &[c('S')], Action::Picture, None, "Save a picture (SVG) of the screen in the run's directory, else in the current one"),
    bind(Scope::Global, &[c('t')], Action::Theme, None, "The next theme"),
    bind(Scope::Global, &[c('?'), Key::new(KeyCode::F(1))], Action::Help, Some("help"), "Show this help"),
    bind(Scope::Global, &[c('q')], Action::Quit, Some("quit"), "Quit (asks during a run)"),

    bind(Scope::Confirm, &[c('y'), ENTER], Action::Accept, Some("yes"), "Yes"),
    bind(Scope::Confirm, &[c('n'), ESC, c('q')], Action::Decline, Some("no"), "No"),

    bind(Scope::Level, &[ENTER, c('y')], Action::Accept, Some("ok"), "Add or remove the level"),
    bind(Scope::Level, &[ESC, c('n'), c('q')], Action::Decline, Some("cancel"), "Leave the levels as they are"),
    bind(Scope::Level, &[UP, c('+'), c('=')], Action::More, Some("more"), "Twice the users, or the next larger queued level"),
    bind(Scope::Level, &[DOWN, c('-')], Action::Less, Some("fewer"), "Half the users, or the next smaller queued level"),
    bind(Scope::Level, &DIGITS, Action::Digit, None, "Type the number of users"),
    bind(Scope::Level, &[BACKSPACE], Action::Erase, None, "Delete the last digit"),

    bind(Scope::Sliders, &[LEFT, c('-'), c('h')], Action::Less, Some("less"), "Less of this limit"),
    bind(Scope::Sliders, &[RIGHT, c('+'), c('=')], Action::More, Some("more"), "More of this limit"),
    bind(Scope::Sliders, &[DOWN, c('j')], Action::Down, Some("limit"), "The limit below: wait, speed, share"),
    bind(Scope::Sliders, &[UP, c('k')], Action::Up, None, "The limit above"),
    bind(Scope::Sliders, &[c('r'), BACKSPACE], Action::OwnLimits, Some("the run's"), "Back to the limits of the run"),
    bind(Scope::Sliders, &[ENTER, c('L')], Action::Accept, Some("keep"), "Keep these limits on the screen; the files and the run itself do not change"),
    bind(Scope::Sliders, &[ESC, c('q')], Action::Decline, Some("restore"), "Restore the limits from before"),

    bind(Scope::Help, &[c('?'), ESC, c('q'), ENTER, Key::new(KeyCode::F(1))], Action::Help, Some("close"), "Close the help"),
    bind(Scope::Help, &[UP, c('k')], Action::Up, Some("scroll"), "Scroll up"),
    bind(Scope::Help, &[DOWN, c('j')], Action::Down, None, "Scroll down"),
    bind(Scope::Help, &[PAGE_UP], Action::PageUp, None, "A page up"),
    bind(Scope::Help, &[PAGE_DOWN, c(' ')], Action::PageDown, None, "A page down"),
    bind(Scope::Help, &[HOME, c('g')], Action::First, None, "To the first line"),
    bind(Scope::Help, &[END, c('G')], Action::Last, None, "To the last line"),

    bind(Scope::Always, &[Key::ctrl('c')], Action::Interrupt, None, "Quit now; the run is stopped, results so far are kept"),
];
