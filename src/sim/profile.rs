//! What a simulated server is like: slots, queue, speeds, answers, models. Read from TOML.

use serde::Deserialize;
use std::fmt;

const BUILTIN: [(&str, &str); 2] = [
    ("m2-pro", include_str!("../../assets/sim/m2-pro.toml")),
    ("fast", include_str!("../../assets/sim/fast.toml")),
];

/// The most slots a profile may have.
const MAX_SLOTS: u32 = 65_536;

/// What a simulated server is like.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Profile {
    /// What it is called.
    pub name: String,
    /// What it stands for, half a sentence.
    pub about: String,
    /// Answers at once.
    pub slots: u32,
    /// Requests that may wait for a slot; those beyond are refused with 503.
    pub queue: u32,
    /// Where its chance starts, unless a seed is given.
    pub seed: u64,
    /// The time to load a model, seconds.
    pub load_s: f64,
    /// The speed of a download, megabytes a second.
    pub pull_mb_s: f64,
    /// How long a prompt takes.
    pub prefill: Prefill,
    /// How fast an answer comes.
    pub decode: Decode,
    /// How long an answer is.
    pub answer: Answer,
    /// How much of it is thinking, on models that think.
    pub thinking: Thinking,
    /// What it can run; the first is the one to take when none is named.
    pub models: Vec<ModelSpec>,
}

/// The wait for the first token of a request that has a slot.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Prefill {
    /// The part that every request has, seconds: drawn evenly between the two.
    pub base_s: [f64; 2],
    /// The speed at which the prompt is read on top of it, tokens a second.
    pub tok_s: f64,
}

/// The speed of decoding.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Decode {
    /// Standard deviation of the speed between requests, as a share of it.
    pub spread: f64,
    /// Speeds by busy slots, rising in `busy`; the first is for 1.
    pub speeds: Vec<Speed>,
}

/// One point of the speed curve.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Speed {
    /// Slots at work.
    pub busy: u32,
    /// Tokens a second for each of them.
    pub tok_s: f64,
}

/// The length of an answer, tokens, thinking included: log-normal, cut to a range.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Answer {
    /// Its mean.
    pub mean: f64,
    /// Its standard deviation.
    pub sd: f64,
    /// The shortest.
    pub min: u32,
    /// The longest.
    pub max: u32,
}

/// How much of an answer is thinking.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Thinking {
    /// Share of the tokens, 0–1: drawn evenly between the two.
    pub share: [f64; 2],
}

/// A model that the server has, or can pull.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ModelSpec {
    /// Name and tag, for example `deepseek-r1:7b`.
    pub name: String,
    /// Architecture, for example `qwen2`.
    pub family: String,
    /// Parameter count.
    pub parameters: u64,
    /// Quantization, for example `Q4_K_M`.
    #[serde(alias = "quantisation")]
    pub quantization: String,
    /// Size on disk, bytes.
    pub size_bytes: u64,
    /// The longest context it was made for, tokens.
    pub context: u64,
    /// Width of its embedding.
    pub embedding: u64,
    /// Whether it thinks before it answers.
    #[serde(default)]
    pub thinking: bool,
    /// Whether it is there from the start; else it can be pulled.
    #[serde(default = "default_true")]
    pub installed: bool,
}

fn default_true() -> bool {
    true
}

/// What is wrong with a profile: everything that was found.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("simulator profile: {}", problems.join("; "))]
pub struct ProfileError {
    /// One line each.
    pub problems: Vec<String>,
}

impl Default for Profile {
    /// `m2-pro`.
    #[expect(
        clippy::expect_used,
        reason = "the text is part of the program, and a test reads it"
    )]
    fn default() -> Self {
        Self::named("m2-pro").expect("the built-in profile is valid")
    }
}

impl Profile {
    /// The names of the built-in profiles, the default first.
    pub fn names() -> impl Iterator<Item = &'static str> {
        BUILTIN.iter().map(|(name, _)| *name)
    }

    /// A built-in profile.
    pub fn named(name: &str) -> Result<Self, ProfileError> {
        match BUILTIN.iter().find(|(known, _)| *known == name) {
            Some((_, text)) => Self::from_toml(text),
            None => Err(ProfileError {
                problems: vec![format!(
                    "unknown profile “{name}”; the built-in ones are {}",
                    Self::names().collect::<Vec<_>>().join(", ")
                )],
            }),
        }
    }

    /// A profile from TOML, as in `assets/sim/`. Unknown fields are errors.
    pub fn from_toml(text: &str) -> Result<Self, ProfileError> {
        let profile: Self = toml::from_str(text).map_err(|error| ProfileError {
            problems: vec![error.to_string().trim_end().to_owned()],
        })?;
        profile.check()?;
        Ok(profile)
    }

    /// Whether a server can be made of it; if not, everything that is wrong.
    pub fn check(&self) -> Result<(), ProfileError> {
        let mut problems = Vec::new();
        let mut need = |is_right: bool, rule: String| {
            if !is_right {
                problems.push(rule);
            }
        };
        self.check_numbers(&mut need);
        self.check_speeds(&mut need);
        self.check_models(&mut need);
        if problems.is_empty() {
            Ok(())
        } else {
            Err(ProfileError { problems })
        }
    }

    fn check_numbers(&self, need: &mut impl FnMut(bool, String)) {
        let slots = self.slots;
        need(
            (1..=MAX_SLOTS).contains(&slots),
            format!("slots must be 1 to {MAX_SLOTS}, not {slots}"),
        );
        for (name, x) in [
            ("load_s", self.load_s),
            ("decode.spread", self.decode.spread),
            ("answer.sd", self.answer.sd),
        ] {
            let is_right = x.is_finite() && x >= 0.0;
            need(is_right, format!("{name} must be 0 or more, not {x}"));
        }
        for (name, x) in [
            ("pull_mb_s", self.pull_mb_s),
            ("prefill.tok_s", self.prefill.tok_s),
            ("answer.mean", self.answer.mean),
        ] {
            let is_right = x.is_finite() && x > 0.0;
            need(is_right, format!("{name} must be above 0, not {x}"));
        }
        let [from, to] = self.prefill.base_s;
        need(
            0.0 <= from && from <= to && to.is_finite(),
            format!("prefill.base_s must rise from 0 or more, not [{from}, {to}]"),
        );
        let [from, to] = self.thinking.share;
        need(
            0.0 <= from && from <= to && to < 1.0,
            format!("thinking.share must rise within 0 to 1, not [{from}, {to}]"),
        );
        let Answer { min, max, .. } = self.answer;
        need(
            1 <= min && min <= max,
            format!("answer.min and answer.max must rise from 1, not {min} to {max}"),
        );
        let spread = self.decode.spread;
        need(
            spread <= 0.3,
            format!("decode.spread must be at most 0.3, not {spread}"),
        );
    }

    fn check_speeds(&self, need: &mut impl FnMut(bool, String)) {
        let speeds = &self.decode.speeds;
        need(
            speeds.first().is_some_and(|s| s.busy == 1),
            "decode.speeds must start with busy = 1".to_owned(),
        );
        for (Speed { busy: a, .. }, Speed { busy: b, .. }) in
            speeds.iter().zip(speeds.iter().skip(1))
        {
            need(
                a < b,
                format!("decode.speeds must rise in busy: {a} is followed by {b}"),
            );
        }
        for Speed { busy, tok_s } in speeds {
            need(
                tok_s.is_finite() && *tok_s > 0.0,
                format!("decode.speeds at busy = {busy} must be above 0, not {tok_s}"),
            );
        }
    }

    fn check_models(&self, need: &mut impl FnMut(bool, String)) {
        need(
            self.default_model().is_some(),
            "at least one of the models must be installed".to_owned(),
        );
        for (number, ModelSpec { name, .. }) in (1..).zip(&self.models) {
            need(
                !name.trim().is_empty() && !name.contains(|c: char| c.is_control()),
                format!("model {number} has no usable name"),
            );
            let before = self.models.iter().take(number - 1);
            need(
                before.map(|m| &m.name).all(|other| other != name),
                format!("model {name} is listed twice"),
            );
        }
    }

    /// Tokens a second for each of `busy` slots: a straight line between the points of the curve.
    pub fn speed_at(&self, busy: u32) -> Option<f64> {
        let speeds = &self.decode.speeds;
        let above = speeds.iter().find(|s| s.busy >= busy);
        let below = speeds.iter().rev().find(|s| s.busy <= busy);
        match (below, above) {
            (Some(a), Some(b)) if a.busy < b.busy => {
                let part = f64::from(busy - a.busy) / f64::from(b.busy - a.busy);
                Some(a.tok_s + (b.tok_s - a.tok_s) * part)
            }
            (Some(s), _) | (_, Some(s)) => Some(s.tok_s),
            (None, None) => None,
        }
    }

    /// The model to take when none is named.
    pub fn default_model(&self) -> Option<&ModelSpec> {
        self.models.iter().find(|m| m.installed)
    }
}

impl fmt::Display for Profile {
    /// One line: `m2-pro: deepseek-r1:7b, 19 slots, 54.2 tok/s alone, 9.1 with 19 at once`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: ", self.name)?;
        if let Some(model) = self.default_model() {
            write!(f, "{}, ", model.name)?;
        }
        write!(f, "{} slots", self.slots)?;
        if let (Some(alone), Some(full)) = (self.speed_at(1), self.speed_at(self.slots)) {
            write!(
                f,
                ", {alone:.1} tok/s alone, {full:.1} with {} at once",
                self.slots
            )?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn built_in_profiles_are_valid_and_bear_their_names() {
        for name in Profile::names() {
            assert_eq!(Profile::named(name).unwrap().name, name);
        }
        assert_eq!(Profile::names().next(), Some("m2-pro"));
        assert_eq!(Profile::default().name, "m2-pro");
    }

    #[test]
    fn default_profile_holds_the_curve_of_the_study() {
        let p = Profile::default();
        assert_eq!(p.slots, 19);
        for (busy, tok_s) in [
            (1, 54.2),
            (2, 30.7),
            (4, 20.7),
            (5, 19.2),
            (8, 12.8),
            (16, 9.8),
            (19, 9.1),
            (3, 25.7),
            (40, 9.1),
        ] {
            let got = p.speed_at(busy).unwrap();
            assert!((got - tok_s).abs() < 1e-9, "{busy} busy: {got}");
        }
    }

    #[test]
    fn a_profile_says_what_it_is_in_one_line() {
        assert_eq!(
            Profile::default().to_string(),
            "m2-pro: deepseek-r1:7b, 19 slots, 54.2 tok/s alone, 9.1 with 19 at once"
        );
    }

    #[test]
    fn unknown_names_and_fields_are_errors() {
        let error = Profile::named("m9").unwrap_err().to_string();
        assert!(
            error.contains("m9") && error.contains("m2-pro, fast"),
            "{error}"
        );
        let text = BUILTIN[0].1.replace("spread =", "spraed =");
        let error = Profile::from_toml(&text).unwrap_err().to_string();
        assert!(
            error.contains("spraed") && error.contains("spread"),
            "{error}"
        );
    }

    #[test]
    fn every_problem_is_told_at_once() {
        let text = BUILTIN[0]
            .1
            .replace("slots = 19", "slots = 0")
            .replace("tok_s = 30.7", "tok_s = -1.0")
            .replace("busy = 5", "busy = 4")
            .replace("base_s = [0.4, 0.95]", "base_s = [2.0, nan]")
            .replace("max = 3700", "max = 3");
        let problems = Profile::from_toml(&text).unwrap_err().problems;
        assert_eq!(problems.len(), 5, "{problems:#?}");
    }
}
