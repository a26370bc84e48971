//! The interval in which a share lies.

/// Two-sided 95 % of the normal distribution.
const Z: f64 = 1.959_963_984_540_054;

/// Wilson's 95 % score interval of a share of which `met` of `of` were seen. None for `of` = 0.
/// E. B. Wilson, 1927: it stays inside 0–1 and says something even of 0 of n and n of n.
pub(crate) fn wilson(met: u64, of: u64) -> Option<(f64, f64)> {
    wilson_worth(met.min(of) as f64, of as f64)
}

/// The same of requests that are worth so many independent ones, which may be fractions.
pub(crate) fn wilson_worth(met: f64, of: f64) -> Option<(f64, f64)> {
    if of <= 0.0 {
        return None;
    }
    let p = (met / of).clamp(0.0, 1.0);
    let scale = 1.0 + Z * Z / of;
    let center = (p + Z * Z / (2.0 * of)) / scale;
    let half = Z * (p * (1.0 - p) / of + Z * Z / (4.0 * of * of)).sqrt() / scale;
    let low = if p <= 0.0 { 0.0 } else { center - half };
    let high = if p >= 1.0 { 1.0 } else { center + half };
    Some((low.clamp(0.0, p), high.clamp(p, 1.0)))
}
