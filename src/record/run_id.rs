//! Names for runs that are unique for ever and sort by time: 26 characters, laid out as a ULID
//! (<https://github.com/ulid/spec>): 48 bits of milliseconds, then 80 random bits.

use crate::clock;

/// Crockford's base 32: no I, L, O or U, so that an id can be read aloud.
const ALPHABET: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";
/// Characters of an id.
pub const RUN_ID_LENGTH: usize = 26;

/// A new id for a run that begins now.
#[must_use]
pub fn new_run_id() -> String {
    run_id_from(clock::wall_now_ms(), rand::random::<u128>())
}

/// The id of a wall time in milliseconds since 1970 and 80 bits of `random`.
fn run_id_from(wall_ms: i64, random: u128) -> String {
    let stamp = u128::from(wall_ms.max(0).unsigned_abs() & 0xFFFF_FFFF_FFFF);
    let bits = (stamp << 80) | (random & ((1 << 80) - 1));
    (0..RUN_ID_LENGTH)
        .rev()
        .map(|place| char::from(ALPHABET[(bits >> (5 * place)) as usize & 31]))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_follow_the_published_layout() {
        // The specification's example: time part 01ARZ3NDEK is 1469922850259 ms.
        assert_eq!(run_id_from(1_469_922_850_259, 0), "01ARZ3NDEK0000000000000000");
        assert_eq!(run_id_from(i64::MAX, u128::MAX), "7ZZZZZZZZZZZZZZZZZZZZZZZZZ");
    }

    #[test]
    fn ids_sort_by_time_and_never_repeat() {
        assert!(run_id_from(1, u128::MAX) < run_id_from(2, 0));
        let (a, b) = (new_run_id(), new_run_id());
        assert_eq!((a.len(), b.len()), (RUN_ID_LENGTH, RUN_ID_LENGTH));
        assert_ne!(a, b);
    }
}
