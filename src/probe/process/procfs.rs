//! The process table where there is a `/proc`.
//!
//! It must cost next to nothing with hundreds of processes: of those that are not the server's only one
//! small file is read, and of those known for a while not every time.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};
use std::time::Instant;

use crate::probe::gpu::SysRoot;
use crate::probe::process::{Detail, Host, Process, Table, listener};
use crate::probe::source::{Fault, FaultKind};

/// Clock ticks a second in `/proc/PID/stat`: part of the kernel's interface, the same on all of today's machines.
const USER_HZ: f64 = 100.0;
/// A process known for this many rounds is looked at only every this many rounds.
const ROUNDS: u64 = 5;
/// Rounds between two looks at who listens.
const SEARCH_ROUNDS: u64 = 5;

/// The processes below a `/proc`.
pub(crate) struct ProcFs {
    root: SysRoot,
    known: HashMap<u32, Known>,
    round: u64,
    watched: BTreeSet<u32>,
    listening: Listening,
    ticks: BTreeMap<u32, (u64, u64, Instant)>,
    memory: Option<u64>,
    before: Option<Machine>,
}

/// What all processes took since the machine's start, and when that was read.
#[derive(Debug, Clone, Copy)]
struct Machine {
    at: Instant,
    busy_ticks: u64,
    own_ticks: Option<u64>,
    swapped_pages: Option<u64>,
}

struct Known {
    process: Process,
    start: u64,
    since: u64,
    seen: u64,
}

/// The last answer to who listens.
#[derive(Default)]
struct Listening {
    inodes: BTreeSet<u64>,
    pids: Vec<u32>,
    round: u64,
}

/// What `/proc/PID/stat` tells.
struct Stat {
    name: String,
    parent: u32,
    cpu_ticks: u64,
    threads: u32,
    start: u64,
    vsz_bytes: u64,
}

impl ProcFs {
    /// Whether there is such a tree below `root`.
    pub(crate) fn is_at(root: &SysRoot) -> bool {
        root.proc.join("uptime").exists() && root.proc.join("meminfo").exists()
    }

    pub(crate) fn new(root: &SysRoot) -> Self {
        Self {
            root: root.clone(),
            known: HashMap::new(),
            round: 0,
            watched: BTreeSet::new(),
            listening: Listening::default(),
            ticks: BTreeMap::new(),
            memory: root.memory().map(|(_, total)| total),
            before: None,
        }
    }

    fn folder(&self, pid: u32) -> PathBuf {
        self.root.proc.join(pid.to_string())
    }

    /// Looks at one process, unless it is one that need not be looked at in this round.
    fn look(&mut self, pid: u32, buffer: &mut Vec<u8>) {
        let round = self.round;
        if let Some(known) = self.known.get_mut(&pid) {
            let settled = round.saturating_sub(known.since) > ROUNDS;
            if settled
                && !self.watched.contains(&pid)
                && !(round + u64::from(pid)).is_multiple_of(ROUNDS)
            {
                known.seen = round;
                return;
            }
        }
        let folder = self.folder(pid);
        let Some(stat) = stat(&folder, buffer) else {
            return;
        };
        let parent = Some(stat.parent).filter(|parent| *parent != 0);
        match self.known.get_mut(&pid) {
            // A name is fixed only by exec: until it changes, so is the command line.
            Some(known) if known.start == stat.start && known.process.name == stat.name => {
                known.process.parent = parent;
                known.seen = round;
                if known.process.args.is_empty() || round.saturating_sub(known.since) <= ROUNDS {
                    known.process.args = args(&folder);
                }
            }
            _ => {
                let process = Process {
                    pid,
                    parent,
                    name: stat.name,
                    args: args(&folder),
                };
                let known = Known {
                    process,
                    start: stat.start,
                    since: round,
                    seen: round,
                };
                self.known.insert(pid, known);
            }
        }
    }

    fn detail(&mut self, pid: u32, uptime_s: Option<f64>, buffer: &mut Vec<u8>) -> Detail {
        let folder = self.folder(pid);
        let Some(stat) = stat(&folder, buffer) else {
            return Detail::default();
        };
        let now = Instant::now();
        let before = self.ticks.insert(pid, (stat.start, stat.cpu_ticks, now));
        let cpu_percent = before
            .filter(|(start, _, _)| *start == stat.start)
            .and_then(|(_, ticks, then)| {
                let seconds = now.saturating_duration_since(then).as_secs_f64();
                let used_s = stat.cpu_ticks.saturating_sub(ticks) as f64 / USER_HZ;
                (seconds > 0.0).then(|| used_s / seconds * 100.0)
            });
        Detail {
            threads: Some(stat.threads),
            descriptors: descriptors(&folder.join("fd")),
            rss_bytes: resident(&folder, buffer),
            vsz_bytes: Some(stat.vsz_bytes),
            cpu_percent,
            age_s: uptime_s.map(|uptime| (uptime - stat.start as f64 / USER_HZ).max(0.0)),
        }
    }
}

impl Table for ProcFs {
    fn refresh(&mut self) -> Result<(), Fault> {
        self.round += 1;
        let entries = fs::read_dir(&self.root.proc).map_err(|error| {
            let shown = self.root.proc.display();
            Fault::new(FaultKind::Died, format!("{shown}: {error}"))
        })?;
        let mut buffer = Vec::with_capacity(4096);
        for entry in entries.flatten() {
            let pid = entry
                .file_name()
                .to_str()
                .and_then(|name| name.parse().ok());
            if let Some(pid) = pid {
                self.look(pid, &mut buffer);
            }
        }
        let round = self.round;
        self.known.retain(|_, known| known.seen == round);
        Ok(())
    }

    fn processes(&self) -> Vec<&Process> {
        let mut all: Vec<&Process> = self.known.values().map(|known| &known.process).collect();
        all.sort_unstable_by_key(|process| process.pid);
        all
    }

    fn listeners(&mut self, port: u16) -> Vec<u32> {
        // The kernel walks all its connections to make the table of sockets: that is not done each round.
        let last = &self.listening;
        let alive = last.pids.iter().all(|pid| self.known.contains_key(pid));
        if alive && last.round > 0 && self.round < last.round + SEARCH_ROUNDS {
            return last.pids.clone();
        }
        let inodes = listener::inodes(&self.root.proc, port);
        if alive && !last.pids.is_empty() && inodes == last.inodes {
            self.listening.round = self.round;
            return self.listening.pids.clone();
        }
        let proc = &self.root.proc;
        let mut pids: Vec<u32> = if inodes.is_empty() {
            Vec::new()
        } else {
            let all = self.known.keys().copied();
            all.filter(|pid| listener::holds(proc, *pid, &inodes))
                .collect()
        };
        pids.sort_unstable();
        self.listening = Listening {
            inodes,
            pids: pids.clone(),
            round: self.round,
        };
        pids
    }

    fn details(&mut self, pids: &[u32]) -> Vec<Detail> {
        self.watched = pids.iter().copied().collect();
        self.ticks.retain(|pid, _| pids.contains(pid));
        let uptime = fs::read_to_string(self.root.proc.join("uptime")).ok();
        let uptime_s = uptime.and_then(|text| text.split_whitespace().next()?.parse().ok());
        let mut buffer = Vec::with_capacity(4096);
        pids.iter()
            .map(|pid| self.detail(*pid, uptime_s, &mut buffer))
            .collect()
    }

    fn memory(&self) -> Option<u64> {
        self.memory
    }

    fn host(&mut self, own: u32) -> Host {
        let mut buffer = Vec::with_capacity(4096);
        let Some((busy_ticks, cores)) =
            read(&self.root.proc.join("stat"), &mut buffer).and_then(parse_machine)
        else {
            return Host::default();
        };
        let own_ticks = stat(&self.folder(own), &mut buffer).map(|stat| stat.cpu_ticks);
        let pages = read(&self.root.proc.join("vmstat"), &mut buffer).and_then(parse_swapped);
        let now = Machine {
            at: Instant::now(),
            busy_ticks,
            own_ticks,
            swapped_pages: pages,
        };
        let before = self.before.replace(now);
        let since = before.map(|before| now.at.saturating_duration_since(before.at));
        let Some((before, seconds)) = before.zip(since.map(|since| since.as_secs_f64())) else {
            return Host::default();
        };
        if seconds <= 0.0 {
            return Host::default();
        }
        let percent =
            |now: u64, before: u64| now.saturating_sub(before) as f64 / USER_HZ / seconds * 100.0;
        let pages = now.swapped_pages.zip(before.swapped_pages);
        Host {
            cores: Some(cores),
            cpu_percent: Some(percent(busy_ticks, before.busy_ticks)),
            own_percent: own_ticks.zip(before.own_ticks).map(|(a, b)| percent(a, b)),
            swap_used_bytes: None,
            swapped_pages_s: pages.map(|(a, b)| a.saturating_sub(b) as f64 / seconds),
        }
    }
}

/// Reads a small file into `buffer`.
fn read<'a>(path: &Path, buffer: &'a mut Vec<u8>) -> Option<&'a str> {
    buffer.clear();
    File::open(path).ok()?.read_to_end(buffer).ok()?;
    // A name may hold any bytes, so what is not text is cut off with it.
    Some(match std::str::from_utf8(buffer) {
        Ok(text) => text,
        Err(error) => {
            let good = buffer.get(..error.valid_up_to()).unwrap_or_default();
            std::str::from_utf8(good).unwrap_or_default()
        }
    })
}

fn stat(folder: &Path, buffer: &mut Vec<u8>) -> Option<Stat> {
    parse_stat(read(&folder.join("stat"), buffer)?)
}

/// The name is in brackets and may hold brackets and spaces itself: it ends at the last one. A process that has
/// ended, and that its parent has yet to bury, is none any more.
fn parse_stat(text: &str) -> Option<Stat> {
    let (before, after) = text.rsplit_once(')')?;
    let (_, name) = before.split_once('(')?;
    let fields: Vec<&str> = after.split_ascii_whitespace().collect();
    let ended = matches!(fields.first(), Some(&("Z" | "X" | "x")));
    if ended {
        return None;
    }
    let number = |field: usize| -> Option<u64> { fields.get(field - 3)?.parse().ok() };
    Some(Stat {
        name: name.to_owned(),
        parent: u32::try_from(number(4)?).ok()?,
        cpu_ticks: number(14)?.saturating_add(number(15)?),
        threads: u32::try_from(number(20)?).ok()?,
        start: number(22)?,
        vsz_bytes: number(23)?,
    })
}

/// Ticks that all cores were busy, waiting for a disk left out, and how many cores there are.
fn parse_machine(text: &str) -> Option<(u64, u32)> {
    let all = text.lines().next()?.strip_prefix("cpu ")?;
    // user nice system idle iowait irq softirq steal; guests are part of user and nice.
    let ticks: Vec<u64> = all
        .split_ascii_whitespace()
        .take(8)
        .map_while(|field| field.parse().ok())
        .collect();
    let is_idle = |field: usize| matches!(field, 3 | 4);
    let busy = ticks
        .iter()
        .enumerate()
        .filter(|(field, _)| !is_idle(*field));
    let cores = text
        .lines()
        .skip(1)
        .take_while(|line| line.starts_with("cpu"));
    let cores = crate::text::numbers::u32_of(cores.count());
    (ticks.len() > 3 && cores > 0).then(|| (busy.map(|(_, ticks)| ticks).sum(), cores))
}

/// Pages that were written to and read from swap since the start.
fn parse_swapped(text: &str) -> Option<u64> {
    let count = |name: &str| -> Option<u64> {
        let line = text.lines().find_map(|line| line.strip_prefix(name))?;
        line.trim().parse().ok()
    };
    count("pswpin ")?.checked_add(count("pswpout ")?)
}

fn args(folder: &Path) -> Vec<String> {
    let bytes = fs::read(folder.join("cmdline")).unwrap_or_default();
    let text = String::from_utf8_lossy(&bytes);
    let text = text.trim_end_matches('\0');
    if text.is_empty() {
        return Vec::new();
    }
    text.split('\0').map(str::to_owned).collect()
}

/// Resident memory, bytes.
fn resident(folder: &Path, buffer: &mut Vec<u8>) -> Option<u64> {
    let text = read(&folder.join("status"), buffer)?;
    let line = text.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kilobytes: u64 = line.split_ascii_whitespace().next()?.parse().ok()?;
    kilobytes.checked_mul(1024)
}

/// Open descriptors: since Linux 6.2 the size of the folder, which anybody may see; before, its entries.
fn descriptors(folder: &Path) -> Option<u32> {
    let size = fs::metadata(folder).ok()?.len();
    if size > 0 {
        return u32::try_from(size).ok();
    }
    let entries = fs::read_dir(folder).ok()?;
    Some(crate::text::numbers::u32_of(entries.count()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_may_hold_brackets_and_spaces() {
        let line = "4242 (a) (b ) c) S 1 4242 4242 0 -1 4194560 9 0 0 0 150 50 0 0 20 0 21 0 777 905216000 2100 18446744073709551615";
        let stat = parse_stat(line).unwrap();
        assert_eq!(stat.name, "a) (b ) c");
        assert_eq!((stat.parent, stat.threads), (1, 21));
        assert_eq!((stat.cpu_ticks, stat.start), (200, 777));
        assert_eq!(stat.vsz_bytes, 905_216_000);
        assert!(parse_stat("4242 (cut off").is_none());
        assert!(parse_stat(&line.replace(" S ", " Z ")).is_none(), "ended");
    }

    #[test]
    fn a_machine_is_busy_where_it_is_neither_idle_nor_waits() {
        let text = "cpu  100 10 50 800 40 5 3 2 60 6\n\
                    cpu0 50 5 25 400 20 3 1 1 30 3\n\
                    cpu1 50 5 25 400 20 2 2 1 30 3\n\
                    intr 12 3\n";
        assert_eq!(parse_machine(text), Some((170, 2)));
        assert_eq!(parse_machine("cpu  1 2\ncpu0 1 2\n"), None);
        assert_eq!(parse_machine(""), None);
        let swapped = "nr_free_pages 9\npswpin 30\npswpout 12\n";
        assert_eq!(parse_swapped(swapped), Some(42));
        assert_eq!(parse_swapped("pswpin 30\n"), None);
    }
}
