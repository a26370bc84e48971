use proptest::prelude::*;
use strum::IntoEnumIterator;

use super::*;

fn live(focus: Pane) -> Arrangement {
    Arrangement {
        view: View::Live,
        focus,
        zoomed: false,
        verdict: true,
        bracket: false,
        cycles: 6,
    }
}

#[test]
fn the_breakpoints() {
    let room = |w, h| Room::from_area(Rect::new(0, 0, w, h));
    assert_eq!(room(120, 30), Room::Wide);
    assert_eq!(room(119, 30), Room::Normal);
    assert_eq!(room(200, 29), Room::Normal);
    assert_eq!(room(80, 24), Room::Normal);
    assert_eq!(room(79, 24), Room::Compact);
    assert_eq!(room(60, 16), Room::Compact);
    assert_eq!(room(200, 15), Room::TooSmall);
}

#[test]
fn the_number_is_at_the_top_left() {
    for (width, height) in [(60, 16), (80, 24), (120, 40), (200, 60)] {
        let areas = layout(Rect::new(0, 0, width, height), live(Pane::Requests));
        let headline = areas.rect(Pane::Headline).unwrap();
        assert_eq!((headline.x, headline.y), (0, 1));
    }
}

#[test]
fn a_small_terminal_shows_the_pane_with_the_focus() {
    for view in View::iter() {
        for focus in view.panes() {
            let arrangement = Arrangement {
                view,
                ..live(*focus)
            };
            for (width, height) in [(60, 16), (80, 24), (120, 30)] {
                let areas = layout(Rect::new(0, 0, width, height), arrangement);
                assert!(areas.rect(*focus).is_some(), "{focus} in {width}x{height}");
            }
        }
    }
}

proptest! {
    #[test]
    fn panes_never_overlap_and_never_leave_the_body(
        width in 0u16..=200, height in 0u16..=200, view in 0usize..5, focus in 0usize..7,
        zoomed: bool, verdict: bool, bracket: bool, cycles in 0usize..100,
    ) {
        let view = View::iter().nth(view).unwrap();
        let focus = view.panes()[focus % view.panes().len()];
        let area = Rect::new(0, 0, width, height);
        let areas = layout(area, Arrangement { view, focus, zoomed, verdict, bracket, cycles });
        for (index, (pane, at)) in areas.panes.iter().enumerate() {
            prop_assert_eq!(at.intersection(areas.body), *at, "{} leaves the body", pane);
            for (other, beside) in areas.panes.iter().skip(index + 1) {
                prop_assert!(!at.intersects(*beside), "{} over {}", pane, other);
            }
        }
    }
}
