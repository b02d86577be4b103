//! How many requests a virtual user may have under way to one host.

use std::cell::RefCell;
use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use url::Url;

use super::origin::Origin;

/// The most hosts remembered before unused ones are forgotten.
const MAX_HOSTS: usize = 64;

/// Bounds the requests under way to each host, as a browser does.
#[derive(Debug)]
pub(super) struct Lanes {
    per_host: usize,
    hosts: RefCell<Vec<(Origin, Arc<Semaphore>)>>,
}

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
        let mut hosts = self.hosts.borrow_mut();
        let known = hosts.iter().find(|(origin, _)| origin.serves(url));
        if let Some((_, semaphore)) = known {
            return Some(Arc::clone(semaphore));
        }
        let origin = Origin::of(url)?;
        if hosts.len() >= MAX_HOSTS {
            hosts.retain(|(_, semaphore)| Arc::strong_count(semaphore) > 1);
        }
        let semaphore = Arc::new(Semaphore::new(self.per_host));
        hosts.push((origin, Arc::clone(&semaphore)));
        Some(semaphore)
    }
}
