//! Who listens on a port, by `/proc/net/tcp` and the sockets among a process's open descriptors.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::net::{IpAddr, SocketAddr};
use std::path::Path;

/// The state of a socket that listens, in the kernel's table.
const LISTEN: &str = "0A";

/// The inodes of the sockets that listen on `port`.
pub(crate) fn inodes(proc: &Path, port: u16) -> BTreeSet<u64> {
    let all = listening(proc).into_iter().flatten();
    let of_port = all.filter(|(_, address)| address.port() == port);
    of_port.map(|(inode, _)| inode).collect()
}

/// All sockets that listen, by their inodes, each with its address; None where the system does not tell.
pub(crate) fn listening(proc: &Path) -> Option<BTreeMap<u64, SocketAddr>> {
    let tables = ["net/tcp", "net/tcp6"].map(|table| fs::read_to_string(proc.join(table)).ok());
    let mut tables = tables.iter().flatten().peekable();
    tables.peek()?;
    Some(
        tables
            .flat_map(|text| text.lines().filter_map(listener))
            .collect(),
    )
}

/// The inode and the address in one line of the kernel's table, if it is of a socket that listens.
fn listener(line: &str) -> Option<(u64, SocketAddr)> {
    let mut fields = line.split_ascii_whitespace();
    let (hex_ip, hex_port) = fields.nth(1)?.rsplit_once(':')?;
    let state = fields.nth(1)?;
    let port = u16::from_str_radix(hex_port, 16).ok()?;
    let inode = fields.nth(5).filter(|_| state == LISTEN)?.parse().ok()?;
    Some((inode, SocketAddr::new(ip(hex_ip)?, port)))
}

/// An address as the kernel writes it: words of four bytes, each in the order of the machine.
fn ip(hex: &str) -> Option<IpAddr> {
    let words = (0..hex.len())
        .step_by(8)
        .map(|at| u32::from_str_radix(hex.get(at..at + 8)?, 16).ok());
    let words: Vec<[u8; 4]> = words
        .map(|word| word.map(u32::to_ne_bytes))
        .collect::<Option<_>>()?;
    match words.as_slice() {
        [four] => Some(IpAddr::from(*four)),
        sixteen => {
            let bytes: [u8; 16] = sixteen.concat().try_into().ok()?;
            Some(IpAddr::from(bytes))
        }
    }
}

/// The inodes of the sockets that process `pid` has open; none where its descriptors may not be seen.
pub(crate) fn held(proc: &Path, pid: u32) -> BTreeSet<u64> {
    let entries = fs::read_dir(proc.join(pid.to_string()).join("fd"));
    let entries = entries.into_iter().flatten().flatten();
    let links = entries.filter_map(|entry| fs::read_link(entry.path()).ok());
    links
        .filter_map(|link| {
            let socket = link.to_str()?.strip_prefix("socket:[")?;
            socket.strip_suffix(']')?.parse().ok()
        })
        .collect()
}

/// Whether process `pid` has one of these sockets open. False where its descriptors may not be seen.
pub(crate) fn holds(proc: &Path, pid: u32, inodes: &BTreeSet<u64>) -> bool {
    !held(proc, pid).is_disjoint(inodes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_listening_sockets_count() {
        let lines = [
            "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode",
            "   0: 0100007F:2CAA 00000000:0000 0A 00000000:00000000 00:00000000 00000000   998        0 24513 1 0 100 0 0 10 0",
            "   1: 0100007F:2CAA 0100007F:9C40 01 00000000:00000000 00:00000000 00000000   998        0 24600 1 0 20 4 30 10 -1",
            "   2: 00000000:0050 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 11111 1 0 100 0 0 10 0",
            "   0: 00000000000000000000000000000000:2CAA 00000000000000000000000000000000:0000 0A 00000000:00000000 00:00000000 00000000   998        0 777 1 0 100 0 0 10 0",
            "   1: 00000000000000000000000001000000:1F90 00000000000000000000000000000000:0000 0A 00000000:00000000 00:00000000 00000000   998        0 778 1 0 100 0 0 10 0",
        ];
        let found = lines.iter().filter_map(|line| listener(line));
        let found: Vec<(u64, String)> = found.map(|(n, at)| (n, at.to_string())).collect();
        let expected = [
            (24513, "127.0.0.1:11434"),
            (11111, "0.0.0.0:80"),
            (777, "[::]:11434"),
            (778, "[::1]:8080"),
        ];
        assert_eq!(found, expected.map(|(n, at)| (n, at.to_owned())));
    }
}
