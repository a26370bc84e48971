//! Which panes are drawn, and what lies over them.

use ratatui::Frame;
use ratatui::layout::Rect;

use crate::tui::MachineContext;
use crate::tui::app::{App, Screen};
use crate::tui::lanes::pane::render_as;
use crate::tui::layout::{Areas, Pane, Room, View};
use crate::tui::panes::{
    answer, bracket, comparison, cycles, dialog, footer, header, headline, help, log, machine,
    machine_by_level, processes, ready, request_detail, requests, requests_view, results, runs,
    searching, sliders, too_small, ttft, verdict,
};
use crate::tui::widgets::frame::asciify;

/// Draws the dashboard.
pub fn render(frame: &mut Frame<'_>, app: &App) {
    let area = frame.area();
    let areas = app.areas(area);
    if areas.room == Room::TooSmall && app.view() == View::Preview && !app.has_run() {
        // There are no numbers to tell; lanes stand anywhere.
        render_pane(frame, area, Pane::Lanes, app);
    } else if areas.room == Room::TooSmall {
        too_small::render(frame, area, app);
    } else {
        render_screen(frame, area, &areas, app);
    }
    if app.theme().ascii {
        asciify(frame.buffer_mut(), area);
    }
}

fn render_screen(frame: &mut Frame<'_>, area: Rect, areas: &Areas, app: &App) {
    header::render(frame, areas.header, app);
    match app.screen() {
        _ if app.has_panes() => {
            for (pane, at) in &areas.panes {
                render_pane(frame, *at, *pane, app);
            }
        }
        Screen::Ready => ready::render(frame, areas.body, app),
        _ => searching::render(frame, areas.body, app),
    }
    if app.view() == View::Runs {
        // Beside a comparison the selected run of the list says nothing.
        if app.focus() == Pane::Runs {
            runs::render_selected(frame, areas.verdict, app);
        }
    } else if app.has_run() {
        bracket::render(frame, areas.bracket, &app.cx(Pane::Headline));
        verdict::render(frame, areas.verdict, &app.cx(Pane::Headline));
    }
    footer::render_notice(frame, areas.body, app);
    footer::render(frame, areas.footer, app);
    if app.download.is_some() && !app.has_panes() {
        dialog::render_download(frame, areas.body, app);
    }
    if app.dialog.is_some() {
        dialog::render(frame, areas.body, app);
    }
    sliders::render(frame, areas.body, app);
    if app.help.is_some() {
        help::render(frame, area, app);
    }
}

fn render_pane(frame: &mut Frame<'_>, area: Rect, pane: Pane, app: &App) {
    let cx = app.cx(pane);
    match pane {
        Pane::Headline => headline::render(frame, area, &cx),
        Pane::Cycles => cycles::render(frame, area, &cx),
        Pane::Ttft => ttft::render(frame, area, &cx, app.waited_for),
        Pane::Requests => requests::render(frame, area, &cx),
        Pane::Answer => answer::render(frame, area, &cx),
        Pane::Machine => machine::render(frame, area, &MachineContext::from_pane(&cx)),
        Pane::Processes => {
            processes::render(
                frame,
                area,
                &MachineContext::from_pane(&cx),
                app.process_sort,
            );
        }
        Pane::Usage => machine_by_level::render(frame, area, &cx),
        Pane::Log => log::render(frame, area, &cx),
        Pane::Results => results::render(frame, area, &cx),
        Pane::RequestTable => requests_view::render(frame, area, &cx, app.sort()),
        Pane::RequestDetail => request_detail::render(frame, area, &cx),
        Pane::Runs => runs::render(frame, area, &cx, &app.runs, app.recording()),
        Pane::Comparison => {
            if let Some(comparison) = &app.runs.comparison {
                comparison::render(frame, area, &cx, comparison);
            }
        }
        Pane::Lanes => {
            if let Some(lanes) = app.lanes() {
                render_as(frame, area, lanes, app.theme(), app.are_lanes_focused());
            }
        }
    }
}
