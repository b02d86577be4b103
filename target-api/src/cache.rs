//! A small cache with a time to live, which never brings back what a write has replaced.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use crate::clock;

/// Values by id, at most `capacity` of them, each for at most `ttl`.
///
/// A reader that finds nothing gets a [`Ticket`], reads the database and hands both in. If anything
/// was invalidated in between, what was read may be stale and is not kept.
#[derive(Debug)]
pub(crate) struct Cache<V> {
    state: Mutex<State<V>>,
    ttl: Duration,
    capacity: usize,
    hits: AtomicU64,
    misses: AtomicU64,
}

#[derive(Debug)]
struct State<V> {
    /// Counts invalidations.
    generation: u64,
    values: HashMap<i64, (V, Instant)>,
}

/// The right to fill in what was missing, as of the moment it was.
#[derive(Debug)]
pub(crate) struct Ticket {
    id: i64,
    generation: u64,
}

impl<V: Clone> Cache<V> {
    pub(crate) fn new(capacity: usize, ttl: Duration) -> Self {
        Self {
            state: Mutex::new(State { generation: 0, values: HashMap::new() }),
            ttl,
            capacity,
            hits: AtomicU64::new(0),
            misses: AtomicU64::new(0),
        }
    }

    /// The value, or the right to fill it in.
    pub(crate) fn get(&self, id: i64) -> Result<V, Ticket> {
        let state = self.lock();
        if let Some((value, expires_at)) = state.values.get(&id)
            && clock::now() < *expires_at
        {
            self.hits.fetch_add(1, Ordering::Relaxed);
            return Ok(value.clone());
        }
        self.misses.fetch_add(1, Ordering::Relaxed);
        Err(Ticket { id, generation: state.generation })
    }

    /// Keeps `value`, unless something was invalidated since the ticket or there is no room.
    pub(crate) fn fill(&self, ticket: &Ticket, value: V) {
        let now = clock::now();
        let mut state = self.lock();
        if state.values.len() >= self.capacity {
            state.values.retain(|_, (_, expires_at)| now < *expires_at);
        }
        if state.generation == ticket.generation && state.values.len() < self.capacity {
            state.values.insert(ticket.id, (value, now + self.ttl));
        }
    }

    /// Forgets a value. To be called after the change is committed and before it is answered.
    pub(crate) fn invalidate(&self, id: i64) {
        let mut state = self.lock();
        state.generation += 1;
        state.values.remove(&id);
    }

    /// How often a value was found, and how often not.
    pub(crate) fn hits_and_misses(&self) -> (u64, u64) {
        (self.hits.load(Ordering::Relaxed), self.misses.load(Ordering::Relaxed))
    }

    fn lock(&self) -> MutexGuard<'_, State<V>> {
        // A panic under the lock can lose an entry but not leave a wrong one.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TTL: Duration = Duration::from_secs(30);

    #[tokio::test(start_paused = true)]
    async fn a_value_is_kept_for_its_time_to_live() {
        let cache = Cache::new(10, TTL);
        cache.fill(&cache.get(1).unwrap_err(), "one");
        assert_eq!(cache.get(1).unwrap(), "one");
        tokio::time::advance(TTL).await;
        assert!(cache.get(1).is_err());
        assert_eq!(cache.hits_and_misses(), (1, 2));
    }

    #[test]
    fn what_was_read_before_a_write_is_not_kept_after_it() {
        let cache = Cache::new(10, TTL);
        let ticket = cache.get(1).unwrap_err();
        cache.invalidate(1);
        cache.fill(&ticket, "stale");
        assert!(cache.get(1).is_err());
    }

    #[test]
    fn the_cache_does_not_outgrow_its_capacity() {
        let cache = Cache::new(2, TTL);
        for id in 0..5 {
            cache.fill(&cache.get(id).unwrap_err(), id);
        }
        assert!(cache.get(0).is_ok() && cache.get(1).is_ok());
        assert!(cache.get(4).is_err());
    }
}
