//! Marks: numbers to find something by, cheaper than a hash of what it says. Whoever finds by a mark compares before believing.

use std::sync::Arc;

/// Mixes a number into a mark (the golden ratio in 64 bits, as in Fibonacci hashing; Knuth, TAOCP 3, 6.4).
#[must_use]
pub fn mixed(mark: u64, with: u64) -> u64 {
    let product = (mark ^ with).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    product ^ (product >> 32)
}

/// Mixes a text into a mark, eight bytes at a time.
#[must_use]
pub fn mixed_text(mark: u64, text: &str) -> u64 {
    text.as_bytes().chunks(8).fold(mark, |mark, chunk| {
        let mut word = [0; 8];
        word[..chunk.len()].copy_from_slice(chunk);
        mixed(mark, u64::from_le_bytes(word))
    })
}

/// The mark of a shared value: its address.
#[must_use]
pub fn address<T: ?Sized>(shared: &Arc<T>) -> u64 {
    Arc::as_ptr(shared).cast::<u8>().addr() as u64
}

/// Whether two shared texts or lists are the same one, or say the same. `==` alone looks at the content of what has no fixed size.
#[must_use]
pub fn is_same<T: ?Sized + PartialEq>(one: &Arc<T>, other: &Arc<T>) -> bool {
    Arc::ptr_eq(one, other) || one == other
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_says_the_same_is_the_same_wherever_it_is() {
        let (one, other): (Arc<str>, Arc<str>) = ("a".into(), "a".into());
        assert!(is_same(&one, &one) && is_same(&one, &other));
        assert!(!is_same(&one, &"b".into()));
        assert_ne!(address(&one), address(&other));
    }

    #[test]
    fn each_byte_of_a_text_changes_its_mark() {
        let text = "GET /api/teams/17";
        for at in 0..text.len() {
            let mut bytes = text.as_bytes().to_vec();
            bytes[at] ^= 1;
            let changed = String::from_utf8(bytes).expect("ASCII");
            assert_ne!(mixed_text(0, text), mixed_text(0, &changed), "{changed}");
        }
    }
}
