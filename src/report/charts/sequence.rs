//! How a cycle goes, drawn: who does what, from the first connection to the rest.

use crate::report::Report;
use crate::report::charts::Chart;
use crate::report::charts::canvas::{Align, Canvas, Stroke, TextStyle};
use crate::report::charts::draw::{Medium, wrapped};
use crate::report::charts::palette::Color;
use crate::text::numbers::plain;

/// Height of the names on top, pixels.
const HEAD: f64 = 88.0;
/// Height of one step, pixels.
const STEP: f64 = 40.0;

/// A step of a cycle.
struct Step {
    arrow: Arrow,
    text: String,
}

#[derive(Clone, Copy, PartialEq)]
enum Arrow {
    /// From the users to the server.
    Asks,
    /// Back.
    Answers,
    /// Nobody sends anything.
    Nothing,
}

/// The steps at which the wait begins and ends, and at which the answer does.
const SENT: usize = 1;
const FIRST: usize = 2;
const LAST: usize = 4;

/// The drawing of a cycle as this plan has it; None for a run that another tool made.
pub(super) fn chart(report: &Report) -> Option<Chart> {
    let info = report.info().filter(|info| info.imported.is_none())?;
    if report.gathered.state.cycles.is_empty() {
        return None;
    }
    let plan = &info.plan;
    let again = format!("each user {}", plan.asks());
    let step = |arrow, text: &str| Step {
        arrow,
        text: text.to_owned(),
    };
    let steps = vec![
        step(Arrow::Asks, "a connection for each user"),
        step(Arrow::Asks, "a request of each user at once"),
        step(Arrow::Answers, "first token"),
        step(Arrow::Answers, "token by token"),
        step(Arrow::Answers, "last token, then the final chunk"),
        step(Arrow::Nothing, &again),
        step(
            Arrow::Nothing,
            &format!("a rest of {} s, then the next level", plain(plan.rest_s)),
        ),
    ];
    let texts: Vec<&str> = steps.iter().map(|step| step.text.as_str()).collect();
    let described = format!(
        "A cycle, step by step: {}. The wait runs from the request to the first token, the speed from the first token to \
         the last. Meanwhile power, clock, processes and the server's state are read once a second.",
        texts.join("; ")
    );
    let height = HEAD + STEP * steps.len() as f64 + 56.0;
    let title = "How a cycle goes";
    let simulated = report.summary.simulated;
    Some(Chart::drawn(
        "cycle",
        title,
        &described,
        height,
        |canvas, medium| {
            draw(canvas, medium, &steps, simulated);
        },
    ))
}

fn draw(canvas: &mut Canvas, medium: Medium, steps: &[Step], simulated: bool) {
    let (edge, width) = (medium.edge(), medium.room());
    let ink = TextStyle::new(
        if medium == Medium::Phone { 16.0 } else { 19.0 },
        Color::Ink,
    )
    .bold();
    canvas.text((edge, 29.0), "How a cycle goes", ink);
    if simulated {
        canvas.simulated((edge + width, 18.0), 1.0);
    }
    let spans = if medium == Medium::Phone { 62.0 } else { 130.0 };
    let (users, server) = (
        edge + spans + 20.0,
        edge + width - if medium == Medium::Phone { 30.0 } else { 130.0 },
    );
    let bottom = HEAD + STEP * steps.len() as f64;
    let name = TextStyle::new(12.5, Color::Ink).bold().align(Align::Center);
    for (x, who) in [(users, "users"), (server, "server")] {
        canvas.text((x, HEAD - 24.0), who, name);
        let life = [(x, HEAD - 12.0), (x, bottom)];
        canvas.line(life, Stroke::new(Color::Muted, 1.2).opacity(0.6));
    }
    let at = |step: usize| HEAD + STEP * (step as f64 + 0.5);
    let text = TextStyle::new(12.0, Color::Ink).align(Align::Center).halo();
    let middle = f64::midpoint(users, server);
    for (number, step) in steps.iter().enumerate() {
        let y = at(number);
        let ends = match step.arrow {
            Arrow::Asks => Some((users, server)),
            Arrow::Answers => Some((server, users)),
            Arrow::Nothing => None,
        };
        if let Some((from, to)) = ends {
            let stroke = Stroke::new(Color::Muted, 1.6);
            canvas.line([(from, y), (to, y)], stroke);
            let back = if to > from { -8.0 } else { 8.0 };
            canvas.line(
                [(to + back, y - 5.0), (to, y), (to + back, y + 5.0)],
                stroke,
            );
        }
        let above = if ends.is_some() { y - 12.0 } else { y };
        canvas.text((middle, above), &step.text, text);
    }
    for (name, from, to, color) in [
        ("wait", SENT, FIRST, Color::Wait),
        ("speed", FIRST, LAST, Color::Speed),
    ] {
        let x = users - 16.0;
        let (from, to) = (at(from), at(to));
        canvas.line([(x, from + 2.0), (x, to - 2.0)], Stroke::new(color, 4.0));
        let style = TextStyle::new(12.0, color).bold().align(Align::Right);
        canvas.text((x - 8.0, f64::midpoint(from, to)), name, style);
    }
    let muted = TextStyle::new(11.5, Color::Muted);
    let note =
        "Meanwhile, once a second: power, clock, processes and what the server reports of itself.";
    let mut y = bottom + 20.0;
    for line in wrapped(note, width, 6.5) {
        canvas.text((edge, y), &line, muted);
        y += 17.0;
    }
}
