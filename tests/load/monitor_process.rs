//! The server's processes: real ones, and a `/proc` of our own.

use std::fs;
use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use crate::tree::write;
use crate::until::until;
use regex::Regex;
use tokometer::event::ProcessSample;
use tokometer::probe::gpu::{ServerPids, SysRoot};
use tokometer::probe::process::{Processes, Search};

/// A process id that nobody has.
const NOBODY: u32 = u32::MAX;

fn table(root: &SysRoot, port: Option<u16>, own: Option<u32>) -> (Processes, ServerPids) {
    let search = Search {
        port,
        own_pid: own,
        ..Search::default()
    };
    let pids = ServerPids::default();
    (Processes::new(search, root, pids.clone()).unwrap(), pids)
}

fn row(table: &[ProcessSample], pid: u32) -> Option<&ProcessSample> {
    table.iter().find(|row| row.pid == pid)
}

/// Ends a child when the test is over, however it ends.
struct Ending(Child);

impl Drop for Ending {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A program named `ollama` that has started one named `llama-server`, as Ollama does since 0.30.
fn fake_ollama(folder: &Path) -> Ending {
    for name in ["ollama", "llama-server"] {
        // Copied by another process: one that this process has open for writing may not be run.
        let copied = Command::new("cp")
            .arg("/bin/sh")
            .arg(folder.join(name))
            .status();
        assert!(copied.unwrap().success());
    }
    // Both wait on the pipe that the test holds, so they end with it.
    let child = Command::new(folder.join("ollama"))
        .args([
            "-c",
            r#"exec 3<&0; "$1" -c "read x <&3" -c 16384 -np 4 --port 40213 & wait"#,
            "serve",
        ])
        .arg(folder.join("llama-server"))
        .stdin(Stdio::piped())
        .spawn();
    Ending(child.unwrap())
}

#[test]
fn a_runner_below_ollama_is_found_with_its_slots() {
    let folder = tempfile::tempdir().unwrap();
    let ollama = fake_ollama(folder.path());
    let pid = ollama.0.id();
    // The test itself listens on the target's port, so what it started is the server's.
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let (mut table, pids) = table(&SysRoot::default(), Some(port), Some(NOBODY));
    let mut seen = (Vec::new(), None);
    until("the runner is seen", || {
        seen = table.sample().unwrap();
        let child = |row: &ProcessSample| row.parent == Some(pid) && row.name == "llama-server";
        seen.0.iter().any(child)
    });
    let (rows, server) = seen;
    let me = row(&rows, std::process::id()).unwrap();
    assert_eq!(me.role.as_deref(), Some("server"));
    assert_eq!(row(&rows, pid).unwrap().name, "ollama");
    let runner = rows.iter().find(|row| row.parent == Some(pid)).unwrap();
    assert_eq!(runner.role.as_deref(), Some("runner"));
    assert_eq!((runner.slots, runner.context), (Some(4), Some(16384)));
    assert_eq!(server.unwrap().slots, Some(4));
    assert_eq!(pids.runner_port(), Some(40213));
    assert!(pids.get().contains(&runner.pid));
    let place = |pid: u32| rows.iter().position(|row| row.pid == pid).unwrap();
    assert!(place(me.pid) < place(pid) && place(pid) < place(runner.pid));
    // Every figure of a real process.
    assert!(runner.rss_bytes.unwrap() > 0 && runner.vsz_bytes >= runner.rss_bytes);
    assert_eq!(runner.threads, Some(1));
    assert!(runner.descriptors.unwrap() >= 3);
    assert!(runner.memory_percent.unwrap() > 0.0);
    assert!(runner.age_s.unwrap() >= 0.0);
    drop(ollama);
    until("both are gone", || {
        let (rows, _) = table.sample().unwrap();
        row(&rows, pid).is_none() && row(&rows, runner.pid).is_none()
    });
}

#[test]
fn a_busy_process_uses_its_core() {
    let busy = Ending(
        Command::new("sh")
            .args(["-c", "while :; do :; done", "tokometer-busy-test"])
            .spawn()
            .unwrap(),
    );
    let search = Search {
        matching: Some(Regex::new("tokometer-busy-test").unwrap()),
        own_pid: Some(NOBODY),
        ..Search::default()
    };
    let mut table = Processes::new(search, &SysRoot::default(), ServerPids::default()).unwrap();
    let pid = busy.0.id();
    let mut first = None;
    until("it is seen", || {
        let rows = table.sample().unwrap().0;
        first = row(&rows, pid).cloned();
        first.is_some()
    });
    let first = first.unwrap();
    assert_eq!(
        (first.cpu_percent, first.role.as_deref()),
        (None, Some("matched"))
    );
    until("it uses some of its core", || {
        let rows = table.sample().unwrap().0;
        row(&rows, pid)
            .unwrap()
            .cpu_percent
            .is_some_and(|percent| percent > 1.0)
    });
}

/// One process in a tree of our own.
fn put(root: &Path, pid: u32, parent: u32, name: &str, args: &str, ticks: u64) {
    let stat = format!(
        "{pid} ({name}) S {parent} {pid} {pid} 0 -1 4194560 9 0 0 0 {ticks} 0 0 0 20 0 21 0 1000 905216000 2100 18446744073709551615"
    );
    let folder = format!("proc/{pid}");
    write(root, &format!("{folder}/stat"), &stat);
    write(root, &format!("{folder}/cmdline"), &args.replace(' ', "\0"));
    write(
        root,
        &format!("{folder}/status"),
        "Name:\tx\nVmRSS:\t   82000 kB\nThreads:\t21\n",
    );
    fs::create_dir_all(root.join(format!("{folder}/fd"))).unwrap();
}

fn machine() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path();
    write(root, "proc/uptime", "110.00 400.00\n");
    write(
        root,
        "proc/meminfo",
        "MemTotal: 820000 kB\nMemFree: 1 kB\nMemAvailable: 2 kB\n",
    );
    let tcp = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n   0: 0100007F:2CAA 00000000:0000 0A 00000000:00000000 00:00000000 00000000   998        0 24513 1 0 100 0 0 10 0\n";
    write(root, "proc/net/tcp", tcp);
    put(root, 1, 0, "systemd", "/sbin/init", 5);
    put(root, 40, 1, "srv) (x", "/opt/own server/x", 100);
    put(root, 41, 40, "llama-server", "llama-server -np 2", 0);
    put(root, 60, 1, "ollama", "ollama run x", 0);
    std::os::unix::fs::symlink("socket:[24513]", root.join("proc/40/fd/3")).unwrap();
    folder
}

#[test]
fn the_listener_is_found_whatever_its_name() {
    let folder = machine();
    let (mut table, _) = table(&SysRoot::below(folder.path()), Some(11434), Some(NOBODY));
    let (rows, server) = table.sample().unwrap();
    let reported: Vec<_> = rows
        .iter()
        .map(|row| (row.pid, row.role.as_deref().unwrap()))
        .collect();
    assert_eq!(reported, [(40, "server"), (41, "runner"), (60, "client")]);
    assert_eq!(rows[0].threads, Some(21));
    assert_eq!(rows[0].rss_bytes, Some(82_000 * 1024));
    assert_eq!(rows[0].vsz_bytes, Some(905_216_000));
    assert_eq!(rows[0].memory_percent, Some(10.0));
    assert_eq!(rows[0].age_s, Some(100.0));
    assert_eq!(server.unwrap().slots, Some(2));
}

#[test]
fn processes_come_and_go() {
    let folder = machine();
    let root = folder.path();
    let (mut table, pids) = table(&SysRoot::below(root), Some(11434), Some(NOBODY));
    table.sample().unwrap();
    fs::remove_dir_all(root.join("proc/41")).unwrap();
    put(root, 42, 40, "llama-server", "llama-server -np 8", 0);
    let (rows, server) = table.sample().unwrap();
    assert!(row(&rows, 41).is_none());
    assert_eq!(row(&rows, 42).unwrap().slots, Some(8));
    assert_eq!(server.unwrap().slots, Some(8));
    assert_eq!(pids.get().into_iter().collect::<Vec<_>>(), [40, 42]);
    // A second model with other slots: nobody knows which is meant.
    put(root, 43, 40, "llama-server", "llama-server -np 1", 0);
    assert_eq!(table.sample().unwrap().1, None);
    // A process that vanishes while it is looked at: its stat is a folder.
    fs::remove_file(root.join("proc/43/stat")).unwrap();
    fs::create_dir(root.join("proc/43/stat")).unwrap();
    assert!(row(&table.sample().unwrap().0, 43).is_none());
}

#[test]
fn where_the_server_is_gone_no_other_takes_its_place() {
    let folder = machine();
    let root = folder.path();
    put(root, 70, 1, "llama-server", "llama-server -np 8", 0);
    let (mut table, pids) = table(&SysRoot::below(root), Some(11434), Some(NOBODY));
    assert_eq!(table.sample().unwrap().1.unwrap().slots, Some(2));
    fs::remove_dir_all(root.join("proc/40")).unwrap();
    fs::remove_dir_all(root.join("proc/41")).unwrap();
    let (rows, server) = table.sample().unwrap();
    let role = |pid| row(&rows, pid).unwrap().role.clone();
    assert_eq!(role(70).as_deref(), Some("client"));
    assert_eq!(server, None, "its slots are not the target's");
    assert!(pids.get().is_empty());
    // It is started again.
    put(root, 44, 1, "ollama", "ollama serve", 0);
    fs::create_dir_all(root.join("proc/44/fd")).unwrap();
    std::os::unix::fs::symlink("socket:[24513]", root.join("proc/44/fd/3")).unwrap();
    until("it is the server", || {
        let (rows, _) = table.sample().unwrap();
        row(&rows, 44).unwrap().role.as_deref() == Some("server")
    });
}

#[test]
fn a_process_that_ended_is_none_although_nobody_buried_it() {
    let folder = machine();
    let root = folder.path();
    let (mut table, _) = table(&SysRoot::below(root), Some(11434), Some(NOBODY));
    assert!(row(&table.sample().unwrap().0, 41).is_some());
    let stat = fs::read_to_string(root.join("proc/41/stat")).unwrap();
    write(root, "proc/41/stat", &stat.replace(" S ", " Z "));
    assert!(row(&table.sample().unwrap().0, 41).is_none());
}

#[test]
fn a_program_that_becomes_another_is_seen_as_that() {
    let folder = machine();
    let root = folder.path();
    put(root, 70, 1, "sh", "sh -c ollama", 0);
    let (mut table, _) = table(&SysRoot::below(root), None, Some(NOBODY));
    assert!(row(&table.sample().unwrap().0, 70).is_none());
    put(root, 70, 1, "ollama", "/usr/bin/ollama serve", 0);
    let (rows, _) = table.sample().unwrap();
    assert_eq!(row(&rows, 70).unwrap().name, "ollama serve");
}
