//! How many requests a virtual user may have under way to one host.

use std::cell::{Cell, RefCell};
use std::hint::cold_path;
use std::rc::Rc;

use tokio::sync::Semaphore;
use url::Url;

use super::origin::Origin;
use crate::prefetch;

/// The most hosts remembered before unused ones are forgotten.
const MAX_HOSTS: usize = 64;

/// Bounds the requests under way to each host, as a browser does.
#[derive(Debug)]
pub(super) struct Lanes {
    per_host: usize,
    hosts: RefCell<Vec<Rc<Host>>>,
    /// The address of the last request, and its host: the next one most often has the same.
    last: RefCell<Option<(Rc<Url>, Rc<Host>)>>,
}

/// A host that a virtual user has sent to. There is one of these for each of its origins.
#[derive(Debug)]
pub(super) struct Host {
    origin: Origin,
    /// Whether the run may send to it, as far as somebody has asked.
    is_admitted: Cell<bool>,
    /// Lanes that are taken, or kept for somebody who waits.
    taken: Cell<usize>,
    waiting: Cell<usize>,
    /// Lanes that are kept for those who wait. One that is kept for somebody who gives up is the next one's.
    kept: Semaphore,
}

impl Host {
    /// Asks `check` whether the run may send to it, until that is so: not again for each request.
    ///
    /// # Errors
    ///
    /// Those of `check`.
    pub(super) fn admit<E>(&self, check: impl FnOnce() -> Result<(), E>) -> Result<(), E> {
        if !self.is_admitted.get() {
            check()?;
            self.is_admitted.set(true);
        }
        Ok(())
    }
}

/// The right to one request; given back when dropped.
#[derive(Debug)]
pub(super) struct Lane {
    pub(super) host: Rc<Host>,
    /// Whether there was none at first.
    pub(super) has_waited: bool,
}

impl Drop for Lane {
    fn drop(&mut self) {
        let host = &self.host;
        if host.waiting.get() > 0 {
            host.kept.add_permits(1);
        } else {
            host.taken.set(host.taken.get() - 1);
        }
    }
}

/// Counts who waits for as long as that lasts.
struct Wait<'a>(&'a Cell<usize>);

impl<'a> Wait<'a> {
    fn begin(waiting: &'a Cell<usize>) -> Self {
        waiting.set(waiting.get() + 1);
        Self(waiting)
    }
}

impl Drop for Wait<'_> {
    fn drop(&mut self) {
        self.0.set(self.0.get() - 1);
    }
}

impl Lanes {
    /// At most `per_host` requests at a time to one host; zero counts as one.
    pub(super) fn new(per_host: usize) -> Self {
        Self { per_host: per_host.max(1), hosts: RefCell::default(), last: RefCell::default() }
    }

    /// Waits for a lane to the host of `url`. First come, first served. `None` for a URL to which nothing can be sent.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future gives up the place in the queue.
    pub(super) async fn enter(&self, url: &Rc<Url>) -> Option<Lane> {
        let host = self.host(url)?;
        let has_waited = host.taken.get() >= self.per_host;
        if has_waited {
            cold_path();
            let _wait = Wait::begin(&host.waiting);
            // The lane gives it back. A semaphore that is never closed always yields one.
            host.kept.acquire().await.expect("the semaphore is never closed").forget();
        } else {
            host.taken.set(host.taken.get() + 1);
        }
        Some(Lane { host, has_waited })
    }

    /// Fetches the host of the last request.
    pub(super) fn prefetch(&self) {
        if let Some((_, host)) = &*self.last.borrow() {
            prefetch::value(&**host);
        }
    }

    fn host(&self, url: &Rc<Url>) -> Option<Rc<Host>> {
        if let Some((last, host)) = &*self.last.borrow()
            && Rc::ptr_eq(last, url)
        {
            return Some(Rc::clone(host));
        }
        cold_path();
        let host = self.find(url)?;
        self.last.replace(Some((Rc::clone(url), Rc::clone(&host))));
        Some(host)
    }

    fn find(&self, url: &Url) -> Option<Rc<Host>> {
        let mut hosts = self.hosts.borrow_mut();
        if let Some(known) = hosts.iter().find(|host| host.origin.serves(url)) {
            return Some(Rc::clone(known));
        }
        let origin = Origin::of(url)?;
        if hosts.len() >= MAX_HOSTS {
            hosts.retain(|host| Rc::strong_count(host) > 1);
        }
        let host = Rc::new(Host {
            origin,
            is_admitted: Cell::new(false),
            taken: Cell::new(0),
            waiting: Cell::new(0),
            kept: Semaphore::new(0),
        });
        hosts.push(Rc::clone(&host));
        Some(host)
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;
    use futures_util::future::{join_all, poll_immediate};

    use super::*;

    fn url(text: &str) -> Rc<Url> {
        Rc::new(Url::parse(text).unwrap())
    }

    #[tokio::test]
    async fn lanes_are_bounded_and_go_to_those_who_wait_in_their_order() {
        let lanes = Lanes::new(2);
        let here = url("http://a.test/x");
        let first = lanes.enter(&here).await.unwrap();
        let second = lanes.enter(&url("http://a.test/y")).await.unwrap();
        assert!(!first.has_waited && !second.has_waited);
        assert!(Rc::ptr_eq(&first.host, &second.host));
        assert!(!lanes.enter(&url("http://b.test/")).await.unwrap().has_waited);
        let mut third = Box::pin(lanes.enter(&here));
        let mut fourth = Box::pin(lanes.enter(&here));
        assert!(poll_immediate(&mut third).await.is_none());
        assert!(poll_immediate(&mut fourth).await.is_none());
        drop(first);
        // Who comes now does not overtake.
        assert!(lanes.enter(&here).now_or_never().is_none());
        assert!(poll_immediate(&mut fourth).await.is_none());
        let third = third.await.unwrap();
        assert!(third.has_waited);
        drop(second);
        drop(third);
        drop(fourth.await.unwrap());
        let both = [(); 2].map(|()| lanes.enter(&here).now_or_never().unwrap());
        assert!(lanes.enter(&here).now_or_never().is_none(), "two at a time: {both:?}");
    }

    #[tokio::test]
    async fn lanes_left_all_at_once_are_all_there_again() {
        let here = url("http://a.test/");
        // Some who wait are told, and all of them go or stay.
        for (waiting, gives_up) in [(1, false), (1, true), (3, false), (3, true), (9, false)] {
            let lanes = Lanes::new(6);
            let all: Vec<_> = join_all((0..6).map(|_| lanes.enter(&here))).await;
            let mut waits: Vec<_> = (0..waiting).map(|_| Box::pin(lanes.enter(&here))).collect();
            for wait in &mut waits {
                assert!(poll_immediate(wait).await.is_none());
            }
            drop(all);
            if !gives_up {
                for wait in &mut waits {
                    drop(wait.await.unwrap());
                }
            }
            drop(waits);
            let again = (0..6).map(|_| lanes.enter(&here).now_or_never().unwrap().unwrap());
            let again: Vec<_> = again.collect();
            assert!(lanes.enter(&here).now_or_never().is_none(), "six at a time");
            drop(again);
        }
    }

    #[tokio::test]
    async fn a_lane_kept_for_somebody_who_has_given_up_is_not_lost() {
        let here = url("http://a.test/");
        // Told and gone before it looked, alone or with others behind it.
        for others in 0..3 {
            let lanes = Lanes::new(1);
            let lane = lanes.enter(&here).await.unwrap();
            let mut goes = Box::pin(lanes.enter(&here));
            assert!(poll_immediate(&mut goes).await.is_none());
            let mut behind: Vec<_> = (0..others).map(|_| Box::pin(lanes.enter(&here))).collect();
            for waits in &mut behind {
                assert!(poll_immediate(waits).await.is_none());
            }
            drop(lane);
            drop(goes);
            for waits in behind {
                drop(waits.await.unwrap());
            }
            for _ in 0..2 {
                drop(lanes.enter(&here).now_or_never().unwrap().unwrap());
            }
            let lane = lanes.enter(&here).now_or_never().unwrap().unwrap();
            assert!(lanes.enter(&here).now_or_never().is_none(), "one at a time");
            drop(lane);
        }
    }

    #[tokio::test]
    async fn hosts_that_are_not_used_are_forgotten() {
        let lanes = Lanes::new(1);
        let kept = lanes.enter(&url("http://kept.test/")).await.unwrap();
        for host in 0..1000 {
            lanes.enter(&url(&format!("http://host{host}.test/"))).await.unwrap();
        }
        assert!(lanes.hosts.borrow().len() <= MAX_HOSTS);
        let again = lanes.enter(&url("http://kept.test/")).now_or_never();
        assert!(again.is_none(), "it is the same host still: {kept:?}");
        assert!(lanes.enter(&url("data:,x")).await.is_none());
    }
}
