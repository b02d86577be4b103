//! How much of their speed the network interfaces use.

use std::collections::HashMap;

use procfs::net::DeviceStatus;

use super::level;
use crate::metric::{LevelUnit, ResourceLevel};
use crate::watch::limits::{Traffic, devices, link_speed};

/// Interfaces but loopback, which has no speed of its own.
#[derive(Debug)]
pub(super) struct Links {
    last: HashMap<String, DeviceStatus>,
    /// In bits a second, read once; `None` is unknown.
    speeds: HashMap<String, Option<f64>>,
}

impl Links {
    pub(super) fn new() -> Self {
        Self { last: devices(), speeds: HashMap::new() }
    }

    /// Adds the bytes a second of each interface that was ever used, in its busier direction. Saturation is the packets that
    /// could not be sent, a second.
    pub(super) fn add(&mut self, seconds: f64, levels: &mut Vec<ResourceLevel>) {
        let before = std::mem::replace(&mut self.last, devices());
        for (name, now) in &self.last {
            let was_used = now.sent_bytes + now.recv_bytes > 0;
            let Some(before) = before.get(name).filter(|_| was_used) else { continue };
            let traffic = Traffic::between(before, now);
            let speed = *self.speeds.entry(name.clone()).or_insert_with(|| link_speed(name));
            let used = traffic.bytes as f64 / seconds;
            let capacity = speed.map(|bits_per_s| bits_per_s / 8.0);
            let link = level(&format!("network {name}"), LevelUnit::BytesPerS, used, capacity);
            let drops = traffic.send_drops as f64 / seconds;
            levels.push(ResourceLevel { saturation: Some(drops), ..link });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn loopback_is_no_link_and_every_level_is_sound() {
        let mut links = Links::new();
        let mut levels = Vec::new();
        links.add(1.0, &mut levels);
        assert!(levels.iter().all(|level| level.is_sound() && &*level.resource != "network lo"));
        assert_eq!(
            levels.len(),
            links.last.values().filter(|d| d.sent_bytes + d.recv_bytes > 0).count()
        );
    }
}
