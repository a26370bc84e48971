//! Characters that are drawn rather than looked up: blocks, boxes, braille and the few signs that a
//! bitmap font of Latin letters lacks. Coordinates are those of a cell of 8 × 16 units.

/// Width and height of a cell, units.
pub const CELL: (f32, f32) = (8.0, 16.0);

/// One part of a drawn character.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Part {
    /// A filled rectangle: left, top, right, bottom; and how dark it is, 0–1.
    Bar([f32; 4], f32),
    /// A filled polygon of three or four corners.
    Corners([(f32, f32); 4]),
    /// A filled circle: its middle and radius.
    Disc((f32, f32), f32),
    /// A circle line: its middle, radius and thickness.
    Ring((f32, f32), f32, f32),
    /// A straight line: from, to, thickness.
    Stroke((f32, f32), (f32, f32), f32),
}

impl Part {
    /// How much of a point is covered, 0–1.
    pub fn covers(&self, (x, y): (f32, f32)) -> f32 {
        let inside = match *self {
            Self::Bar([left, top, right, bottom], shade) => {
                let hit = (left..right).contains(&x) && (top..bottom).contains(&y);
                return if hit { shade } else { 0.0 };
            }
            Self::Corners(corners) => inside(&corners, (x, y)),
            Self::Disc(middle, radius) => distance(middle, (x, y)) <= radius,
            Self::Ring(middle, radius, thick) => {
                (distance(middle, (x, y)) - radius).abs() <= thick / 2.0
            }
            Self::Stroke(from, to, thick) => to_line(from, to, (x, y)) <= thick / 2.0,
        };
        f32::from(u8::from(inside))
    }
}

fn distance(a: (f32, f32), b: (f32, f32)) -> f32 {
    (a.0 - b.0).hypot(a.1 - b.1)
}

fn to_line(from: (f32, f32), to: (f32, f32), point: (f32, f32)) -> f32 {
    let (dx, dy) = (to.0 - from.0, to.1 - from.1);
    let length = dx.mul_add(dx, dy * dy).max(f32::EPSILON);
    let along = ((point.0 - from.0) * dx + (point.1 - from.1) * dy) / length;
    let along = along.clamp(0.0, 1.0);
    distance((from.0 + along * dx, from.1 + along * dy), point)
}

/// Whether a point lies inside a convex polygon.
fn inside(corners: &[(f32, f32); 4], point: (f32, f32)) -> bool {
    let ends = corners.iter().cycle().skip(1);
    let sides = corners
        .iter()
        .zip(ends)
        .map(|(a, b)| (b.0 - a.0).mul_add(point.1 - a.1, -(b.1 - a.1) * (point.0 - a.0)));
    let (mut left, mut right) = (false, false);
    for side in sides {
        left |= side > 0.0;
        right |= side < 0.0;
    }
    !(left && right)
}

/// The parts of a drawn character; None for one that a font has to show.
pub fn parts(c: char) -> Option<Vec<Part>> {
    let code = u32::from(c);
    match c {
        '╱' => Some(vec![Part::Stroke((8.0, 0.0), (0.0, 16.0), 1.0)]),
        '╲' => Some(vec![Part::Stroke((0.0, 0.0), (8.0, 16.0), 1.0)]),
        '╳' => Some(vec![
            Part::Stroke((8.0, 0.0), (0.0, 16.0), 1.0),
            Part::Stroke((0.0, 0.0), (8.0, 16.0), 1.0),
        ]),
        '\u{2500}'..='\u{257f}' => Some(boxed(code - 0x2500)),
        '\u{2580}'..='\u{259f}' => Some(block(code - 0x2580)),
        '\u{2800}'..='\u{28ff}' => Some(braille(code - 0x2800)),
        _ => sign(c),
    }
}

/// The arms of the box characters from U+2500 on: two bits each for up, right, down and left
/// (0 none, 1 light, 2 heavy, 3 double). Dashes and arcs are drawn as lines and corners.
const ARMS: [u8; 128] = [
    0x11, 0x22, 0x44, 0x88, 0x11, 0x22, 0x44, 0x88, 0x11, 0x22, 0x44, 0x88, 0x14, 0x24, 0x18, 0x28,
    0x05, 0x06, 0x09, 0x0a, 0x50, 0x60, 0x90, 0xa0, 0x41, 0x42, 0x81, 0x82, 0x54, 0x64, 0x94, 0x58,
    0x98, 0xa4, 0x68, 0xa8, 0x45, 0x46, 0x85, 0x49, 0x89, 0x86, 0x4a, 0x8a, 0x15, 0x16, 0x25, 0x26,
    0x19, 0x1a, 0x29, 0x2a, 0x51, 0x52, 0x61, 0x62, 0x91, 0x92, 0xa1, 0xa2, 0x55, 0x56, 0x65, 0x66,
    0x95, 0x59, 0x99, 0x96, 0xa5, 0x5a, 0x69, 0xa6, 0x6a, 0x9a, 0xa9, 0xaa, 0x11, 0x22, 0x44, 0x88,
    0x33, 0xcc, 0x34, 0x1c, 0x3c, 0x07, 0x0d, 0x0f, 0x70, 0xd0, 0xf0, 0x43, 0xc1, 0xc3, 0x74, 0xdc,
    0xfc, 0x47, 0xcd, 0xcf, 0x37, 0x1d, 0x3f, 0x73, 0xd1, 0xf3, 0x77, 0xdd, 0xff, 0x14, 0x05, 0x41,
    0x50, 0x00, 0x00, 0x00, 0x01, 0x40, 0x10, 0x04, 0x02, 0x80, 0x20, 0x08, 0x21, 0x48, 0x12, 0x84,
];

fn boxed(index: u32) -> Vec<Part> {
    let arms = usize::try_from(index)
        .ok()
        .and_then(|index| ARMS.get(index));
    let arms = arms.copied().unwrap_or(0);
    let arm = |shift: u8| arms >> shift & 3;
    let most = arm(6).max(arm(4)).max(arm(2)).max(arm(0));
    // Heavy lines are two pixels wide: their middle lies between two.
    let middle = if most == 2 { (4.5, 9.0) } else { (4.0, 8.5) };
    // Each arm reaches a little past the middle, so that corners close.
    let reach = match most {
        3 => 1.5,
        2 => 1.0,
        _ => 0.5,
    };
    let mut parts = Vec::new();
    for (shift, side) in [(6, 0), (4, 1), (2, 2), (0, 3)] {
        // Offsets that put the lines on whole rows of pixels.
        let lines: &[(f32, f32)] = match arm(shift) {
            1 => &[(0.0, 0.5)],
            2 => &[(0.5, 1.0)],
            3 => &[(-1.0, 0.5), (1.0, 0.5)],
            _ => &[],
        };
        parts.extend(lines.iter().map(|&(off, half)| {
            let (x, y) = (4.0 + off, 8.5 + off);
            let sides = match side {
                0 => [x - half, 0.0, x + half, middle.1 + reach],
                1 => [middle.0 - reach, y - half, 8.0, y + half],
                2 => [x - half, middle.1 - reach, x + half, 16.0],
                _ => [0.0, y - half, middle.0 + reach, y + half],
            };
            Part::Bar(sides, 1.0)
        }));
    }
    parts
}

#[expect(clippy::cast_precision_loss, reason = "less than 32")]
fn block(index: u32) -> Vec<Part> {
    let bar = |sides| vec![Part::Bar(sides, 1.0)];
    let eighths = index as f32;
    match index {
        0x00 => bar([0.0, 0.0, 8.0, 8.0]),
        0x01..=0x08 => bar([0.0, 16.0 - 2.0 * eighths, 8.0, 16.0]),
        0x09..=0x0f => bar([0.0, 0.0, 16.0 - eighths, 16.0]),
        0x10 => bar([4.0, 0.0, 8.0, 16.0]),
        0x11..=0x13 => vec![Part::Bar([0.0, 0.0, 8.0, 16.0], (eighths - 16.0) * 0.25)],
        0x14 => bar([0.0, 0.0, 8.0, 2.0]),
        0x15 => bar([7.0, 0.0, 8.0, 16.0]),
        _ => {
            // Upper left 8, upper right 4, lower left 2, lower right 1.
            const QUADRANTS: [u8; 10] = [2, 1, 8, 11, 9, 14, 13, 4, 6, 7];
            let place = usize::try_from(index - 0x16).unwrap_or(usize::MAX);
            let bits = QUADRANTS.get(place).copied().unwrap_or(0);
            let corners = [(8, 0.0, 0.0), (4, 4.0, 0.0), (2, 0.0, 8.0), (1, 4.0, 8.0)];
            let set = corners.into_iter().filter(|(bit, ..)| bits & bit != 0);
            set.map(|(_, x, y)| Part::Bar([x, y, x + 4.0, y + 8.0], 1.0))
                .collect()
        }
    }
}

fn braille(bits: u32) -> Vec<Part> {
    const DOTS: [(f32, f32); 8] = [
        (2.0, 2.0),
        (2.0, 6.0),
        (2.0, 10.0),
        (6.0, 2.0),
        (6.0, 6.0),
        (6.0, 10.0),
        (2.0, 14.0),
        (6.0, 14.0),
    ];
    let set = DOTS
        .into_iter()
        .enumerate()
        .filter(|(bit, _)| bits >> bit & 1 == 1);
    set.map(|(_, middle)| Part::Disc(middle, 1.2)).collect()
}

fn dot(x: f32, y: f32) -> Part {
    Part::Disc((x, y), 0.9)
}

fn strokes(points: &[(f32, f32)]) -> Vec<Part> {
    let pairs = points.iter().zip(points.iter().skip(1));
    pairs
        .map(|(&from, &to)| Part::Stroke(from, to, 1.1))
        .collect()
}

/// A line from left to right, one pixel high.
fn bar(from: f32, to: f32, y: f32) -> Vec<Part> {
    vec![Part::Bar([from, y - 0.5, to, y + 0.5], 1.0)]
}

fn triangle(a: (f32, f32), b: (f32, f32), c: (f32, f32)) -> Vec<Part> {
    vec![Part::Corners([a, b, c, c])]
}

/// Signs of the dashboard and of ordinary prose that the font lacks.
fn sign(c: char) -> Option<Vec<Part>> {
    Some(match c {
        '‐' | '‑' => bar(2.0, 6.0, 8.5),
        '–' | '−' => bar(1.0, 7.0, 8.5),
        '—' => bar(0.0, 8.0, 8.5),
        '…' => vec![dot(1.4, 12.0), dot(4.0, 12.0), dot(6.6, 12.0)],
        '•' => vec![Part::Disc((4.0, 8.5), 2.0)],
        '●' | '⬤' => vec![Part::Disc((4.0, 8.5), 3.2)],
        '○' => vec![Part::Ring((4.0, 8.5), 2.7, 1.1)],
        '◐' => vec![
            Part::Ring((4.0, 8.5), 2.7, 1.1),
            Part::Bar([1.5, 6.0, 4.0, 11.0], 1.0),
        ],
        '◌' => vec![dot(4.0, 5.5), dot(7.0, 8.5), dot(4.0, 11.5), dot(1.0, 8.5)],
        '▶' | '▸' | '►' => triangle((1.5, 4.5), (7.0, 8.5), (1.5, 12.5)),
        '◀' | '◂' | '◄' => triangle((6.5, 4.5), (1.0, 8.5), (6.5, 12.5)),
        '▲' | '▴' => triangle((4.0, 4.5), (7.5, 12.0), (0.5, 12.0)),
        '▼' | '▾' => triangle((4.0, 12.5), (7.5, 5.0), (0.5, 5.0)),
        '▰' => vec![Part::Corners([
            (2.0, 5.5),
            (8.0, 5.5),
            (6.0, 11.5),
            (0.0, 11.5),
        ])],
        '▱' => strokes(&[(2.0, 6.0), (7.5, 6.0), (5.8, 11.0), (0.5, 11.0), (2.0, 6.0)]),
        '■' | '◼' | '▪' => vec![Part::Bar([1.0, 5.5, 7.0, 11.5], 1.0)],
        '□' | '◻' => strokes(&[(1.5, 6.0), (6.5, 6.0), (6.5, 11.0), (1.5, 11.0), (1.5, 6.0)]),
        '◆' => vec![Part::Corners([
            (4.0, 4.5),
            (7.5, 8.5),
            (4.0, 12.5),
            (0.5, 8.5),
        ])],
        '✔' | '✓' => strokes(&[(1.0, 8.8), (3.2, 11.6), (7.2, 4.6)]),
        '✘' | '✗' | '✕' | '✖' => with(
            strokes(&[(1.5, 5.0), (6.5, 11.5)]),
            strokes(&[(6.5, 5.0), (1.5, 11.5)]),
        ),
        '⏸' => vec![
            Part::Bar([1.5, 4.5, 3.2, 12.0], 1.0),
            Part::Bar([4.8, 4.5, 6.5, 12.0], 1.0),
        ],
        _ => return relation(c),
    })
}

/// Arrows and signs between numbers.
fn relation(c: char) -> Option<Vec<Part>> {
    Some(match c {
        '≥' => with(
            strokes(&[(1.2, 4.5), (6.8, 7.2), (1.2, 9.8)]),
            bar(1.2, 6.8, 12.5),
        ),
        '≤' => with(
            strokes(&[(6.8, 4.5), (1.2, 7.2), (6.8, 9.8)]),
            bar(1.2, 6.8, 12.5),
        ),
        '≈' => with(
            strokes(&[(1.0, 7.4), (2.8, 6.2), (5.2, 7.4), (7.0, 6.2)]),
            strokes(&[(1.0, 11.0), (2.8, 9.8), (5.2, 11.0), (7.0, 9.8)]),
        ),
        '∞' => vec![
            Part::Ring((2.4, 8.5), 1.7, 1.0),
            Part::Ring((5.6, 8.5), 1.7, 1.0),
        ],
        '→' => with(
            strokes(&[(0.5, 8.5), (7.3, 8.5)]),
            strokes(&[(4.7, 5.9), (7.3, 8.5), (4.7, 11.1)]),
        ),
        '←' => with(
            strokes(&[(7.5, 8.5), (0.7, 8.5)]),
            strokes(&[(3.3, 5.9), (0.7, 8.5), (3.3, 11.1)]),
        ),
        '↑' => with(
            strokes(&[(4.0, 13.0), (4.0, 4.5)]),
            strokes(&[(1.4, 7.1), (4.0, 4.5), (6.6, 7.1)]),
        ),
        '↓' => with(
            strokes(&[(4.0, 4.0), (4.0, 12.5)]),
            strokes(&[(1.4, 9.9), (4.0, 12.5), (6.6, 9.9)]),
        ),
        _ => return None,
    })
}

fn with(mut parts: Vec<Part>, more: Vec<Part>) -> Vec<Part> {
    parts.extend(more);
    parts
}

/// A character of the font that stands for one that it lacks.
pub fn alike(c: char) -> Option<char> {
    Some(match c {
        '‘' | '’' | '‚' | '′' => '\'',
        '“' | '”' | '„' | '″' => '"',
        '‹' => '<',
        '›' => '>',
        'μ' => 'µ',
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dark(c: char, x: f32, y: f32) -> bool {
        parts(c)
            .unwrap()
            .iter()
            .any(|part| part.covers((x, y)) > 0.5)
    }

    #[test]
    fn blocks_fill_their_share() {
        assert!(dark('▁', 4.0, 15.0) && !dark('▁', 4.0, 13.0));
        assert!(dark('▇', 4.0, 3.0) && !dark('▇', 4.0, 1.0));
        assert!(dark('▌', 3.9, 8.0) && !dark('▌', 4.1, 8.0));
        assert!(dark('▞', 6.0, 2.0) && dark('▞', 2.0, 12.0) && !dark('▞', 2.0, 2.0));
        let shade = parts('▒').unwrap()[0].covers((4.0, 8.0));
        assert!((shade - 0.5).abs() < f32::EPSILON);
    }

    #[test]
    fn lines_meet_at_the_edges_of_cells() {
        for c in ['─', '├', '┼', '┴', '━', '═', '╰', '┐'] {
            assert!(
                dark(c, 0.1, 8.9) || matches!(c, '├' | '╰' | '═'),
                "{c} to the left"
            );
        }
        for c in ['│', '├', '┼', '┬', '┃', '╭'] {
            assert!(dark(c, 4.3, 15.9), "{c} down");
        }
        assert!(!dark('┘', 7.0, 8.5) && !dark('┘', 4.0, 12.0));
    }

    #[test]
    fn every_box_block_and_braille_character_has_parts() {
        for code in (0x2500..=0x259f).chain(0x2801..=0x28ff) {
            let c = char::from_u32(code).unwrap();
            assert!(!parts(c).unwrap().is_empty(), "{c} is empty");
        }
        assert_eq!(parts('\u{2800}'), Some(Vec::new()));
        assert_eq!(parts('a'), None);
    }
}
