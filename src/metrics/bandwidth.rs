//! The physical limit of a single stream: each token reads the whole model from memory once, so it
//! cannot come faster than memory bandwidth / bytes read per token.

/// Memory bandwidth of Apple's chips, GB/s, longest names first. Where a chip exists in two forms the
/// faster one counts, so that the limit is never set too low.
const APPLE: [(&str, f64); 19] = [
    ("M1 Ultra", 800.0),
    ("M1 Max", 400.0),
    ("M1 Pro", 200.0),
    ("M1", 68.25),
    ("M2 Ultra", 800.0),
    ("M2 Max", 400.0),
    ("M2 Pro", 200.0),
    ("M2", 100.0),
    ("M3 Ultra", 819.0),
    ("M3 Max", 400.0),
    ("M3 Pro", 150.0),
    ("M3", 100.0),
    ("M4 Max", 546.0),
    ("M4 Pro", 273.0),
    ("M4", 120.0),
    ("M5 Max", 614.0),
    ("M5 Pro", 307.0),
    ("M5", 153.6),
    ("A18 Pro", 60.0),
];

/// Memory bandwidth of the Apple chip named so (`Apple M2 Pro`), bytes a second.
pub fn apple_chip(name: &str) -> Option<f64> {
    let chip = name.trim().strip_prefix("Apple ").unwrap_or(name.trim());
    APPLE
        .iter()
        .find(|(known, _)| chip.strip_prefix(known).is_some_and(ends_a_name))
        .map(|(_, gigabytes)| gigabytes * 1e9)
}

/// Whether what follows a chip's name is not part of it: nothing, or for example ` (10 cores)`.
fn ends_a_name(rest: &str) -> bool {
    let next = rest.trim_start();
    next.is_empty() || next.starts_with(['(', ',', '-'])
}

/// Memory bandwidth of a card, bytes a second: bus width in bits, memory clock in MHz, two transfers a clock.
pub fn from_bus(bits: u32, mhz: u32) -> Option<f64> {
    let bytes_s = f64::from(bits) / 8.0 * f64::from(mhz) * 1e6 * 2.0;
    (bytes_s > 0.0).then_some(bytes_s)
}

/// Bytes that one token of a dense model reads: its size. None for a mixture of experts, which reads
/// only a part of itself, and its size does not say which.
pub fn bytes_per_token(size_bytes: u64, family: Option<&str>, name: &str) -> Option<u64> {
    (!is_mixture(family, name)).then_some(size_bytes)
}

/// Whether a model is a mixture of experts, by its family and name.
pub fn is_mixture(family: Option<&str>, name: &str) -> bool {
    const FAMILIES: [&str; 9] = [
        "moe",
        "mixtral",
        "gptoss",
        "gpt-oss",
        "deepseek2",
        "llama4",
        "dbrx",
        "grok",
        "glm4.5",
    ];
    const NAMES: [&str; 8] = [
        "moe",
        "mixtral",
        "gpt-oss",
        "deepseek-v3",
        "deepseek-v2",
        "llama4",
        "kimi-k2",
        "grok",
    ];
    let family = family.unwrap_or_default().to_lowercase();
    let name = name.to_lowercase();
    FAMILIES.iter().any(|word| family.contains(word))
        || NAMES.iter().any(|word| name.contains(word))
        || name.split(['-', ':', '_', '/']).any(names_experts)
}

/// Whether a part of a model's name stands for experts: `8x7b`, or `a3b` (3 billion active parameters).
fn names_experts(part: &str) -> bool {
    let digits =
        |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit() || b == b'.');
    let Some(size) = part.strip_suffix('b') else {
        return false;
    };
    size.strip_prefix('a').is_some_and(digits)
        || size
            .split_once('x')
            .is_some_and(|(experts, each)| digits(experts) && digits(each))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chips_are_known_by_their_whole_name() {
        assert_eq!(apple_chip("Apple M2 Pro"), Some(200e9));
        assert_eq!(apple_chip("Apple M2"), Some(100e9));
        assert_eq!(apple_chip("Apple M1 Ultra"), Some(800e9));
        assert_eq!(apple_chip("M4 Max (40 cores)"), Some(546e9));
        assert_eq!(apple_chip("Apple M2 Turbo"), None);
        assert_eq!(apple_chip("Apple M11"), None);
        assert_eq!(apple_chip("NVIDIA M2"), None);
    }

    #[test]
    fn cards_are_known_by_bus_and_clock() {
        assert_eq!(from_bus(384, 9751), Some(936.096e9));
        assert_eq!(from_bus(0, 9751), None);
    }

    #[test]
    fn a_mixture_has_no_limit_unless_told() {
        for (family, name) in [
            (Some("qwen3moe"), "x"),
            (None, "mixtral:8x22b"),
            (None, "qwen3:30b-a3b"),
            (Some("gptoss"), "gpt-oss:20b"),
        ] {
            assert_eq!(bytes_per_token(1 << 30, family, name), None, "{name}");
        }
        let dense = bytes_per_token(1 << 30, Some("qwen2"), "deepseek-r1:7b");
        assert_eq!(dense, Some(1 << 30));
    }
}
