//! The server's processes: the one that listens on the target's port, those that match by name, and all
//! their descendants, each second.
//!
//! - `roles`: who is server, runner, client: pure
//! - `slots`: what a model runner's command line reports: pure
//! - `servers`: such servers that listen on this machine, whoever the target is
//! - `procfs`: the table where there is a `/proc`; `listener`: who listens on a port there
//! - `native`: the table elsewhere

mod listener;
mod native;
mod procfs;
mod roles;
mod servers;
mod slots;

use regex::Regex;

use crate::event::{HostSample, ProcessSample, ServerSample};
use crate::probe::gpu::{ServerPids, SysRoot};
use crate::probe::source::{Fault, FaultKind, Observation, Pace, Source};
pub use roles::{Choice, Role, choose};
pub use servers::{ListeningServer, listening};
pub use slots::RunnerArgs;

/// One process of the machine, as far as is needed to see whether it belongs to the server.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Process {
    /// Its id.
    pub pid: u32,
    /// Its parent's id.
    pub parent: Option<u32>,
    /// Its name as the system reports it; Linux cuts it after 15 bytes.
    pub name: String,
    /// Its command line.
    pub args: Vec<String>,
}

impl Process {
    /// The name of the program in its command line, without its folder.
    pub fn program(&self) -> &str {
        let first = self.args.first().map_or("", String::as_str);
        first.rsplit(['/', '\\']).next().unwrap_or(first)
    }

    /// The name to show: the program and its first word if that is a subcommand (`ollama serve`); for
    /// Python what it runs.
    pub fn shown(&self) -> String {
        const LONGEST: usize = 40;
        let program = if self.program().is_empty() {
            self.name.as_str()
        } else {
            self.program()
        };
        let python = program.starts_with("python");
        let is_word = |word: &&String| {
            let letters = word.bytes().all(|b| b.is_ascii_lowercase() || b == b'-');
            letters && !word.starts_with('-') && word.len() <= 12
        };
        let word = if python {
            self.args.iter().skip(1).find(|word| !word.starts_with('-'))
        } else {
            self.args.get(1).filter(is_word)
        };
        let word = word.map(|word| word.rsplit('/').next().unwrap_or(word));
        let shown = word.map_or_else(|| program.to_owned(), |word| format!("{program} {word}"));
        let short: String = shown.chars().take(LONGEST).collect();
        crate::probe::source::short(&short)
    }
}

/// What is measured of one process.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
struct Detail {
    threads: Option<u32>,
    descriptors: Option<u32>,
    rss_bytes: Option<u64>,
    vsz_bytes: Option<u64>,
    cpu_percent: Option<f64>,
    age_s: Option<f64>,
}

/// A way to the processes of this machine.
trait Table: Send {
    /// Looks at all processes, as cheaply as it can.
    fn refresh(&mut self) -> Result<(), Fault>;
    fn processes(&self) -> Vec<&Process>;
    /// Those that listen on `port`, as far as the system reports it.
    fn listeners(&mut self, port: u16) -> Vec<u32>;
    /// Measures these processes, in this order.
    fn details(&mut self, pids: &[u32]) -> Vec<Detail>;
    /// Main memory, bytes.
    fn memory(&self) -> Option<u64>;
    /// How busy the machine is, and this process of it; nothing until it has been asked twice.
    fn host(&mut self, own: u32) -> Host;
}

/// How busy a machine is since it was last asked.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
struct Host {
    cores: Option<u32>,
    /// All processes, percent of one core.
    cpu_percent: Option<f64>,
    /// This process, percent of one core.
    own_percent: Option<f64>,
    swapped_pages_s: Option<f64>,
    swap_used_bytes: Option<u64>,
}

/// A machine without what the server and this process take of it; nothing where that is not known of all.
fn host(host: Host, server: &[ProcessSample]) -> HostSample {
    let is_server = |row: &&ProcessSample| row.role.as_deref() != Some("client");
    let server = server.iter().filter(is_server).map(|row| row.cpu_percent);
    let others = || Some(host.cpu_percent? - host.own_percent? - server.sum::<Option<f64>>()?);
    HostSample {
        cores: host.cores,
        cpu_percent: host.cpu_percent,
        others_percent: others().map(|percent: f64| percent.max(0.0)),
        swapped_pages_s: host.swapped_pages_s,
        swap_used_bytes: host.swap_used_bytes,
    }
}

/// What to look for.
#[derive(Debug, Clone, Default)]
pub struct Search {
    /// The port of the target.
    pub port: Option<u16>,
    /// Names and command lines to add (`--match`).
    pub matching: Option<Regex>,
    /// The tokometer itself, which never counts; None for the process that asks.
    pub own_pid: Option<u32>,
}

/// The process table of the server.
pub struct Processes {
    search: Search,
    table: Box<dyn Table>,
    server: ServerPids,
    /// Whether the process that listens on the target's port was ever seen.
    met: bool,
}

impl Processes {
    /// The table of this machine: by `/proc` where there is one below `root`, else by the system's own ways.
    /// It tells `server` which processes are the server's.
    pub fn new(search: Search, root: &SysRoot, server: ServerPids) -> Result<Self, Fault> {
        Ok(Self {
            search,
            table: table(root)?,
            server,
            met: false,
        })
    }

    /// The server's processes now, parents before their children, and what their command lines report.
    pub fn sample(&mut self) -> Result<(Vec<ProcessSample>, Option<ServerSample>), Fault> {
        self.table.refresh()?;
        let listeners = match self.search.port {
            Some(port) => self.table.listeners(port),
            None => Vec::new(),
        };
        let own = self.search.own_pid.unwrap_or_else(std::process::id);
        let processes = self.table.processes();
        let mut chosen = choose(&processes, &listeners, self.search.matching.as_ref(), own);
        let listens = chosen.iter().any(|choice| listeners.contains(&choice.pid));
        self.met |= listens;
        if self.met && !listens {
            // The server is gone. Others of such a name are not it.
            roles::all_clients(&mut chosen);
        }
        let rows: Vec<(Choice, Process)> = chosen
            .into_iter()
            .filter_map(|choice| {
                let process = processes.iter().find(|process| process.pid == choice.pid)?;
                Some((choice, (*process).clone()))
            })
            .collect();
        let serves = |role| matches!(role, Role::Server | Role::Runner | Role::Child);
        self.server.set(
            rows.iter()
                .filter(|(c, _)| serves(c.role))
                .map(|(c, _)| c.pid),
        );
        self.server.set_runner_port(runner_port(&rows));
        let pids: Vec<u32> = rows.iter().map(|(choice, _)| choice.pid).collect();
        let details = self.table.details(&pids);
        let memory = self.table.memory();
        let samples = rows
            .iter()
            .zip(details)
            .map(|((choice, process), detail)| row(*choice, process, detail, memory))
            .collect();
        Ok((samples, server(&rows)))
    }
}

/// The table of the processes below `root`.
fn table(root: &SysRoot) -> Result<Box<dyn Table>, Fault> {
    Ok(if procfs::ProcFs::is_at(root) {
        Box::new(procfs::ProcFs::new(root))
    } else {
        Box::new(native::Native::new()?)
    })
}

impl Source for Processes {
    fn name(&self) -> String {
        "processes".to_owned()
    }

    fn read(&mut self, _: &Pace) -> Result<Vec<Observation>, Fault> {
        let (table, server) = self.sample()?;
        if table.is_empty() {
            let why = "no process of the server is visible on this machine (it may run in a container or elsewhere)";
            return Err(Fault::new(FaultKind::Silent, why).fix("name it with --match REGEX"));
        }
        let own = self.search.own_pid.unwrap_or_else(std::process::id);
        let host = host(self.table.host(own), &table);
        let mut seen = vec![Observation::Processes(table)];
        if host.cpu_percent.is_some() {
            seen.push(Observation::Host(host));
        }
        seen.extend(server.map(Observation::Server));
        Ok(seen)
    }
}

fn row(choice: Choice, process: &Process, detail: Detail, memory: Option<u64>) -> ProcessSample {
    let runs_model = matches!(choice.role, Role::Server | Role::Runner);
    let args = RunnerArgs::from_args(&process.args);
    let args = if runs_model {
        args
    } else {
        RunnerArgs::default()
    };
    ProcessSample {
        pid: process.pid,
        parent: process.parent,
        name: process.shown(),
        role: Some(choice.role.to_string()),
        threads: detail.threads,
        descriptors: detail.descriptors,
        rss_bytes: detail.rss_bytes,
        vsz_bytes: detail.vsz_bytes,
        cpu_percent: detail.cpu_percent,
        memory_percent: detail
            .rss_bytes
            .zip(memory.filter(|memory| *memory > 0))
            .map(|(rss, memory)| rss as f64 / memory as f64 * 100.0),
        age_s: detail.age_s,
        slots: args.slots,
        context: args.context,
    }
}

/// The port of the model's runner, if there is exactly one.
fn runner_port(rows: &[(Choice, Process)]) -> Option<u16> {
    let mut ports = rows
        .iter()
        .filter(|(choice, _)| choice.role == Role::Runner)
        .filter_map(|(_, process)| RunnerArgs::from_args(&process.args).port);
    ports.next().filter(|_| ports.next().is_none())
}

/// What the command lines of the model's runners report about the server. With several models in memory
/// each has its own slots: nobody knows which is meant, so none is reported.
fn server(rows: &[(Choice, Process)]) -> Option<ServerSample> {
    let mut runners = rows
        .iter()
        .filter(|(choice, _)| matches!(choice.role, Role::Server | Role::Runner))
        .map(|(_, process)| RunnerArgs::from_args(&process.args))
        .filter(|args| args.slots.is_some());
    let args = runners.next()?;
    if runners.any(|other| other.slots != args.slots) {
        return None;
    }
    Some(ServerSample {
        source: "command line".to_owned(),
        slots: args.slots,
        context: args.context,
        ..ServerSample::default()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn others_are_what_neither_server_nor_client_took() {
        let row = |role: &str, cpu_percent| ProcessSample {
            role: Some(role.to_owned()),
            cpu_percent,
            ..ProcessSample::default()
        };
        let all = Host {
            cores: Some(2),
            cpu_percent: Some(190.0),
            own_percent: Some(10.0),
            swapped_pages_s: None,
            swap_used_bytes: None,
        };
        let others = |rows: &[ProcessSample]| host(all, rows).others_percent;
        let server = row("server", Some(20.0));
        let runner = row("runner", Some(50.0));
        let client = row("client", Some(70.0));
        assert_eq!(others(&[server.clone(), runner, client]), Some(110.0));
        assert_eq!(others(&[server, row("runner", None)]), None, "not known");
        assert_eq!(host(Host::default(), &[]).others_percent, None);
    }

    fn shown(line: &str) -> String {
        let args = line.split(' ').map(str::to_owned).collect();
        let name = "cut".to_owned();
        Process {
            name,
            args,
            ..Process::default()
        }
        .shown()
    }

    #[test]
    fn names_say_what_runs() {
        assert_eq!(shown("/usr/bin/ollama serve"), "ollama serve");
        assert_eq!(
            shown("/usr/lib/ollama/llama-server --model /m -np 4"),
            "llama-server"
        );
        assert_eq!(
            shown("python3 -m vllm.entrypoints.openai.api_server --port 1"),
            "python3 vllm.entrypoints.openai.api_serv"
        );
        assert_eq!(shown("python3 /opt/bin/vllm serve x"), "python3 vllm");
        assert_eq!(shown("C:\\Ollama\\ollama.exe serve"), "ollama.exe serve");
        assert_eq!(shown("evil\u{1b}[2J"), "evil␛[2J");
        assert_eq!(
            Process {
                name: "kernel".to_owned(),
                ..Process::default()
            }
            .shown(),
            "kernel"
        );
    }
}
