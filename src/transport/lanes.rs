//! How many requests a virtual user may have under way to one host.

use std::cell::RefCell;
use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use url::{Host, Url};

/// The most hosts remembered before unused ones are forgotten.
const MAX_HOSTS: usize = 64;

/// Bounds the requests under way to each host, as a browser does.
#[derive(Debug)]
pub(super) struct Lanes {
    per_host: usize,
    hosts: RefCell<Vec<(HostKey, Arc<Semaphore>)>>,
}

/// Scheme, host and port.
type HostKey = (bool, Host<String>, u16);

/// The right to one request; given back when dropped.
#[derive(Debug)]
pub(super) struct Lane {
    _permit: Option<OwnedSemaphorePermit>,
}

impl Lanes {
    /// At most `per_host` requests at a time to one host; zero counts as one.
    pub(super) fn new(per_host: usize) -> Self {
        Self { per_host: per_host.max(1), hosts: RefCell::default() }
    }

    /// Waits for a lane to the host of `url`. First come, first served.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future gives up the place in the queue.
    pub(super) async fn enter(&self, url: &Url) -> Lane {
        let Some(semaphore) = self.semaphore(url) else { return Lane { _permit: None } };
        // The semaphore is never closed, so this always yields a permit.
        Lane { _permit: semaphore.acquire_owned().await.ok() }
    }

    fn semaphore(&self, url: &Url) -> Option<Arc<Semaphore>> {
        let host = url.host()?;
        let port = url.port_or_known_default()?;
        let is_tls = url.scheme() == "https";
        let mut hosts = self.hosts.borrow_mut();
        let known = hosts.iter().find(|((tls, known, known_port), _)| {
            *tls == is_tls && *known_port == port && same_host(known, &host)
        });
        if let Some((_, semaphore)) = known {
            return Some(Arc::clone(semaphore));
        }
        if hosts.len() >= MAX_HOSTS {
            hosts.retain(|(_, semaphore)| Arc::strong_count(semaphore) > 1);
        }
        let semaphore = Arc::new(Semaphore::new(self.per_host));
        hosts.push(((is_tls, host.to_owned(), port), Arc::clone(&semaphore)));
        Some(semaphore)
    }
}

fn same_host(known: &Host<String>, host: &Host<&str>) -> bool {
    match (known, host) {
        (Host::Domain(known), Host::Domain(host)) => known == host,
        (Host::Ipv4(known), Host::Ipv4(host)) => known == host,
        (Host::Ipv6(known), Host::Ipv6(host)) => known == host,
        _ => false,
    }
}
