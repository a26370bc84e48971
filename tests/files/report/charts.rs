//! The charts: well-formed, self-contained, not blank, and honest.

use std::collections::BTreeSet;

use resvg::tiny_skia::Pixmap;
use tokometer::event::EventKind;
use tokometer::report::Report;
use tokometer::report::charts::{Chart, models};

use super::big;
use crate::small_run;

fn all() -> Vec<Chart> {
    let report = Report::from_events(&big::run(true));
    let mut charts = report.charts();
    let other = Report::from_events(&small_run::run(false));
    let runs = [
        ("one model", &report.summary),
        ("<another>", &other.summary),
    ];
    charts.extend(models(&runs));
    assert_eq!(charts.len(), 20);
    charts
}

fn texts(svg: &str) -> Vec<String> {
    let document = roxmltree::Document::parse(svg).unwrap();
    let texts = document
        .descendants()
        .filter(|node| node.has_tag_name("text"));
    texts
        .filter_map(|node| node.text().map(|text| text.trim().to_owned()))
        .collect()
}

#[test]
fn each_is_well_formed_and_self_contained() {
    for chart in all() {
        let svg = chart.svg();
        let document = roxmltree::Document::parse(&svg).unwrap();
        let root = document.root_element();
        assert_eq!(root.tag_name().name(), "svg");
        assert_eq!(root.attribute("role"), Some("img"), "{}", chart.name);
        assert!(
            !chart.described.is_empty(),
            "{} is not described",
            chart.name
        );
        let bare = svg.replace("xmlns=\"http://www.w3.org/2000/svg\"", "");
        for outside in ["http", "href", "url(", "<script", "<image", "NaN", "inf"] {
            assert!(!bare.contains(outside), "{outside} in {}", chart.name);
        }
        assert!(svg.contains("prefers-color-scheme: dark"));
    }
}

#[test]
fn each_stays_on_its_page() {
    for chart in all() {
        let svg = chart.svg();
        let document = roxmltree::Document::parse(&svg).unwrap();
        let view = document.root_element().attribute("viewBox").unwrap();
        let view: Vec<f64> = view.split(' ').map(|n| n.parse().unwrap()).collect();
        for node in document.descendants() {
            for (name, most) in [
                ("x", view[2]),
                ("cx", view[2]),
                ("y", view[3]),
                ("cy", view[3]),
            ] {
                let place = node
                    .attribute(name)
                    .map(|place| place.parse::<f64>().unwrap());
                let on_page = place.is_none_or(|place| (0.0..=most).contains(&place));
                assert!(on_page, "{}: {name} = {place:?}", chart.name);
            }
            for place in node
                .attribute("points")
                .unwrap_or_default()
                .split_whitespace()
            {
                let (x, y) = place.split_once(',').unwrap();
                let (x, y): (f64, f64) = (x.parse().unwrap(), y.parse().unwrap());
                let on_page = (0.0..=view[2]).contains(&x) && (0.0..=view[3]).contains(&y);
                assert!(on_page, "{}: {place}", chart.name);
            }
        }
    }
}

#[test]
fn each_is_painted_in_twice_its_size_with_letters() {
    for chart in all() {
        let svg = chart.svg();
        let document = roxmltree::Document::parse(&svg).unwrap();
        let size = |name| {
            document
                .root_element()
                .attribute(name)
                .unwrap()
                .parse::<u32>()
                .unwrap()
        };
        let picture = Pixmap::decode_png(&chart.png().unwrap()).unwrap();
        assert_eq!(picture.width(), size("width") * 2, "{}", chart.name);
        assert_eq!(picture.height(), size("height") * 2, "{}", chart.name);
        let white = [255, 255, 255, 255];
        let pixel = |x, y| {
            let pixel = picture.pixel(x, y).unwrap();
            [pixel.red(), pixel.green(), pixel.blue(), pixel.alpha()]
        };
        assert_eq!(pixel(0, 0), white, "{}", chart.name);
        // The title stands in the upper left, in letters that came along.
        let ink = (40..600).flat_map(|x| (40..76).map(move |y| (x, y)));
        let dark = ink.filter(|(x, y)| pixel(*x, *y)[0] < 80).count();
        assert!(
            dark > 400,
            "{}: {dark} dark pixels where its title is",
            chart.name
        );
        let colors: BTreeSet<[u8; 4]> = picture
            .pixels()
            .iter()
            .map(|p| [p.red(), p.green(), p.blue(), p.alpha()])
            .collect();
        assert!(colors.len() > 30, "{} is nearly blank", chart.name);
    }
}

#[test]
fn limits_are_marked_where_they_are_in_sight() {
    let report = Report::from_events(&big::run(false));
    let charts = report.charts();
    let named = |name: &str| charts.iter().find(|chart| chart.name == name).unwrap();
    assert!(texts(&named("speed").svg()).contains(&"limit 19.9".to_owned()));
    assert!(texts(&named("ttfb").svg()).contains(&"limit 10 s".to_owned()));
    assert!(
        !texts(&named("throughput").svg())
            .iter()
            .any(|text| text.contains("limit"))
    );
}

#[test]
fn a_percentile_that_the_sample_cannot_carry_is_not_drawn() {
    // One and two users: never a p99.
    let small = Report::from_events(&small_run::run(false)).charts();
    let wait = small.iter().find(|chart| chart.name == "ttfb").unwrap();
    let texts = texts(&wait.svg());
    assert!(texts.contains(&"max".to_owned()), "{texts:?}");
    assert!(
        !texts.iter().any(|text| text.starts_with("p99")),
        "{texts:?}"
    );
}

#[test]
fn failed_requests_are_named_on_the_chart_that_leaves_them_out() {
    let charts = Report::from_events(&small_run::run(false)).charts();
    let speed = charts.iter().find(|chart| chart.name == "speed").unwrap();
    let texts = texts(&speed.svg());
    let note = "Failed requests are left out: 1 of 2 at 2 users.";
    assert!(texts.contains(&note.to_owned()), "{texts:?}");
}

#[test]
fn tokens_that_nobody_counted_are_marked() {
    let mut events = small_run::run(false);
    for event in &mut events {
        if let EventKind::RequestEnded(record) = &mut event.what {
            record.server.output_tokens = None;
        }
    }
    let report = Report::from_events(&events);
    let charts = report.charts();
    let texts = texts(&charts[0].svg());
    assert!(
        texts.contains(&"speed of one answer, ~ tokens/s".to_owned()),
        "{texts:?}"
    );
    assert!(report.markdown().contains("Speed: ~"));
}

#[test]
fn a_run_of_one_level_and_one_request_has_its_charts() {
    let mut events = small_run::run(false);
    events.retain(|event| !matches!(event.what, EventKind::Progress { .. }));
    let end = events
        .iter()
        .position(|event| matches!(event.what, EventKind::CycleEnded { .. }))
        .unwrap();
    let report = Report::from_events(&events[..=end]);
    let names: Vec<String> = report
        .charts()
        .into_iter()
        .map(|chart| {
            chart.png().unwrap();
            chart.name
        })
        .collect();
    assert_eq!(
        names,
        [
            "answer",
            "speed",
            "throughput",
            "ttfb",
            "speed-and-wait",
            "durations",
            "combined",
            "speed-over-time",
            "cycle"
        ]
    );
}
