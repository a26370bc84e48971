//! Long series, kept short: as many points as a chart can show, whatever the length of the run.

/// A series over time, seconds since the start of the run. When it is full, neighbors are merged into
/// their mean, and each later point stands for twice as many.
#[derive(Debug, Clone)]
pub(crate) struct ThinSeries {
    points: Vec<(f64, f64)>,
    most: usize,
    each: u32,
    sum: (f64, f64),
    waiting: u32,
    latest: f64,
}

/// Values further apart than this are not put together, seconds.
const SILENCE_S: f64 = 60.0;

impl ThinSeries {
    /// A series of at most `most` points; at least 4.
    pub(crate) fn new(most: usize) -> Self {
        Self {
            points: Vec::new(),
            most: most.max(4),
            each: 1,
            sum: (0.0, 0.0),
            waiting: 0,
            latest: 0.0,
        }
    }

    /// Adds a value; one that is not known, or not a number, is left out.
    pub(crate) fn push(&mut self, at_s: f64, value: Option<f64>) {
        let value = value.filter(|value| at_s.is_finite() && value.is_finite());
        let Some(value) = value else {
            return;
        };
        // Nothing stands for both sides of a long silence.
        if at_s - self.latest > SILENCE_S {
            self.settle();
        }
        self.latest = at_s;
        self.sum = (self.sum.0 + at_s, self.sum.1 + value);
        self.waiting += 1;
        if self.waiting < self.each {
            return;
        }
        self.settle();
        if self.points.len() >= self.most {
            self.points = halved(&self.points);
            self.each = self.each.saturating_mul(2);
        }
    }

    fn settle(&mut self) {
        let n = f64::from(self.waiting);
        if self.waiting > 0 {
            self.points.push((self.sum.0 / n, self.sum.1 / n));
        }
        self.sum = (0.0, 0.0);
        self.waiting = 0;
    }

    /// The points, oldest first.
    pub(crate) fn points(&self) -> Vec<(f64, f64)> {
        let mut whole = self.clone();
        whole.settle();
        whole.points
    }
}

impl Default for ThinSeries {
    fn default() -> Self {
        Self::new(1_200)
    }
}

/// Half as many points: each two neighbors become their mean, unless they lie much further apart than
/// the rest.
fn halved(points: &[(f64, f64)]) -> Vec<(f64, f64)> {
    let mut steps: Vec<f64> = points
        .windows(2)
        .filter_map(|pair| Some(pair.last()?.0 - pair.first()?.0))
        .collect();
    steps.sort_by(f64::total_cmp);
    let usual = steps.get(steps.len() / 2).copied().unwrap_or(0.0);
    let far = usual * 16.0;
    let mut halved = Vec::with_capacity(points.len() / 2 + 1);
    for pair in points.chunks(2) {
        match pair {
            [one, other] if other.0 - one.0 > far => halved.extend([*one, *other]),
            pair => halved.push(mean(pair)),
        }
    }
    halved
}

/// The same points, neighbors merged until there are at most `most`.
pub(crate) fn thin(points: &[(f64, f64)], most: usize) -> Vec<(f64, f64)> {
    let each = points.len().div_ceil(most.max(1)).max(1);
    points.chunks(each).map(mean).collect()
}

fn mean(points: &[(f64, f64)]) -> (f64, f64) {
    let n = points.len().max(1) as f64;
    let sum = points
        .iter()
        .fold((0.0, 0.0), |sum, point| (sum.0 + point.0, sum.1 + point.1));
    (sum.0 / n, sum.1 / n)
}

/// Things in order of their coming, of which an even share is kept: when it is full, every other one
/// goes, and of the later ones half as many are taken.
#[derive(Debug, Clone)]
pub(crate) struct Even<T> {
    kept: Vec<T>,
    most: usize,
    each: u64,
    seen: u64,
}

impl<T> Even<T> {
    /// At most `most` things.
    pub(crate) fn new(most: usize) -> Self {
        Self {
            kept: Vec::new(),
            most: most.max(2),
            each: 1,
            seen: 0,
        }
    }

    /// Offers one more.
    pub(crate) fn offer(&mut self, thing: T) {
        let wanted = self.seen.is_multiple_of(self.each);
        self.seen += 1;
        if !wanted {
            return;
        }
        if self.kept.len() >= self.most {
            let mut number = 0_u64;
            self.kept.retain(|_| {
                number += 1;
                number % 2 == 1
            });
            self.each = self.each.saturating_mul(2);
            if !(self.seen - 1).is_multiple_of(self.each) {
                return;
            }
        }
        self.kept.push(thing);
    }

    /// What was kept.
    pub(crate) fn iter(&self) -> std::slice::Iter<'_, T> {
        self.kept.iter()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_series_keeps_its_mean_and_its_ends() {
        let mut series = ThinSeries::new(8);
        for second in 0..1_000_u32 {
            series.push(f64::from(second), Some(f64::from(second % 10)));
        }
        series.push(1_000.0, Some(f64::NAN));
        series.push(1_001.0, None);
        let points = series.points();
        assert!(points.len() <= 8, "{}", points.len());
        assert!(points.is_sorted_by(|a, b| a.0 < b.0));
        assert!(points.iter().all(|(_, value)| (4.0..=5.0).contains(value)));
        assert!(points.first().unwrap().0 < 130.0 && points.last().unwrap().0 > 870.0);
    }

    #[test]
    fn nothing_stands_for_both_sides_of_a_silence() {
        let mut series = ThinSeries::new(8);
        for second in (0..100_u32).chain(100_000..100_100) {
            series.push(f64::from(second), Some(1.0));
        }
        let points = series.points();
        assert!(points.len() <= 12, "{}", points.len());
        let inside = points
            .iter()
            .filter(|(at, _)| *at > 100.0 && *at < 99_999.0);
        assert_eq!(inside.count(), 0, "{points:?}");
    }

    #[test]
    fn a_short_series_is_kept_whole() {
        let mut series = ThinSeries::new(8);
        series.push(1.0, Some(3.0));
        series.push(2.0, Some(5.0));
        assert_eq!(series.points(), [(1.0, 3.0), (2.0, 5.0)]);
        assert_eq!(thin(&series.points(), 1), [(1.5, 4.0)]);
        assert_eq!(thin(&[], 4), []);
    }

    #[test]
    fn an_even_share_is_kept() {
        let mut even = Even::new(4);
        for number in 0..1_000 {
            even.offer(number);
        }
        let kept: Vec<i32> = even.iter().copied().collect();
        let steps: Vec<i32> = kept.windows(2).map(|pair| pair[1] - pair[0]).collect();
        assert!((2..=4).contains(&kept.len()), "{kept:?}");
        assert!(steps.windows(2).all(|pair| pair[0] == pair[1]), "{kept:?}");
        assert!(kept.last().unwrap() > &400, "{kept:?}");
    }
}
