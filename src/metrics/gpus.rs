//! Several GPUs as one.

use crate::event::{GpuSample, PowerScope};

/// The GPUs that count: those that the server computes on; where no source knows, all of them.
/// The CPU's package is none.
pub fn in_use<'a>(samples: impl IntoIterator<Item = &'a GpuSample>) -> Vec<&'a GpuSample> {
    let gpus: Vec<&GpuSample> = samples
        .into_iter()
        .filter(|sample| sample.scope != Some(PowerScope::Package))
        .collect();
    if gpus.iter().any(|gpu| gpu.serves == Some(true)) {
        return gpus
            .into_iter()
            .filter(|gpu| gpu.serves != Some(false))
            .collect();
    }
    gpus
}

/// Several GPUs as one: sums of power, energy and memory, means of clock and usage, the highest
/// temperature. A sum is absent where one of its parts is.
pub fn sum(gpus: &[&GpuSample]) -> Option<GpuSample> {
    let first = gpus.first()?;
    let all = |get: fn(&GpuSample) -> Option<f64>| -> Option<f64> {
        gpus.iter().map(|gpu| get(gpu)).sum::<Option<f64>>()
    };
    let bytes = |get: fn(&GpuSample) -> Option<u64>| -> Option<u64> {
        gpus.iter().map(|gpu| get(gpu)).sum::<Option<u64>>()
    };
    let count = gpus.len() as f64;
    let same_scope = gpus.iter().all(|gpu| gpu.scope == first.scope);
    let scoped = |value: Option<f64>| value.filter(|_| same_scope);
    Some(GpuSample {
        source: "sum".to_owned(),
        name: Some(format!("{} GPUs", gpus.len())),
        watts: scoped(all(|gpu| gpu.watts)),
        mhz: all(|gpu| gpu.mhz).map(|sum| sum / count),
        usage_percent: all(|gpu| gpu.usage_percent).map(|sum| sum / count),
        vram_used_bytes: bytes(|gpu| gpu.vram_used_bytes),
        vram_total_bytes: bytes(|gpu| gpu.vram_total_bytes),
        celsius: gpus.iter().filter_map(|gpu| gpu.celsius).reduce(f64::max),
        energy_counter_j: scoped(all(|gpu| gpu.energy_counter_j)),
        scope: first.scope.filter(|_| same_scope),
        limit_watts: scoped(all(|gpu| gpu.limit_watts)),
        simulated: gpus.iter().any(|gpu| gpu.simulated),
        ..GpuSample::default()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gpu(watts: Option<f64>, serves: Option<bool>) -> GpuSample {
        GpuSample {
            watts,
            serves,
            scope: Some(PowerScope::Gpu),
            ..GpuSample::default()
        }
    }

    #[test]
    fn only_the_gpus_of_the_server_count() {
        let all = [gpu(Some(300.0), Some(true)), gpu(Some(80.0), Some(false))];
        assert_eq!(in_use(&all).len(), 1);
        let unknown = [gpu(Some(300.0), None), gpu(Some(80.0), None)];
        assert_eq!(in_use(&unknown).len(), 2);
    }

    #[test]
    fn a_sum_with_an_unknown_part_is_unknown() {
        let (a, b, c) = (
            gpu(Some(300.0), None),
            gpu(Some(80.5), None),
            gpu(None, None),
        );
        assert_eq!(sum(&[&a, &b]).unwrap().watts, Some(380.5));
        assert_eq!(sum(&[&a, &c]).unwrap().watts, None);
        assert_eq!(sum(&[]), None);
    }

    #[test]
    fn figures_of_different_scopes_are_never_added() {
        let card = gpu(Some(300.0), None);
        let mut board = gpu(Some(80.0), None);
        board.scope = Some(PowerScope::Board);
        assert_eq!(sum(&[&card, &board]).unwrap().watts, None);
        let mut package = gpu(Some(65.0), None);
        package.scope = Some(PowerScope::Package);
        assert_eq!(in_use([&card, &package]).len(), 1);
    }
}
