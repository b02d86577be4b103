//! Connections that the kernel has opened and the target has not accepted yet.
//!
//! Of a socket that listens, `rx_queue` of `/proc/net/tcp` is the length of its accept queue. Listening sockets come first in
//! the table, so it is read only as far as they go; behind the last of them the kernel looks through its table of connections
//! for the next line, which takes 5 ms when there are none.

use std::fs::File;
use std::io::Read;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use super::{Growth, level};
use crate::clock::RunClock;
use crate::metric::{LevelUnit, ResourceLevel};
use crate::watch::limits::in_table;

/// The queue is looked at again after this many times what it took, which is at most 1 % of one core.
const REST_PER_COST: u32 = 100;

/// Less than two lines: more would make the kernel look for more.
const CHUNK: usize = 256;

/// State of a listening socket.
const LISTEN: &[u8] = b"0A";

/// The accept queue of the target's address.
#[derive(Debug)]
pub(super) struct Backlog {
    /// As the kernel writes them: the address itself, and all addresses.
    own: String,
    any: [String; 2],
    is_v4: bool,
    clock: RunClock,
    next_look_at: Duration,
    last: Option<u64>,
    refused: Growth,
}

impl Backlog {
    pub(super) fn new(address: SocketAddr, clock: RunClock) -> Self {
        let any: [IpAddr; 2] = [Ipv4Addr::UNSPECIFIED.into(), Ipv6Addr::UNSPECIFIED.into()];
        let mut backlog = Self {
            own: in_table(address),
            any: any.map(|ip| in_table(SocketAddr::new(ip, address.port()))),
            is_v4: address.ip().to_canonical().is_ipv4(),
            clock,
            next_look_at: Duration::ZERO,
            last: None,
            refused: Growth::default(),
        };
        backlog.refused.to(refused());
        backlog
    }

    /// The queue now, or when it was last looked at. Saturation is the connections that were refused for want of room, a
    /// second, of all sockets of this machine (`ListenDrops` of `/proc/net/netstat`).
    pub(super) fn level(&mut self, seconds: f64) -> Option<ResourceLevel> {
        let began = self.clock.now();
        if began >= self.next_look_at {
            self.last = self.look();
            let ended = self.clock.now();
            self.next_look_at = ended + ended.saturating_sub(began) * REST_PER_COST;
        }
        let saturation = self.refused.per_s(refused(), seconds);
        let queue = level("accept queue", LevelUnit::Count, self.last? as f64, None);
        Some(ResourceLevel { saturation, ..queue })
    }

    /// Sockets bound to exactly the address before those bound to all, as the kernel prefers them; several that share it
    /// have a queue each. A socket for all addresses of version 6 takes connections of version 4 too, where nobody of that
    /// version listens.
    fn look(&self) -> Option<u64> {
        let (mut own, mut any) = (None, None);
        let tables: &[&str] =
            if self.is_v4 { &["/proc/net/tcp", "/proc/net/tcp6"] } else { &["/proc/net/tcp6"] };
        for path in tables {
            if own.or(any).is_some() {
                break;
            }
            let Ok(table) = File::open(path) else { continue };
            // What can be read of a table that breaks off is right.
            let _ = listening(table, |address, queue| {
                let found = if address == self.own.as_bytes() {
                    &mut own
                } else if self.any.iter().any(|any| any.as_bytes() == address) {
                    &mut any
                } else {
                    return;
                };
                *found = Some(found.unwrap_or(0) + queue);
            });
        }
        own.or(any)
    }
}

/// Gives the address and the accept queue of each listening socket at the beginning of a table.
fn listening(mut table: impl Read, mut give: impl FnMut(&[u8], u64)) -> std::io::Result<()> {
    let mut chunk = [0; CHUNK];
    let mut rest: Vec<u8> = Vec::new();
    let mut is_head = true;
    loop {
        let length = table.read(&mut chunk)?;
        if length == 0 {
            return Ok(());
        }
        rest.extend_from_slice(&chunk[..length]);
        while let Some(end) = rest.iter().position(|byte| *byte == b'\n') {
            let line: Vec<u8> = rest.drain(..=end).collect();
            if !std::mem::take(&mut is_head) && !give_line(&line, &mut give) {
                return Ok(());
            }
        }
    }
}

/// `0: 0100007F:1F90 00000000:0000 0A 00000000:00000003 …`: number, local address, remote address, state, queues in
/// hexadecimal. False for a line that is not of a listening socket.
fn give_line(line: &[u8], give: &mut impl FnMut(&[u8], u64)) -> bool {
    let mut words = line.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty()).skip(1);
    let (Some(local), Some(_), Some(LISTEN)) = (words.next(), words.next(), words.next()) else {
        return false;
    };
    let queue = words.next().and_then(|queues| {
        let (_, received) = std::str::from_utf8(queues).ok()?.split_once(':')?;
        u64::from_str_radix(received, 16).ok()
    });
    if let Some(queue) = queue {
        give(local, queue);
    }
    true
}

/// Connections that this machine refused since it started because a queue was full or something else was missing.
fn refused() -> Option<u64> {
    counter(&std::fs::read_to_string("/proc/net/netstat").ok()?, "TcpExt:", "ListenDrops")
}

/// A counter of a table with a line of names before each line of values.
fn counter(text: &str, family: &str, name: &str) -> Option<u64> {
    let mut lines = text.lines().filter_map(|line| line.strip_prefix(family));
    let (names, values) = (lines.next()?, lines.next()?);
    let mut pairs = names.split_whitespace().zip(values.split_whitespace());
    pairs.find(|(known, _)| *known == name)?.1.parse().ok()
}

#[cfg(test)]
mod tests {
    use std::net::{TcpListener, TcpStream};

    use super::*;

    #[test]
    fn a_queue_is_that_of_the_targets_socket_and_the_table_is_read_no_further_than_needed() {
        let line = |local: &str, state: &str, queue: &str| {
            format!("   1: {local} 00000000:0000 {state} 00000000:{queue} 00:00000000 00000000\n")
        };
        let table = format!(
            "  sl  local_address rem_address   st\n{}{}{}{}",
            line("0100007F:1F90", "0A", "0000001F"),
            line("00000000:0050", "0A", "00000002"),
            line("0100007F:1F90", "01", "00000009"),
            line("0100007F:9999", "0A", "00000007"),
        );
        let mut found = Vec::new();
        listening(table.as_bytes(), |address, queue| found.push((address.to_vec(), queue)))
            .expect("memory is read");
        let expected = [("0100007F:1F90", 31), ("00000000:0050", 2)];
        assert_eq!(found, expected.map(|(address, queue)| (address.as_bytes().to_vec(), queue)));
        for garbage in ["", "\n", "x", "head\n0: a b 0A zz\n", "head\n\u{0}\u{0}\n"] {
            listening(garbage.as_bytes(), |_, _| panic!("nothing listens")).expect("read");
        }
    }

    #[test]
    fn connections_that_nobody_accepts_are_seen_waiting() {
        for bind in ["127.0.0.1:0", "[::1]:0"] {
            // Without IPv6 there is nothing to find there.
            let Ok(listener) = TcpListener::bind(bind) else { continue };
            let to = listener.local_addr().expect("bound");
            let mut backlog = Backlog::new(to, RunClock::starting_now());
            assert_eq!(backlog.look(), Some(0));
            let _connections: Vec<TcpStream> =
                (0..5).map(|_| TcpStream::connect(to).expect("connects")).collect();
            let queue = backlog.level(1.0).expect("it listens");
            assert_eq!((queue.used, queue.capacity), (5.0, None), "{bind}");
            assert!(queue.saturation.is_none_or(|refused| refused >= 0.0));
        }
    }

    #[test]
    fn a_socket_for_all_addresses_counts_where_there_is_none_of_its_own() {
        let listener = TcpListener::bind("0.0.0.0:0").expect("a free port");
        let port = listener.local_addr().expect("bound").port();
        let to = SocketAddr::from(([127, 0, 0, 1], port));
        let _connection = TcpStream::connect(to).expect("connects");
        assert_eq!(Backlog::new(to, RunClock::starting_now()).look(), Some(1));
        if let Ok(listener) = TcpListener::bind("[::]:0") {
            let port = listener.local_addr().expect("bound").port();
            let to = SocketAddr::from(([127, 0, 0, 1], port));
            let _connection = TcpStream::connect(to).expect("connects");
            assert_eq!(Backlog::new(to, RunClock::starting_now()).look(), Some(1));
        }
        let nobody = SocketAddr::from(([127, 0, 0, 1], 1));
        assert_eq!(Backlog::new(nobody, RunClock::starting_now()).level(1.0), None);
    }

    #[test]
    fn counters_are_found_by_their_names() {
        let text = "TcpExt: A ListenDrops\nTcpExt: 1 42\nIpExt: A ListenDrops\nIpExt: 7 8\n";
        assert_eq!(counter(text, "TcpExt:", "ListenDrops"), Some(42));
        assert_eq!(counter(text, "TcpExt:", "Other"), None);
        assert_eq!(counter("", "TcpExt:", "ListenDrops"), None);
    }
}
