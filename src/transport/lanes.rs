//! How many requests a virtual user may have under way to one host.

use std::cell::RefCell;
use std::rc::Rc;

use tokio::sync::Semaphore;
use url::Url;

use super::origin::Origin;

/// The most hosts remembered before unused ones are forgotten.
const MAX_HOSTS: usize = 64;

/// Bounds the requests under way to each host, as a browser does.
#[derive(Debug)]
pub(super) struct Lanes {
    per_host: usize,
    hosts: RefCell<Vec<(Origin, Rc<Semaphore>)>>,
}

/// The right to one request; given back when dropped.
#[derive(Debug)]
pub(super) struct Lane {
    host: Option<Rc<Semaphore>>,
    /// Whether there was none at first.
    pub(super) has_waited: bool,
}

impl Drop for Lane {
    fn drop(&mut self) {
        if let Some(host) = &self.host {
            host.add_permits(1);
        }
    }
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
        let Some(host) = self.host(url) else { return Lane { host: None, has_waited: false } };
        let has_waited = host.available_permits() == 0;
        let permit = match host.try_acquire() {
            Ok(permit) => Ok(permit),
            Err(_) => host.acquire().await,
        };
        // The lane gives it back, since it outlives this borrow. A semaphore that is never closed always yields one.
        permit.expect("the semaphore is never closed").forget();
        Lane { host: Some(host), has_waited }
    }

    fn host(&self, url: &Url) -> Option<Rc<Semaphore>> {
        let mut hosts = self.hosts.borrow_mut();
        let known = hosts.iter().find(|(origin, _)| origin.serves(url));
        if let Some((_, semaphore)) = known {
            return Some(Rc::clone(semaphore));
        }
        let origin = Origin::of(url)?;
        if hosts.len() >= MAX_HOSTS {
            hosts.retain(|(_, semaphore)| Rc::strong_count(semaphore) > 1);
        }
        let semaphore = Rc::new(Semaphore::new(self.per_host));
        hosts.push((origin, Rc::clone(&semaphore)));
        Some(semaphore)
    }
}
