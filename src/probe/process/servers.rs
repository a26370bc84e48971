//! Servers of models that listen on this machine, found by their command lines.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use crate::probe::gpu::SysRoot;
use crate::probe::process::roles::Family;
use crate::probe::process::{Process, RunnerArgs, listener, table};

/// Most ports of one process that are looked at.
const PORTS: usize = 4;
/// Words of a command line that may name the program.
const WORDS: usize = 4;

/// Programs, and what their servers are called.
const PROGRAMS: [(&str, &str); 11] = [
    ("llama-server", "llama-server"),
    ("llama-swap", "llama-swap"),
    ("llamafile", "llamafile"),
    ("koboldcpp", "KoboldCpp"),
    ("vllm", "vLLM"),
    ("sglang", "SGLang"),
    ("litellm", "LiteLLM"),
    ("mlx_lm", "MLX"),
    ("llama_cpp", "llama-cpp-python"),
    ("lmdeploy", "LMDeploy"),
    ("tabbyapi", "TabbyAPI"),
];

/// A process that looks like such a server, and where it listens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListeningServer {
    /// The address to look at.
    pub url: String,
    /// What it is, by its command line.
    pub name: &'static str,
    /// Requests it answers at once, where its command line tells.
    pub slots: Option<u32>,
}

/// All of them. Where the system does not tell who listens, the port is that of the command line.
pub fn listening(root: &SysRoot) -> Vec<ListeningServer> {
    let Ok(mut table) = table(root) else {
        return Vec::new();
    };
    if table.refresh().is_err() {
        return Vec::new();
    }
    let sockets = listener::listening(&root.proc);
    let found = servers(&table.processes(), std::process::id());
    let found = found.into_iter().flat_map(|(process, name)| {
        let args = RunnerArgs::from_args(&process.args);
        let mut at: Vec<SocketAddr> = if let Some(sockets) = &sockets {
            let held = listener::held(&root.proc, process.pid);
            let held = held.iter().filter_map(|inode| sockets.get(inode));
            held.copied().collect()
        } else {
            let local = |port| SocketAddr::from((Ipv4Addr::LOCALHOST, port));
            args.port.map(local).into_iter().collect()
        };
        at.sort_by_key(|at| (args.port != Some(at.port()), at.port()));
        at.dedup_by_key(|at| at.port());
        at.into_iter().take(PORTS).map(move |at| ListeningServer {
            url: format!("http://{}", reachable(at)),
            name,
            slots: args.slots,
        })
    });
    found.collect()
}

/// Where to reach what listens at an address: a server that listens everywhere is also here.
fn reachable(at: SocketAddr) -> SocketAddr {
    let ip = if at.ip().is_unspecified() {
        IpAddr::V4(Ipv4Addr::LOCALHOST)
    } else {
        at.ip().to_canonical()
    };
    SocketAddr::new(ip, at.port())
}

/// The processes that are such servers; not those that one of them started, nor those of `own`.
fn servers<'p>(processes: &[&'p Process], own: u32) -> Vec<(&'p Process, &'static str)> {
    let family = Family::new(processes);
    let known: Vec<(&Process, &str)> = processes
        .iter()
        .filter_map(|process| Some((*process, kind(process)?)))
        .collect();
    let mut started = family.descendants(own);
    for (process, _) in &known {
        let mut below = family.descendants(process.pid);
        below.remove(&process.pid);
        started.extend(below);
    }
    let mut top = known;
    top.retain(|(process, _)| !started.contains(&process.pid));
    top
}

/// What a process serves as, by its command line.
fn kind(process: &Process) -> Option<&'static str> {
    let word = process.args.get(1).map(String::as_str);
    if process
        .program()
        .trim_end_matches(".exe")
        .eq_ignore_ascii_case("ollama")
    {
        return (word == Some("serve")).then_some("Ollama");
    }
    let is_python = process.program().starts_with("python");
    let words = if is_python { WORDS } else { 1 };
    let named = process.args.iter().take(words).find_map(|word| {
        let path = word.to_lowercase();
        let mut parts = path.rsplit(['/', '\\']);
        let name = parts.next().unwrap_or_default();
        let folder = parts.next().unwrap_or_default();
        let is = |known: &str| {
            let rest = name.strip_prefix(known);
            rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '-', '_']))
        };
        let program = PROGRAMS.iter().find(|(known, _)| is(known));
        program.or_else(|| {
            // A script in the folder of its project.
            let is_main = name == "main.py";
            PROGRAMS
                .iter()
                .find(|(known, _)| is_main && folder == *known)
        })
    });
    if let Some((_, name)) = named {
        return Some(name);
    }
    let serves = process.args.iter().take(WORDS).any(|word| word == "serve");
    let is_transformers = |word: &String| word.rsplit('/').next() == Some("transformers");
    let transformers = process.args.iter().take(WORDS).any(is_transformers);
    (serves && transformers).then_some("transformers")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn process(pid: u32, parent: u32, line: &str) -> Process {
        let args: Vec<String> = line.split(' ').map(str::to_owned).collect();
        Process {
            pid,
            parent: Some(parent),
            name: "cut".to_owned(),
            args,
        }
    }

    #[test]
    fn servers_are_known_by_their_command_lines() {
        let known = |line: &str| kind(&process(1, 0, line));
        for (line, name) in [
            ("/usr/bin/ollama serve", Some("Ollama")),
            ("ollama run m", None),
            (
                "/opt/llama/build/bin/llama-server -m x.gguf",
                Some("llama-server"),
            ),
            ("llama-server.exe -m x", Some("llama-server")),
            ("/home/me/llamafile-0.9 --server", Some("llamafile")),
            (
                "python3 -m vllm.entrypoints.openai.api_server",
                Some("vLLM"),
            ),
            ("/venv/bin/python /venv/bin/vllm serve m", Some("vLLM")),
            ("python3 -m sglang.launch_server --port 1", Some("SGLang")),
            (
                "python -m llama_cpp.server --model m",
                Some("llama-cpp-python"),
            ),
            ("python3.12 /venv/bin/litellm --config c", Some("LiteLLM")),
            ("python koboldcpp.py --model m", Some("KoboldCpp")),
            ("python3 /opt/tabbyAPI/main.py", Some("TabbyAPI")),
            (
                "python3 /venv/bin/transformers serve m",
                Some("transformers"),
            ),
            ("python3 train.py --data d --out vllm", None),
            ("vim vllm.py", None),
            ("bash -c ollama", None),
        ] {
            assert_eq!(known(line), name, "{line}");
        }
    }

    #[test]
    fn what_a_server_started_is_not_another() {
        let all = [
            process(1, 0, "/sbin/init"),
            process(40, 1, "/usr/bin/ollama serve"),
            process(50, 40, "/usr/lib/ollama/llama-server --port 40213"),
            process(70, 1, "llama-server -m x"),
            process(900, 1, "tokometer"),
            process(901, 900, "llama-server -m y"),
        ];
        let all: Vec<&Process> = all.iter().collect();
        let pids = servers(&all, 900)
            .into_iter()
            .map(|(process, _)| process.pid);
        assert_eq!(pids.collect::<Vec<_>>(), [40, 70]);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_server_is_found_where_its_sockets_listen() {
        let root = tempfile::tempdir().unwrap();
        let put = |path: &str, text: &str| {
            let path = root.path().join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        };
        put("uptime", "100.0 0");
        put("meminfo", "MemTotal: 1024 kB");
        let line = |port: &str, inode: u32| {
            format!("0: 00000000:{port} 00000000:0000 0A 0:0 00:0 0 0 0 {inode} 1\n")
        };
        put(
            "net/tcp",
            &format!("{}{}", line("1F40", 77), line("2CAA", 78)),
        );
        put(
            "40/stat",
            "40 (python3) S 1 40 40 0 -1 0 0 0 0 0 1 1 0 0 20 0 1 0 5 1000 10 0",
        );
        put(
            "40/cmdline",
            "python3\0-m\0vllm.entrypoints\0--max-num-seqs\08\0",
        );
        std::fs::create_dir_all(root.path().join("40/fd")).unwrap();
        std::os::unix::fs::symlink("socket:[77]", root.path().join("40/fd/3")).unwrap();
        let found = listening(&SysRoot {
            proc: root.path().to_owned(),
            ..SysRoot::default()
        });
        let expected = ListeningServer {
            url: "http://127.0.0.1:8000".to_owned(),
            name: "vLLM",
            slots: Some(8),
        };
        assert_eq!(found, [expected]);
    }

    #[test]
    fn who_listens_everywhere_is_here() {
        let at = |text: &str| reachable(text.parse().unwrap()).to_string();
        assert_eq!(at("0.0.0.0:8000"), "127.0.0.1:8000");
        assert_eq!(at("[::]:8000"), "127.0.0.1:8000");
        assert_eq!(at("[::ffff:127.0.0.1]:8000"), "127.0.0.1:8000");
        assert_eq!(at("10.0.0.2:1"), "10.0.0.2:1");
    }
}
