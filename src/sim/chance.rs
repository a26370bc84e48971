//! Random numbers that a seed decides, by `SplitMix64`: the algorithm is published, so a seed means the same in
//! every version.

use rand_xoshiro::SplitMix64;
use rand_xoshiro::rand_core::{Rng as _, SeedableRng as _};

/// A source of numbers that a seed decides.
#[derive(Debug, Clone)]
pub(super) struct Chance(SplitMix64);

impl Chance {
    /// The numbers for one thing (say, request 17) under a seed.
    pub(super) fn new(seed: u64, thing: u64) -> Self {
        let mixed = Self::seeded(seed).next() ^ thing.wrapping_mul(0xd1b5_4a32_d192_ed03);
        let mut chance = Self::seeded(mixed);
        chance.next();
        chance
    }

    fn seeded(seed: u64) -> Self {
        Self(SplitMix64::seed_from_u64(seed))
    }

    /// Any number.
    pub(super) fn next(&mut self) -> u64 {
        self.0.next_u64()
    }

    /// From 0 to just below 1.
    pub(super) fn unit(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// Uniform between two numbers.
    pub(super) fn between(&mut self, [from, to]: [f64; 2]) -> f64 {
        from + (to - from) * self.unit()
    }

    /// An index below `n`, which is above 0.
    pub(super) fn index(&mut self, n: usize) -> usize {
        usize::try_from(self.next() % (n.max(1) as u64)).unwrap_or(0)
    }

    /// Normal, with mean 0 and standard deviation 1 (Box–Muller).
    pub(super) fn normal(&mut self) -> f64 {
        let radius = (-2.0 * (1.0 - self.unit()).ln()).sqrt();
        radius * (std::f64::consts::TAU * self.unit()).cos()
    }

    /// Log-normal, with the given mean and standard deviation.
    pub(super) fn log_normal(&mut self, mean: f64, sd: f64) -> f64 {
        let variance = (1.0 + (sd / mean).powi(2)).ln();
        (mean.ln() - variance / 2.0 + variance.sqrt() * self.normal()).exp()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mean_and_sd(draw: impl FnMut(u64) -> f64) -> (f64, f64) {
        let all: Vec<f64> = (0..20_000).map(draw).collect();
        let mean = all.iter().sum::<f64>() / all.len() as f64;
        let square = all.iter().map(|x| (x - mean).powi(2)).sum::<f64>();
        (mean, (square / all.len() as f64).sqrt())
    }

    #[test]
    fn a_seed_decides_and_seeds_differ() {
        let draw = |seed, thing| Chance::new(seed, thing).next();
        assert_eq!(draw(1, 1), draw(1, 1));
        assert_ne!(draw(1, 1), draw(2, 1));
        assert_ne!(draw(1, 1), draw(1, 2));
        // `SplitMix64`'s published first value for seed 0: the sequence must never change.
        assert_eq!(Chance::seeded(0).next(), 0xe220_a839_7b1d_cdaf);
    }

    #[test]
    fn distributions_have_their_means_across_neighboring_requests() {
        let (mean, sd) = mean_and_sd(|i| Chance::new(42, i).normal());
        assert!(mean.abs() < 0.03 && (sd - 1.0).abs() < 0.03, "{mean} {sd}");
        let (mean, sd) = mean_and_sd(|i| Chance::new(42, i).log_normal(1945.0, 370.0));
        assert!((mean - 1945.0).abs() < 15.0 && (sd - 370.0).abs() < 15.0);
        let (mean, _) = mean_and_sd(|i| Chance::new(42, i).between([2.0, 4.0]));
        assert!((mean - 3.0).abs() < 0.03);
    }
}
