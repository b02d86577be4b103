//! Network interfaces and TCP of this machine.

use std::collections::HashMap;
use std::time::Duration;

use procfs::net::DeviceStatus;

use crate::metric::GeneratorHealth;

/// Traffic until the last reading.
#[derive(Debug)]
pub(super) struct Network {
    devices: HashMap<String, DeviceStatus>,
    segments: Option<Segments>,
    /// Link speeds in bits a second, read once: asking a driver may take it long. `None` is unknown.
    speeds: HashMap<String, Option<f64>>,
}

/// TCP segments of this machine since it started.
#[derive(Debug, Clone, Copy)]
struct Segments {
    sent: u64,
    resent: u64,
}

impl Network {
    pub(super) fn new() -> Self {
        Self { devices: devices(), segments: segments(), speeds: HashMap::new() }
    }

    /// Writes what happened in the `interval` since the last call.
    pub(super) fn read_into(&mut self, health: &mut GeneratorHealth, interval: Duration) {
        let before = std::mem::replace(&mut self.devices, devices());
        let moved: Vec<(&str, Traffic)> = self
            .devices
            .iter()
            .filter_map(|(name, now)| {
                Some((name.as_str(), Traffic::between(before.get(name)?, now)))
            })
            .collect();
        if !moved.is_empty() {
            health.sent_packets = Some(moved.iter().map(|(_, traffic)| traffic.sent_packets).sum());
            health.send_drops = Some(moved.iter().map(|(_, traffic)| traffic.send_drops).sum());
        }
        let speeds = &mut self.speeds;
        let ratios = moved.iter().filter_map(|(name, traffic)| {
            let speed = speeds.entry((*name).to_owned()).or_insert_with(|| link_speed(name));
            traffic.link_ratio((*speed)?, interval)
        });
        health.link_ratio = ratios.reduce(f64::max);
        if let (Some(before), Some(now)) = (self.segments, segments()) {
            health.sent_segments = Some(now.sent.saturating_sub(before.sent));
            health.resent_segments = Some(now.resent.saturating_sub(before.resent));
            self.segments = Some(now);
        }
    }
}

/// What went over one interface.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(in crate::watch) struct Traffic {
    /// In the busier direction: links are full duplex.
    pub(in crate::watch) bytes: u64,
    sent_packets: u64,
    pub(in crate::watch) send_drops: u64,
}

impl Traffic {
    pub(in crate::watch) fn between(before: &DeviceStatus, now: &DeviceStatus) -> Self {
        let sent = now.sent_bytes.saturating_sub(before.sent_bytes);
        let received = now.recv_bytes.saturating_sub(before.recv_bytes);
        Self {
            bytes: sent.max(received),
            sent_packets: now.sent_packets.saturating_sub(before.sent_packets),
            send_drops: now.sent_drop.saturating_sub(before.sent_drop),
        }
    }

    /// `None` over no time.
    fn link_ratio(&self, bits_per_s: f64, interval: Duration) -> Option<f64> {
        let could = bits_per_s / 8.0 * interval.as_secs_f64();
        (could > 0.0).then(|| self.bytes as f64 / could)
    }
}

/// Loopback apart: it has no speed of its own, and nothing on it is lost.
pub(in crate::watch) fn devices() -> HashMap<String, DeviceStatus> {
    let mut all = procfs::net::dev_status().unwrap_or_default();
    all.remove("lo");
    all
}

fn segments() -> Option<Segments> {
    let snmp = procfs::net::snmp().ok()?;
    Some(Segments { sent: snmp.tcp_out_segs, resent: snmp.tcp_retrans_segs })
}

/// Virtual interfaces have none, or say -1.
pub(in crate::watch) fn link_speed(name: &str) -> Option<f64> {
    let text = std::fs::read_to_string(format!("/sys/class/net/{name}/speed")).ok()?;
    let megabits_per_s: f64 = text.trim().parse().ok()?;
    (megabits_per_s > 0.0).then_some(megabits_per_s * 1e6)
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::net::{TcpListener, TcpStream};

    use super::*;

    fn status(sent_bytes: u64, recv_bytes: u64, sent_packets: u64, drops: u64) -> DeviceStatus {
        let line = format!(
            "eth0: {recv_bytes} 0 0 0 0 0 0 0 {sent_bytes} {sent_packets} 0 {drops} 0 0 0 0"
        );
        let table = format!("header\nheader\n{line}\n");
        let mut devices =
            <procfs::net::InterfaceDeviceStatus as procfs::FromBufRead>::from_buf_read(
                table.as_bytes(),
            )
            .expect("a table of interfaces");
        devices.0.remove("eth0").expect("in the table")
    }

    #[test]
    fn the_busier_direction_of_a_link_is_set_against_its_speed() {
        let traffic =
            Traffic::between(&status(1000, 500, 10, 1), &status(1000 + 25_000_000, 700, 30, 4));
        assert_eq!(traffic, Traffic { bytes: 25_000_000, sent_packets: 20, send_drops: 3 });
        let ratio = |interval| traffic.link_ratio(1e9, interval);
        assert_eq!(ratio(Duration::from_secs(1)), Some(0.2), "25 MB of 125 MB");
        assert_eq!(ratio(Duration::ZERO), None);
        let restarted = Traffic::between(&status(1000, 500, 10, 1), &status(0, 0, 0, 0));
        assert_eq!(restarted.bytes, 0, "an interface that was made anew");
    }

    #[test]
    fn segments_of_this_machine_are_counted() {
        let mut network = Network::new();
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let mut client =
            TcpStream::connect(listener.local_addr().expect("bound")).expect("connects");
        let mut server = listener.accept().expect("the client connects").0;
        client.write_all(b"a").expect("written");
        server.read_exact(&mut [0]).expect("read");
        let mut health = GeneratorHealth::default();
        network.read_into(&mut health, Duration::from_secs(1));
        // A handshake and a byte; other tests on this machine send more.
        assert!(health.sent_segments.is_some_and(|sent| sent >= 3), "{health:?}");
        assert!(health.resent_segments.is_some(), "{health:?}");
    }
}
