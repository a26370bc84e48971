//! Who is who among the processes: pure.
//!
//! Only the process that listens on the target's port and its descendants are the server. Others that
//! match by name are clients: `ollama run` in another terminal, another server on another port.

use std::collections::{BTreeMap, BTreeSet};

use regex::Regex;

use crate::probe::process::Process;

/// Names of servers and their model runners. Linux cuts names after 15 bytes.
const NAMES: [&str; 8] = [
    "ollama",
    "ollama.exe",
    "ollama app.exe",
    "llama-server",
    "llama-server.exe",
    "vllm",
    "VLLM::EngineCore",
    "VLLM::EngineCor",
];
/// Beginnings of such names.
const BEGINNINGS: [&str; 2] = ["ollama_llama_se", "VLLM::Worker"];
/// Words with which Ollama's program is a client.
const CLIENT_WORDS: [&str; 13] = [
    "run", "launch", "pull", "push", "create", "list", "ls", "ps", "show", "stop", "cp", "rm",
    "signin",
];

/// Programs that listen on behalf of another: a container's port, a tunnel. The server is behind them.
const FORWARDERS: [&str; 7] = [
    "docker-proxy",
    "rootlessport",
    "slirp4netns",
    "pasta",
    "gvproxy",
    "ssh",
    "sshd",
];

/// What a process is to the server under test.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, strum::Display)]
#[strum(serialize_all = "snake_case")]
pub enum Role {
    /// It answers requests.
    Server,
    /// It runs a model for the server.
    Runner,
    /// Another process that the server started.
    Child,
    /// It matches by name, but is not part of the server.
    Client,
    /// The user asked for it with `--match`.
    Matched,
}

/// A process that belongs into the table, and why.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Choice {
    /// The process.
    pub pid: u32,
    /// What it is.
    pub role: Role,
}

/// The processes that belong into the table, parents before their children. `listeners` are those that
/// listen on the target's port; where none is known, names decide. `own` and what it started never count.
pub fn choose(
    processes: &[&Process],
    listeners: &[u32],
    matching: Option<&Regex>,
    own: u32,
) -> Vec<Choice> {
    let family = Family::new(processes);
    let mine = family.descendants(own);
    let others = || {
        processes
            .iter()
            .filter(|process| !mine.contains(&process.pid))
    };
    let forwards = |process: &Process| FORWARDERS.contains(&process.name.as_str());
    let listeners: Vec<u32> = others()
        .filter(|process| listeners.contains(&process.pid) && !forwards(process))
        .map(|process| process.pid)
        .collect();
    let mut roots = listeners.clone();
    if roots.is_empty() {
        roots = others()
            .filter(|process| is_known(process) && !is_client(process))
            .map(|process| process.pid)
            .collect();
    }
    let mut roles: BTreeMap<u32, Role> = BTreeMap::new();
    for process in others() {
        if matching.is_some_and(|regex| matches(regex, process)) {
            roles.insert(process.pid, Role::Matched);
        }
        if is_known(process) {
            roles.insert(process.pid, Role::Client);
        }
    }
    let part: BTreeSet<u32> = roots
        .iter()
        .flat_map(|pid| family.descendants(*pid))
        .collect();
    for process in others().filter(|process| part.contains(&process.pid)) {
        let has_parent = process.parent.is_some_and(|parent| part.contains(&parent));
        let role = if listeners.contains(&process.pid) || !has_parent {
            Role::Server
        } else if is_runner(process) {
            Role::Runner
        } else {
            Role::Child
        };
        roles.insert(process.pid, role);
    }
    family.in_order(&roles)
}

/// Makes clients of those that were taken for the server by their names.
pub(crate) fn all_clients(choices: &mut [Choice]) {
    for choice in choices {
        if choice.role != Role::Matched {
            choice.role = Role::Client;
        }
    }
}

/// Whether a process is of a known server, by its name or its command line.
fn is_known(process: &Process) -> bool {
    let known = |name: &str| {
        NAMES.iter().any(|known| known.eq_ignore_ascii_case(name))
            || BEGINNINGS.iter().any(|begin| name.starts_with(begin))
    };
    // A name that follows from the program is the program's; one that the process gave itself is not.
    known(&process.name)
        || known(process.program())
        || (process.program().starts_with("python")
            && process.args.iter().skip(1).take(3).any(|arg| is_vllm(arg)))
}

/// Whether an argument of a Python names vLLM: `-m vllm.entrypoints…`, `/usr/bin/vllm`.
fn is_vllm(arg: &str) -> bool {
    let name = arg.rsplit('/').next().unwrap_or(arg);
    name == "vllm" || name.starts_with("vllm.")
}

/// Whether a process runs a model for a server.
fn is_runner(process: &Process) -> bool {
    let names = [process.name.as_str(), process.program()];
    let by_name = names.iter().any(|name| {
        name.starts_with("llama-server")
            || name.starts_with("ollama_llama_se")
            || name.starts_with("VLLM::")
    });
    by_name || process.args.get(1).is_some_and(|word| word == "runner")
}

/// Whether a process of a known name is only a client.
fn is_client(process: &Process) -> bool {
    let word = process.args.get(1).map(String::as_str);
    word.is_some_and(|word| CLIENT_WORDS.contains(&word))
}

fn matches(regex: &Regex, process: &Process) -> bool {
    regex.is_match(&process.name) || regex.is_match(&process.args.join(" "))
}

/// Who started whom.
pub(super) struct Family {
    children: BTreeMap<u32, Vec<u32>>,
    parents: BTreeMap<u32, u32>,
}

impl Family {
    pub(super) fn new(processes: &[&Process]) -> Self {
        let mut family = Self {
            children: BTreeMap::new(),
            parents: BTreeMap::new(),
        };
        for process in processes {
            if let Some(parent) = process.parent.filter(|parent| *parent != process.pid) {
                family.children.entry(parent).or_default().push(process.pid);
                family.parents.insert(process.pid, parent);
            }
        }
        family
    }

    /// `pid` and all that descend from it.
    pub(super) fn descendants(&self, pid: u32) -> BTreeSet<u32> {
        let (mut found, mut next) = (BTreeSet::from([pid]), vec![pid]);
        while let Some(pid) = next.pop() {
            let children = self.children.get(&pid).map_or(&[][..], Vec::as_slice);
            next.extend(children.iter().filter(|child| found.insert(**child)));
        }
        found
    }

    /// `roles` with the servers first, and every process behind its parent.
    fn in_order(&self, roles: &BTreeMap<u32, Role>) -> Vec<Choice> {
        let is_top = |pid: &u32| {
            let parent = self.parents.get(pid);
            parent.is_none_or(|parent| !roles.contains_key(parent))
        };
        let mut tops: Vec<(Role, u32)> = roles
            .iter()
            .filter(|(pid, _)| is_top(pid))
            .map(|(pid, role)| (*role, *pid))
            .collect();
        tops.sort_unstable();
        let (mut order, mut seen) = (Vec::new(), BTreeSet::new());
        let mut next: Vec<u32> = tops.iter().rev().map(|(_, pid)| *pid).collect();
        while let Some(pid) = next.pop() {
            if let Some(role) = roles.get(&pid).filter(|_| seen.insert(pid)) {
                order.push(Choice { pid, role: *role });
            }
            let mut children = self.children.get(&pid).cloned().unwrap_or_default();
            children.retain(|child| roles.contains_key(child) && !seen.contains(child));
            children.sort_unstable_by(|a, b| b.cmp(a));
            next.extend(children);
        }
        order
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn process(pid: u32, parent: u32, name: &str, line: &str) -> Process {
        Process {
            pid,
            parent: Some(parent),
            name: name.to_owned(),
            args: line.split(' ').map(str::to_owned).collect(),
        }
    }

    fn chosen(all: &[Process], listeners: &[u32], regex: Option<&str>) -> Vec<(u32, Role)> {
        let regex = regex.map(|text| Regex::new(text).unwrap());
        let all: Vec<&Process> = all.iter().collect();
        choose(&all, listeners, regex.as_ref(), 900)
            .into_iter()
            .map(|choice| (choice.pid, choice.role))
            .collect()
    }

    /// A server with its runner, a client in a terminal, another server, the tokometer and its own child.
    fn machine() -> Vec<Process> {
        vec![
            process(1, 0, "systemd", "/sbin/init"),
            process(40, 1, "ollama", "/usr/bin/ollama serve"),
            process(50, 40, "llama-server", "/usr/lib/ollama/llama-server -np 4"),
            process(51, 40, "sh", "sh -c nvidia-smi"),
            process(60, 30, "ollama", "ollama run deepseek-r1:7b"),
            process(70, 1, "llama-server", "llama-server -np 2"),
            process(900, 30, "tokometer", "tokometer run"),
            process(901, 900, "ollama", "ollama serve"),
        ]
    }

    #[test]
    fn the_listener_and_its_descendants_are_the_server() {
        assert_eq!(
            chosen(&machine(), &[40], None),
            [
                (40, Role::Server),
                (50, Role::Runner),
                (51, Role::Child),
                (60, Role::Client),
                (70, Role::Client),
            ]
        );
    }

    #[test]
    fn without_a_listener_names_decide() {
        let roles = chosen(&machine(), &[], None);
        assert!(roles.contains(&(40, Role::Server)));
        assert!(roles.contains(&(50, Role::Runner)));
        assert!(roles.contains(&(60, Role::Client)));
        assert!(roles.contains(&(70, Role::Server)));
        assert!(!roles.iter().any(|(pid, _)| *pid >= 900));
    }

    #[test]
    fn a_port_of_a_container_leads_to_the_names() {
        let mut all = machine();
        all.push(process(
            95,
            1,
            "docker-proxy",
            "/usr/bin/docker-proxy -host-port 11434",
        ));
        let roles = chosen(&all, &[95], None);
        assert!(roles.contains(&(40, Role::Server)));
        assert!(!roles.iter().any(|(pid, _)| *pid == 95));
    }

    #[test]
    fn names_of_all_versions_are_known() {
        let all = [
            process(2, 1, "ollama_llama_se", "/tmp/ollama_llama_server --port 1"),
            process(3, 1, "VLLM::EngineCor", "VLLM::EngineCore"),
            process(
                4,
                1,
                "python3",
                "python3 -m vllm.entrypoints.openai.api_server",
            ),
            process(5, 1, "python3.12", "python3.12 /opt/bin/vllm serve x"),
            process(6, 1, "python3", "python3 train.py --out vllm_notes"),
            process(
                7,
                1,
                "Ollama",
                "/Applications/Ollama.app/Contents/MacOS/Ollama",
            ),
            process(8, 1, "bash", "bash -c ollama"),
        ];
        let pids: Vec<u32> = chosen(&all, &[], None)
            .iter()
            .map(|(pid, _)| *pid)
            .collect();
        assert_eq!(pids, [2, 3, 4, 5, 7]);
    }

    #[test]
    fn a_match_adds_and_a_loop_of_parents_ends() {
        let mut all = machine();
        all.push(process(80, 81, "mlx_lm", "python -m mlx_lm.server"));
        all.push(process(81, 80, "mlx_lm", "python -m mlx_lm.server"));
        let roles = chosen(&all, &[40], Some("mlx_lm|systemd"));
        assert!(roles.contains(&(1, Role::Matched)));
        assert!(roles.contains(&(40, Role::Server)));
        assert_eq!(
            chosen(&all, &[80], None)
                .iter()
                .filter(|(pid, _)| *pid >= 80)
                .count(),
            0
        );
    }
}
