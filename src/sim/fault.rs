//! Faults that can be switched on: what real servers do on bad days, every Nth request.

use std::fmt;
use std::str::FromStr;

/// The kind of a fault.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, strum::Display, strum::EnumString, strum::VariantNames,
)]
#[strum(serialize_all = "kebab-case")]
pub enum FaultKind {
    /// The connection is cut in the middle of the answer.
    Cut,
    /// The answer stops coming; the connection stays open.
    Stall,
    /// A line that is not JSON comes between the tokens; the answer continues.
    Garbage,
    /// An error object ends the stream.
    Error,
    /// The stream ends cleanly, without its last line.
    Eof,
    /// The request is answered with status 500.
    #[strum(serialize = "500")]
    Status500,
    /// The request is answered with status 503.
    #[strum(serialize = "503")]
    Status503,
    /// The first byte of the answer comes late.
    SlowHeader,
}

impl FaultKind {
    /// Whether it strikes inside an answer, after some tokens.
    pub(super) fn inside(self) -> bool {
        matches!(
            self,
            Self::Cut | Self::Stall | Self::Garbage | Self::Error | Self::Eof
        )
    }
}

/// A fault that strikes every Nth request. From text: `cut`, `cut:every=5,after=10`,
/// `slow-header:delay=2.5`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Fault {
    /// What goes wrong.
    pub kind: FaultKind,
    /// Each how many requests; 1 is every request.
    pub every: u32,
    /// After how many tokens, for those that come inside an answer; at the end of a shorter one.
    pub after: u32,
    /// How late, seconds, for `slow-header`; the time scale shortens it.
    pub delay_s: f64,
}

/// Why a text is not a fault.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("fault “{text}”: {}", problems.join("; "))]
pub struct FaultError {
    /// What was given.
    pub text: String,
    /// Everything that is wrong with it.
    pub problems: Vec<String>,
}

impl Fault {
    /// A fault that strikes every request, after 10 tokens or for 5 seconds.
    pub fn new(kind: FaultKind) -> Self {
        Self {
            kind,
            every: 1,
            after: 10,
            delay_s: 5.0,
        }
    }

    /// The names of all kinds, for a help text.
    pub fn kinds() -> &'static [&'static str] {
        <FaultKind as strum::VariantNames>::VARIANTS
    }

    /// Which of the faults strikes the `nth` request (from 1); the first that fits.
    pub(super) fn pick(faults: &[Self], nth: u64) -> Option<Self> {
        faults
            .iter()
            .find(|f| nth.is_multiple_of(u64::from(f.every.max(1))))
            .copied()
    }

    fn set(&mut self, key: &str, value: &str) -> Result<(), String> {
        let kind = self.kind;
        match key {
            "every" => match value.parse() {
                Ok(n) if n >= 1 => self.every = n,
                _ => {
                    return Err(format!(
                        "every must be a number of at least 1, not “{value}”"
                    ));
                }
            },
            "after" if kind.inside() => match value.parse() {
                Ok(n) => self.after = n,
                Err(_) => return Err(format!("after must be a number of tokens, not “{value}”")),
            },
            "delay" if kind == FaultKind::SlowHeader => match value.parse::<f64>() {
                Ok(s) if (0.0..=86_400.0).contains(&s) => self.delay_s = s,
                _ => {
                    return Err(format!(
                        "delay must be seconds, at most a day, not “{value}”"
                    ));
                }
            },
            "after" | "delay" => return Err(format!("{key} has no effect on {kind}")),
            _ => {
                return Err(format!(
                    "unknown “{key}”; the options are every, after, delay"
                ));
            }
        }
        Ok(())
    }
}

impl FromStr for Fault {
    type Err = FaultError;

    fn from_str(text: &str) -> Result<Self, FaultError> {
        let fail = |problems| FaultError {
            text: text.to_owned(),
            problems,
        };
        let (kind, rest) = text.split_once(':').unwrap_or((text, ""));
        let kind = kind.trim().parse().map_err(|_| {
            fail(vec![format!(
                "unknown kind “{kind}”; the kinds are {}",
                Self::kinds().join(", ")
            )])
        })?;
        let mut fault = Self::new(kind);
        let mut problems = Vec::new();
        for pair in rest.split(',').map(str::trim).filter(|p| !p.is_empty()) {
            match pair.split_once('=') {
                Some((key, value)) => {
                    problems.extend(fault.set(key.trim(), value.trim()).err());
                }
                None => problems.push(format!("“{pair}” should read NAME=VALUE")),
            }
        }
        if problems.is_empty() {
            Ok(fault)
        } else {
            Err(fail(problems))
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:every={}", self.kind, self.every)?;
        if self.kind.inside() {
            write!(f, ",after={}", self.after)?;
        }
        if self.kind == FaultKind::SlowHeader {
            write!(f, ",delay={}", self.delay_s)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn faults_are_read_from_text_and_written_back() {
        let fault: Fault = "cut:every=5,after=0".parse().unwrap();
        assert_eq!(
            (fault.kind, fault.every, fault.after),
            (FaultKind::Cut, 5, 0)
        );
        assert_eq!("503".parse::<Fault>().unwrap().every, 1);
        assert_eq!(
            Fault::kinds(),
            [
                "cut",
                "stall",
                "garbage",
                "error",
                "eof",
                "500",
                "503",
                "slow-header"
            ]
        );
        for kind in Fault::kinds() {
            let fault: Fault = format!("{kind}:every=3").parse().unwrap();
            assert_eq!(fault.to_string().parse::<Fault>().unwrap(), fault);
        }
    }

    #[test]
    fn wrong_texts_say_everything_that_is_wrong() {
        let error = "cat".parse::<Fault>().unwrap_err().to_string();
        assert!(
            error.contains("“cat”") && error.contains("slow-header"),
            "{error}"
        );
        let error = "503:every=0,after=3,delay=1,foo=2,bar"
            .parse::<Fault>()
            .unwrap_err();
        assert_eq!(error.problems.len(), 5, "{error}");
        assert!("slow-header:delay=nan".parse::<Fault>().is_err());
        assert!("cut:every=-1".parse::<Fault>().is_err());
    }

    #[test]
    fn every_nth_request_is_struck_and_the_first_fault_wins() {
        let faults = [
            "cut:every=4".parse().unwrap(),
            "500:every=2".parse().unwrap(),
        ];
        let struck: Vec<_> = (1..=8)
            .map(|n| Fault::pick(&faults, n).map(|f| f.kind))
            .collect();
        let (cut, s500) = (Some(FaultKind::Cut), Some(FaultKind::Status500));
        assert_eq!(struck, [None, s500, None, cut, None, s500, None, cut]);
    }
}
