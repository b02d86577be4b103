//! Host names to addresses: one cache for all virtual users, one lookup at a time for each name.

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use tokio::time::Instant;

use super::connect_watch::{self, Mark};
use crate::reach::{OutOfReach, Reach};

/// How long "not found" is believed: long enough to spare the resolver, short enough to see a name
/// appear.
const NEGATIVE_TTL: Duration = Duration::from_secs(1);

/// The most names remembered; a script may invent names without end.
const MAX_NAMES: usize = 1024;

/// A host name that could not be resolved.
#[derive(Debug, Clone)]
pub(super) struct DnsFailure {
    /// The errno of a local shortage, where the system gave one.
    pub(super) os_error: Option<i32>,
    message: Arc<str>,
}

impl DnsFailure {
    fn new(host: &str, reason: &str, os_error: Option<i32>) -> Self {
        Self { os_error, message: format!("{host}: {reason}").into() }
    }
}

impl fmt::Display for DnsFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for DnsFailure {}

type Answer = Result<Arc<[IpAddr]>, DnsFailure>;

/// What is known of one name. The lock is held during a lookup, so that others wait for its answer.
type Slot = Arc<tokio::sync::Mutex<Option<Known>>>;

#[derive(Debug, Clone)]
struct Known {
    answer: Answer,
    until: Instant,
}

/// A resolver with a cache that all threads share; it is asked only when a connection is opened.
///
/// IP literals, `localhost` and overrides are answered on the spot. Cheap to clone.
#[derive(Debug, Clone)]
pub(super) struct CachingResolver {
    inner: Arc<Inner>,
    reach: Option<Arc<Reach>>,
}

#[derive(Debug)]
struct Inner {
    overrides: BTreeMap<String, Vec<IpAddr>>,
    ttl: Duration,
    slots: Mutex<HashMap<String, Slot>>,
    /// Turns at each answer, so that connections spread over the addresses of a name.
    turn: AtomicUsize,
}

impl CachingResolver {
    /// A resolver that believes an answer for `ttl`. Override names are in lower case.
    pub(super) fn new(overrides: BTreeMap<String, Vec<IpAddr>>, ttl: Duration) -> Self {
        let slots = Mutex::new(HashMap::new());
        let inner = Inner { overrides, ttl, slots, turn: AtomicUsize::new(0) };
        Self { inner: Arc::new(inner), reach: None }
    }

    /// The same, which connects to nothing beyond `reach`.
    pub(super) fn within(self, reach: Option<Reach>) -> Self {
        Self { reach: reach.map(Arc::new), ..self }
    }

    /// The addresses of `host`, never an empty list.
    ///
    /// # Errors
    ///
    /// [`DnsFailure`] when the name does not exist or the resolver cannot be asked.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future leaves the cache as it was; the next one to ask looks up anew.
    pub(super) async fn lookup(&self, host: &str) -> Answer {
        let host = host.trim_end_matches('.').to_ascii_lowercase();
        let answer = match self.at_hand(&host) {
            Some(answer) => answer,
            None => self.cached(&host).await,
        };
        answer.map(|addresses| self.rotate(&addresses))
    }

    /// Keeps the addresses that may be connected to, of an answer that was just given or has been known for long. Nothing
    /// but these is ever handed to a connector, so that no second lookup can lead elsewhere.
    ///
    /// # Errors
    /// [`OutOfReach`] when none is left.
    pub(super) fn admitted(
        &self,
        host: &str,
        addresses: &[IpAddr],
    ) -> Result<Vec<IpAddr>, OutOfReach> {
        let Some(reach) = &self.reach else { return Ok(addresses.to_vec()) };
        let mut refused = None;
        let mut admitted = addresses.to_vec();
        admitted.retain(|address| match reach.admits(host, *address) {
            Ok(()) => true,
            Err(error) => {
                refused = Some(error);
                false
            }
        });
        refused.filter(|_| admitted.is_empty()).map_or(Ok(admitted), Err)
    }

    fn at_hand(&self, host: &str) -> Option<Answer> {
        if let Some(addresses) = self.inner.overrides.get(host) {
            let none = || DnsFailure::new(host, "overridden with no address", None);
            return Some(
                Some(addresses)
                    .filter(|list| !list.is_empty())
                    .ok_or_else(none)
                    .map(|list| list.as_slice().into()),
            );
        }
        if let Ok(address) = host.trim_matches(['[', ']']).parse::<IpAddr>() {
            return Some(Ok([address].into()));
        }
        // RFC 6761 6.3: `localhost` and names below it are the loopback address, without asking.
        (host == "localhost" || host.ends_with(".localhost")).then(|| Ok(loopback()))
    }

    async fn cached(&self, host: &str) -> Answer {
        let slot = self.slot(host);
        let mut known = slot.lock().await;
        if let Some(known) = known.as_ref().filter(|known| known.until > Instant::now()) {
            return known.answer.clone();
        }
        let answer = ask_system(host).await;
        let ttl = if answer.is_ok() { self.inner.ttl } else { NEGATIVE_TTL.min(self.inner.ttl) };
        *known = Some(Known { answer: answer.clone(), until: Instant::now() + ttl });
        answer
    }

    fn slot(&self, host: &str) -> Slot {
        let mut slots = self.inner.slots.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(slot) = slots.get(host) {
            return Arc::clone(slot);
        }
        if slots.len() >= MAX_NAMES {
            slots.clear();
        }
        Arc::clone(slots.entry(host.to_owned()).or_default())
    }

    /// Turns the leading addresses of one family, keeping the family's precedence (RFC 6724 order
    /// of the system).
    fn rotate(&self, addresses: &[IpAddr]) -> Arc<[IpAddr]> {
        let mut turned = addresses.to_vec();
        let first_is_v4 = turned.first().is_some_and(IpAddr::is_ipv4);
        let leading = turned.iter().take_while(|address| address.is_ipv4() == first_is_v4).count();
        if leading > 1 {
            let turn = self.inner.turn.fetch_add(1, Ordering::Relaxed);
            turned[..leading].rotate_left(turn % leading);
        }
        turned.into()
    }
}

impl Resolve for CachingResolver {
    fn resolve(&self, name: Name) -> Resolving {
        let resolver = self.clone();
        Box::pin(async move {
            connect_watch::leave(Mark::DnsStarted);
            let answer = resolver.lookup(name.as_str()).await;
            connect_watch::leave(Mark::DnsEnded);
            let addresses = resolver.admitted(name.as_str(), &answer?)?;
            // Port 0 stands for the port of the URL.
            Ok(Box::new(addresses.into_iter().map(|ip| SocketAddr::new(ip, 0))) as Addrs)
        })
    }
}

async fn ask_system(host: &str) -> Answer {
    let failed =
        |error: &io::Error| DnsFailure::new(host, &error.to_string(), error.raw_os_error());
    let found = tokio::net::lookup_host((host, 0)).await.map_err(|error| failed(&error))?;
    let addresses: Arc<[IpAddr]> = found.map(|address| address.ip()).collect();
    if addresses.is_empty() {
        return Err(DnsFailure::new(host, "no address", None));
    }
    Ok(addresses)
}

/// The loopback addresses. `::1` only where this machine has it: elsewhere the attempt would look
/// like a lack of ports.
fn loopback() -> Arc<[IpAddr]> {
    static HAS_V6: OnceLock<bool> = OnceLock::new();
    let v4 = IpAddr::V4(Ipv4Addr::LOCALHOST);
    let v6 = Ipv6Addr::LOCALHOST;
    if *HAS_V6.get_or_init(|| UdpSocket::bind((v6, 0)).is_ok()) {
        [v4, IpAddr::V6(v6)].into()
    } else {
        [v4].into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resolver() -> CachingResolver {
        let addresses = ["10.0.0.1", "10.0.0.2", "::1"].map(|text| text.parse().unwrap());
        let overrides =
            [("api.test".to_owned(), addresses.to_vec()), ("gone.test".to_owned(), Vec::new())];
        CachingResolver::new(overrides.into(), Duration::from_secs(60))
    }

    #[tokio::test]
    async fn literals_and_localhost_never_leave_the_thread() {
        let resolver = resolver();
        assert_eq!(resolver.lookup("127.0.0.9").await.unwrap()[0].to_string(), "127.0.0.9");
        assert_eq!(resolver.lookup("[::1]").await.unwrap()[0].to_string(), "::1");
        for name in ["localhost", "LOCALHOST.", "a.localhost"] {
            assert_eq!(resolver.lookup(name).await.unwrap()[0].to_string(), "127.0.0.1");
        }
        assert!(resolver.inner.slots.lock().unwrap().is_empty());
    }

    #[tokio::test]
    async fn overrides_take_turns_within_the_leading_family() {
        let resolver = resolver();
        let first = resolver.lookup("API.test").await.unwrap();
        let second = resolver.lookup("api.test").await.unwrap();
        assert_eq!(first[0], second[1]);
        assert_eq!(first[1], second[0]);
        assert_eq!(second[2].to_string(), "::1");
        assert!(resolver.lookup("gone.test").await.is_err());
    }

    #[tokio::test]
    async fn one_lookup_serves_all_who_wait_and_a_failure_is_remembered() {
        let resolver = resolver();
        let (one, two) =
            tokio::join!(resolver.lookup("nope.invalid"), resolver.lookup("nope.invalid"));
        let (one, two) = (one.unwrap_err(), two.unwrap_err());
        assert!(Arc::ptr_eq(&one.message, &two.message), "the second waited for the first");
        let third = resolver.lookup("nope.invalid").await.unwrap_err();
        assert!(Arc::ptr_eq(&one.message, &third.message));
    }

    #[tokio::test(start_paused = true)]
    async fn a_failure_is_forgotten_after_a_second() {
        let resolver = resolver();
        let one = resolver.lookup("nope.invalid").await.unwrap_err();
        tokio::time::advance(NEGATIVE_TTL).await;
        let two = resolver.lookup("nope.invalid").await.unwrap_err();
        assert!(!Arc::ptr_eq(&one.message, &two.message));
    }

    #[tokio::test]
    async fn the_number_of_names_is_bounded() {
        let resolver = resolver();
        for index in 0..MAX_NAMES * 2 {
            resolver.slot(&format!("host{index}"));
        }
        assert!(resolver.inner.slots.lock().unwrap().len() <= MAX_NAMES);
    }
}
