//! What tokometer costs and how near the truth its stamps are, on the wire.
//!
//! `cargo bench --bench wire` starts a server in a process of its own, so that its processor time is
//! not counted, and prints
//!
//! - *cost*: processor time of the client per streamed token on a flood (64 users, one token a
//!   chunk), dashboard drawing, beside that of a reader that only counts lines, in the same run;
//! - *truth*: TTFT as the client stamps it minus TTFT as the server knows it (request read → first
//!   token written), for a burst at the same instant and for users that have drifted apart.
//!
//! `cargo bench --bench wire -- cost|truth [users]` runs one part.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    unreachable_pub,
    reason = "a bench prints what it measured and stops where it cannot"
)]

mod client;
mod server;

use std::process::{Child, Command, Stdio};

use client::Tokometer;
use server::RequestContext;

fn main() {
    let args: Vec<String> = std::env::args()
        .skip(1)
        .filter(|arg| !arg.starts_with("--"))
        .collect();
    let words: Vec<&str> = args.iter().map(String::as_str).collect();
    match words.as_slice() {
        ["serve", load] => server::serve(load.parse().unwrap()),
        ["cost"] => cost(),
        ["truth"] => truth(256),
        ["truth", users] => truth(users.parse().unwrap()),
        _ => {
            cost();
            truth(256);
        }
    }
}

/// A server in a process of its own; gone when dropped.
struct Served {
    child: Child,
    url: String,
}

impl Served {
    fn start(load: RequestContext) -> Self {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["serve", &load.to_string()])
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut url = String::new();
        let stdout = child.stdout.as_mut().unwrap();
        std::io::BufRead::read_line(&mut std::io::BufReader::new(stdout), &mut url).unwrap();
        Self {
            child,
            url: url.trim().to_owned(),
        }
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn cost() {
    const USERS: u32 = 64;
    println!("cost on a flood, {USERS} users, one token a chunk:");
    for (name, together) in [
        ("each token a write of its own", 1),
        ("16 tokens a write", 16),
    ] {
        let load = RequestContext::Flood {
            tokens: 20_000,
            together,
        };
        let served = Served::start(load);
        let tokens = f64::from(USERS) * 20_000.0;
        let counted = client::count_lines(&served.url, USERS);
        let measured = Tokometer::run(&served.url, USERS, 1, true);
        assert_eq!(
            measured.chunks(),
            20_000 * u64::from(USERS),
            "tokens were lost"
        );
        let (line, ours) = (counted / tokens * 1e6, measured.cpu_s / tokens * 1e6);
        println!(
            "  {name}: tokometer with its dashboard {ours:.2} µs a token, counting lines {line:.2} µs: {:.2} times",
            ours / line
        );
        println!(
            "    {} frames drawn, {} progress events dropped",
            measured.frames, measured.dropped
        );
    }
}

fn truth(users: u32) {
    println!("TTFT, client minus server, {users} users at 100 tokens/s each, dashboard drawing:");
    let served = Served::start(RequestContext::Paced { tokens: 150 });
    let measured = Tokometer::run(&served.url, users, 4, true);
    let errors = |first_round: bool| {
        let mut errors: Vec<f64> = measured
            .records
            .iter()
            .filter(|record| (record.round == 0) == first_round)
            .map(client::ttft_error_ms)
            .collect();
        errors.sort_by(f64::total_cmp);
        errors
    };
    for (name, errors) in [
        ("burst at one instant", errors(true)),
        ("drifted apart", errors(false)),
    ] {
        let at = |q: f64| errors[((errors.len() - 1) as f64 * q) as usize];
        println!(
            "  {name}: p50 {:.2} ms, p99 {:.2} ms, max {:.2} ms of {} requests",
            at(0.5),
            at(0.99),
            at(1.0),
            errors.len()
        );
    }
    println!(
        "  client: {:.1} MiB, {:.1} s of processor time, {} frames, {} progress events dropped, {} facts of {} kept",
        measured.rss_mib,
        measured.cpu_s,
        measured.frames,
        measured.dropped,
        measured.records.len(),
        u64::from(users) * 4,
    );
}
