//! What accumulates under keys of shared strings, found again without hashing their text.
//!
//! The same few steps, checks and tasks are noted again and again, from the same strings in memory. So each table remembers
//! in a small array where it found a key last, by a number made of addresses; the content is compared before it is believed.

use std::collections::HashMap;
use std::hash::Hash;
use std::hint::cold_path;

/// Places remembered. A script has some dozens of steps and checks; two that share a place are found by their content.
const REMEMBERED: usize = 256;
/// No place.
const NOWHERE: u32 = u32::MAX;

/// A key whose parts are at hand, but not yet put together.
pub(super) trait Sought<K> {
    /// A number that is the same for the same parts. Others may have it too.
    fn mark(&self) -> u64;
    /// Whether `key` is the one.
    fn is(&self, key: &K) -> bool;
    /// Puts the key together.
    fn to_key(&self) -> K;
}

/// Values by key, in the order in which they came.
#[derive(Debug)]
pub(super) struct Cells<K, V> {
    cells: Vec<(K, V)>,
    places: HashMap<K, u32>,
    remembered: Box<[u32; REMEMBERED]>,
}

impl<K, V> Default for Cells<K, V> {
    fn default() -> Self {
        Self {
            cells: Vec::new(),
            places: HashMap::new(),
            remembered: Box::new([NOWHERE; REMEMBERED]),
        }
    }
}

impl<K: Clone + Eq + Hash, V> Cells<K, V> {
    /// The value of a key, made by `make` if there is none yet. `None` when there are `bound` keys and this is another one.
    pub(super) fn of(
        &mut self,
        sought: &impl Sought<K>,
        bound: usize,
        make: impl FnOnce() -> V,
    ) -> Option<&mut V> {
        let slot = sought.mark() as usize % REMEMBERED;
        let place = self.remembered[slot] as usize;
        if !self.cells.get(place).is_some_and(|(key, _)| sought.is(key)) {
            cold_path();
            let key = sought.to_key();
            let known = self.places.get(&key).copied();
            self.remembered[slot] = match known {
                Some(place) => place,
                None if self.cells.len() >= bound => return None,
                None => self.add(key, make()),
            };
        }
        let place = self.remembered[slot] as usize;
        self.cells.get_mut(place).map(|(_, value)| value)
    }

    fn add(&mut self, key: K, value: V) -> u32 {
        let place = u32::try_from(self.cells.len()).expect("bounds are far below 2^32");
        self.places.insert(key.clone(), place);
        self.cells.push((key, value));
        place
    }

    /// All keys with their values.
    pub(super) fn into_vec(self) -> Vec<(K, V)> {
        self.cells
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::metric::mark::is_same;

    /// A text that is found by nothing but a mark that all share.
    struct Text(Arc<str>);

    impl Sought<Arc<str>> for Text {
        fn mark(&self) -> u64 {
            7
        }

        fn is(&self, key: &Arc<str>) -> bool {
            is_same(&self.0, key)
        }

        fn to_key(&self) -> Arc<str> {
            self.0.clone()
        }
    }

    fn text(text: &str) -> Text {
        Text(text.into())
    }

    #[test]
    fn keys_that_share_a_place_are_kept_apart() {
        let mut cells = Cells::default();
        for word in ["a", "b", "a", "c", "b", "a"] {
            *cells.of(&text(word), 10, || 0).expect("there is room") += 1;
        }
        let counts: Vec<(Arc<str>, i32)> = cells.into_vec();
        assert_eq!(counts, [("a".into(), 3), ("b".into(), 2), ("c".into(), 1)]);
    }

    #[test]
    fn beyond_the_bound_only_known_keys_are_found() {
        let mut cells = Cells::default();
        assert!(cells.of(&text("a"), 1, || 1).is_some());
        assert_eq!(cells.of(&text("b"), 1, || 1), None);
        assert_eq!(cells.of(&text("a"), 1, || 5), Some(&mut 1));
    }
}
