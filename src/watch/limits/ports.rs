//! Local ports in use towards the destinations of the load.
//!
//! A connection needs a local port that no other connection from the same address to the same destination has; one that has
//! ended keeps its port for a minute (`TIME_WAIT`). Linux hands out those of `ip_local_port_range` without those of
//! `ip_local_reserved_ports`. The connections are in `/proc/net/tcp`: the kernel walks its whole table to show them, 10 ms
//! when it is empty, so it is read as rarely as [`REST_PER_COST`] says and the figure stays until then.

use std::collections::HashMap;
use std::fs::File;
use std::io::Read;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use crate::clock::RunClock;
use crate::metric::GeneratorHealth;

/// Ports are counted again after this many times what it took, which is 0.4 % of one core.
const REST_PER_COST: u32 = 250;

/// How much of a table is read at once. The kernel gives a page at a time, whatever is asked for.
const PAGE: usize = 4096;

/// Counts ports, now and then.
#[derive(Debug)]
pub(super) struct PortCount {
    /// As the kernel writes them.
    destinations: Vec<String>,
    available: Option<u64>,
    used: Option<u64>,
    clock: RunClock,
    next_count_at: Duration,
}

impl PortCount {
    pub(super) fn new(destinations: &[SocketAddr], clock: RunClock) -> Self {
        Self {
            destinations: destinations.iter().map(|address| in_table(*address)).collect(),
            available: available_ports(),
            used: None,
            clock,
            next_count_at: Duration::ZERO,
        }
    }

    /// Writes the ports that there are and, when there are destinations, how many were in use when they were last counted.
    pub(super) fn read_into(&mut self, health: &mut GeneratorHealth) {
        let began = self.clock.now();
        if began >= self.next_count_at && !self.destinations.is_empty() {
            self.used = self.count();
            let ended = self.clock.now();
            self.next_count_at = ended + ended.saturating_sub(began) * REST_PER_COST;
        }
        health.used_ports = self.used;
        health.available_ports = self.available;
    }

    /// `None` when no table can be read.
    fn count(&self) -> Option<u64> {
        let lengths = self.destinations.iter().map(String::len);
        // Addresses of version 4 are shorter; each version has its table.
        let is_v4 = |length: usize| length == "00000000:0000".len();
        let wants_v4 = lengths.clone().any(is_v4);
        let wants_v6 = !lengths.clone().all(is_v4);
        let tables = [("/proc/net/tcp", wants_v4), ("/proc/net/tcp6", wants_v6)];
        let mut counts = Counts::new(&self.destinations);
        let mut is_known = false;
        for (path, _) in tables.into_iter().filter(|(_, is_wanted)| *is_wanted) {
            is_known |= File::open(path).is_ok_and(|file| counts.add_table(file).is_ok());
        }
        is_known.then(|| counts.most())
    }
}

/// Connections by source address and destination.
#[derive(Debug)]
struct Counts<'a> {
    destinations: &'a [String],
    by_pair: HashMap<(Vec<u8>, usize), u64>,
}

impl<'a> Counts<'a> {
    fn new(destinations: &'a [String]) -> Self {
        Self { destinations, by_pair: HashMap::new() }
    }

    /// Adds the connections of a table with one a line.
    fn add_table(&mut self, mut table: impl Read) -> std::io::Result<()> {
        let mut page = [0; PAGE];
        // The beginning of a line of which the end is still to come.
        let mut rest: Vec<u8> = Vec::new();
        loop {
            let length = table.read(&mut page)?;
            if length == 0 {
                self.add_line(&rest);
                return Ok(());
            }
            rest.extend_from_slice(&page[..length]);
            let whole = rest.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
            rest[..whole].split(|byte| *byte == b'\n').for_each(|line| self.add_line(line));
            rest.drain(..whole);
        }
    }

    /// `0: 0100007F:9C40 0100007F:1F90 01 …`: number, local address, remote address, state. Whatever the state of a
    /// connection is, it has its port; a listening socket has no destination.
    fn add_line(&mut self, line: &[u8]) {
        let mut words = line.split(|byte| *byte == b' ').filter(|word| !word.is_empty()).skip(1);
        let (Some(local), Some(remote)) = (words.next(), words.next()) else { return };
        let wanted = self.destinations.iter().position(|address| address.as_bytes() == remote);
        let Some(index) = wanted else { return };
        let ip = local.split(|byte| *byte == b':').next().unwrap_or(local);
        *self.by_pair.entry((ip.to_vec(), index)).or_default() += 1;
    }

    fn most(&self) -> u64 {
        self.by_pair.values().copied().max().unwrap_or(0)
    }
}

/// An address as the kernel writes it: words of four bytes as numbers of this machine in hexadecimal, and the port.
pub(in crate::watch) fn in_table(address: SocketAddr) -> String {
    let ip: String = match address.ip().to_canonical() {
        IpAddr::V4(ip) => format!("{:08X}", u32::from_ne_bytes(ip.octets())),
        IpAddr::V6(ip) => {
            let bytes = ip.octets();
            let words = bytes.as_chunks::<4>().0.iter();
            words.map(|word| format!("{:08X}", u32::from_ne_bytes(*word))).collect()
        }
    };
    format!("{ip}:{:04X}", address.port())
}

fn available_ports() -> Option<u64> {
    let setting = |name: &str| {
        std::fs::read_to_string(format!("/proc/sys/net/ipv4/ip_local_{name}")).unwrap_or_default()
    };
    count_ports(&setting("port_range"), &setting("reserved_ports"))
}

/// Ports of a range such as `32768 60999` that are not among the reserved, such as `8080,40000-40009`.
fn count_ports(range: &str, reserved: &str) -> Option<u64> {
    let mut ends = range.split_whitespace().map(str::parse::<u64>);
    let (Some(Ok(first)), Some(Ok(last))) = (ends.next(), ends.next()) else { return None };
    let kept_back: u64 = reserved
        .trim()
        .split(',')
        .filter_map(|part| {
            let (from, to) = part.split_once('-').unwrap_or((part, part));
            let (from, to) =
                (from.parse::<u64>().ok()?.max(first), to.parse::<u64>().ok()?.min(last));
            Some((to + 1).saturating_sub(from))
        })
        .sum();
    (last + 1).checked_sub(first)?.checked_sub(kept_back)
}

#[cfg(test)]
mod tests {
    use std::net::{TcpListener, TcpStream};

    use super::*;

    fn address(text: &str) -> SocketAddr {
        text.parse().expect("an address")
    }

    #[test]
    fn ports_are_those_of_the_range_that_are_not_reserved() {
        assert_eq!(count_ports("32768\t60999\n", "\n"), Some(28_232));
        assert_eq!(count_ports("32768\t60999\n", "8080,40000-40009,60990-61010\n"), Some(28_212));
        assert_eq!(count_ports("40000 40099", ""), Some(100));
        assert_eq!(count_ports("", ""), None);
        assert!(available_ports().is_some_and(|ports| ports > 0 && ports < 65_536));
    }

    #[test]
    fn connections_of_every_state_are_counted_by_source_and_destination() {
        let to = [in_table(address("127.0.0.1:8080")), in_table(address("10.0.0.1:80"))];
        let from = |ip: &str| in_table(address(&format!("{ip}:40000")));
        let lines: Vec<String> = [
            (from("127.0.0.1"), to[0].clone(), "01"),
            (from("127.0.0.1"), to[0].clone(), "06"),
            (from("127.0.0.2"), to[0].clone(), "01"),
            (from("10.0.0.9"), to[1].clone(), "02"),
            (to[0].clone(), from("127.0.0.1"), "01"),
            (to[0].clone(), in_table(address("0.0.0.0:0")), "0A"),
        ]
        .iter()
        .map(|(local, remote, state)| format!("   7: {local} {remote} {state} 00000000:00000000"))
        .collect();
        let table = format!("  sl  local_address rem_address   st\n{}\n", lines.join("\n"));
        let mut counts = Counts::new(&to);
        counts.add_table(table.as_bytes()).expect("memory is read");
        assert_eq!(counts.most(), 2, "{:?}", counts.by_pair);
        assert_eq!(counts.by_pair.len(), 3);
    }

    #[test]
    fn a_table_longer_than_a_page_loses_no_line() {
        let to = [in_table(address("127.0.0.1:8080"))];
        let line = format!("   7: {} {} 01 00000000\n", in_table(address("127.0.0.1:1")), to[0]);
        let table = line.repeat(1000);
        assert!(table.len() > 3 * PAGE);
        let mut counts = Counts::new(&to);
        counts.add_table(table.as_bytes()).expect("memory is read");
        assert_eq!(counts.most(), 1000);
    }

    #[test]
    fn real_connections_are_found_in_the_tables_of_both_versions() {
        for bind in ["127.0.0.1:0", "[::1]:0"] {
            // Without IPv6 there is nothing to find there.
            let Ok(listener) = TcpListener::bind(bind) else { continue };
            let to = listener.local_addr().expect("bound");
            let _connections: Vec<TcpStream> =
                (0..7).map(|_| TcpStream::connect(to).expect("connects")).collect();
            let mut count = PortCount::new(&[to], RunClock::starting_now());
            let mut health = GeneratorHealth::default();
            count.read_into(&mut health);
            assert_eq!(health.used_ports, Some(7), "{bind}");
        }
    }

    #[test]
    fn a_table_that_takes_long_is_read_rarely() {
        let mut count = PortCount::new(&[address("192.0.2.1:80")], RunClock::starting_now());
        let mut health = GeneratorHealth::default();
        count.read_into(&mut health);
        assert_eq!(health.used_ports, Some(0));
        count.used = Some(5);
        count.next_count_at = Duration::MAX;
        count.read_into(&mut health);
        assert_eq!(health.used_ports, Some(5), "the figure stays");
    }
}
