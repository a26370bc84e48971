//! Who listens on a port, by `/proc/net/tcp` and the sockets among a process's open descriptors.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

/// The state of a socket that listens, in the kernel's table.
const LISTEN: &str = "0A";

/// The inodes of the sockets that listen on `port`.
pub(crate) fn inodes(proc: &Path, port: u16) -> BTreeSet<u64> {
    ["net/tcp", "net/tcp6"]
        .iter()
        .filter_map(|table| fs::read_to_string(proc.join(table)).ok())
        .flat_map(|text| {
            let inodes: Vec<u64> = text.lines().filter_map(|line| inode(line, port)).collect();
            inodes
        })
        .collect()
}

/// The inode in one line of the kernel's table, if it is of a socket that listens on `port`.
fn inode(line: &str, port: u16) -> Option<u64> {
    let mut fields = line.split_ascii_whitespace();
    let (_, hex_port) = fields.nth(1)?.rsplit_once(':')?;
    let state = fields.nth(1)?;
    let is_it = state == LISTEN && u16::from_str_radix(hex_port, 16) == Ok(port);
    fields.nth(5).filter(|_| is_it)?.parse().ok()
}

/// Whether process `pid` has one of these sockets open. False where its descriptors may not be seen.
pub(crate) fn holds(proc: &Path, pid: u32, inodes: &BTreeSet<u64>) -> bool {
    let Ok(entries) = fs::read_dir(proc.join(pid.to_string()).join("fd")) else {
        return false;
    };
    entries.flatten().any(|entry| {
        fs::read_link(entry.path()).is_ok_and(|link| {
            link.to_str()
                .and_then(|text| {
                    text.strip_prefix("socket:[")?
                        .strip_suffix(']')?
                        .parse()
                        .ok()
                })
                .is_some_and(|inode: u64| inodes.contains(&inode))
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_listening_sockets_of_the_port_count() {
        let lines = [
            "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode",
            "   0: 0100007F:2CAA 00000000:0000 0A 00000000:00000000 00:00000000 00000000   998        0 24513 1 0 100 0 0 10 0",
            "   1: 0100007F:2CAA 0100007F:9C40 01 00000000:00000000 00:00000000 00000000   998        0 24600 1 0 20 4 30 10 -1",
            "   2: 00000000:0050 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 11111 1 0 100 0 0 10 0",
        ];
        let found: Vec<u64> = lines.iter().filter_map(|line| inode(line, 11434)).collect();
        assert_eq!(found, [24513]);
        let v6 = "   0: 00000000000000000000000000000000:2CAA 00000000000000000000000000000000:0000 0A 00000000:00000000 00:00000000 00000000   998        0 777 1 0 100 0 0 10 0";
        assert_eq!(inode(v6, 11434), Some(777));
    }
}
