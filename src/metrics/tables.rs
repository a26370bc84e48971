//! One table of processes out of those of several sources: this machine's, and the groups of exporters.

use std::collections::BTreeMap;

use crate::event::{ProcessSample, Stamp, known_pid};

/// A group that was not reported for this long, seconds, is gone.
const GONE_S: f64 = 5.0;

/// The latest table of each source.
#[derive(Debug, Clone, Default)]
pub(crate) struct Tables {
    own: Vec<ProcessSample>,
    groups: BTreeMap<String, (Stamp, ProcessSample)>,
}

impl Tables {
    /// Takes the table of one source; gives all of them as one.
    pub(crate) fn take(&mut self, at: Stamp, table: &[ProcessSample]) -> Vec<ProcessSample> {
        let is_own = table.is_empty() || table.iter().any(|p| known_pid(p.pid).is_some());
        if is_own {
            self.own = table.to_vec();
        } else {
            let groups = table
                .iter()
                .map(|group| (group.name.clone(), (at, group.clone())));
            self.groups.extend(groups);
        }
        self.groups.retain(|_, (seen, _)| at.since(*seen) <= GONE_S);
        let groups = self.groups.values().map(|(_, group)| group);
        self.own.iter().chain(groups).cloned().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_of_several_sources_stand_together() {
        let process = |pid, name: &str| ProcessSample {
            pid,
            name: name.to_owned(),
            ..ProcessSample::default()
        };
        let names = |table: Vec<ProcessSample>| -> Vec<String> {
            table.into_iter().map(|process| process.name).collect()
        };
        let mut tables = Tables::default();
        let at = |seconds: u64| Stamp(seconds * 1_000_000);
        tables.take(at(0), &[process(7, "ollama"), process(8, "llama-server")]);
        tables.take(at(1), &[process(0, "vllm")]);
        let all = tables.take(at(1), &[process(0, "node")]);
        assert_eq!(names(all), ["ollama", "llama-server", "node", "vllm"]);
        // What runs here and is gone is gone at once, a group after a while.
        let all = tables.take(at(4), &[process(7, "ollama")]);
        assert_eq!(names(all), ["ollama", "node", "vllm"]);
        let all = tables.take(at(7), &[process(0, "vllm")]);
        assert_eq!(names(all), ["ollama", "vllm"]);
    }
}
