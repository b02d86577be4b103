//! Response heads that were read before.
//!
//! A target answers the same request with the same head again and again, but for a date that changes once a second. To see that
//! it is the same, byte for byte, costs a tenth of reading it anew; and those who get it share one copy.

use std::cell::RefCell;
use std::hint::cold_path;
use std::rc::Rc;

use super::super::exchange::Failure;
use super::head::ResponseHead;

/// Heads that a thread remembers. Two that share a place take turns, which costs time and nothing else.
const REMEMBERED: usize = 64;

/// The longest head that is remembered, in bytes.
const MAX_REMEMBERED: usize = 4 * 1024;

thread_local! {
    static HEADS: RefCell<Vec<Option<Known>>> = const { RefCell::new(Vec::new()) };
}

/// A head, and the bytes that it came as.
#[derive(Clone)]
pub(super) struct Known {
    pub(super) head: ResponseHead,
    pub(super) block: Rc<[u8]>,
}

/// The head that `bytes` begin with; `None` when it is not whole yet.
///
/// # Errors
///
/// Those of [`ResponseHead::parse`].
pub(super) fn read(bytes: &[u8]) -> Result<Option<Known>, Failure> {
    HEADS.with_borrow_mut(|heads| {
        heads.resize_with(REMEMBERED, || None);
        // What a step is answered with is mostly of one length, and arrives at once.
        let place = &mut heads[bytes.len() % REMEMBERED];
        if let Some(known) = place.as_ref().filter(|known| bytes.starts_with(&known.block)) {
            return Ok(Some(known.clone()));
        }
        cold_path();
        let Some(head) = ResponseHead::parse(bytes)? else { return Ok(None) };
        let known = Known { head, block: Rc::from(&bytes[..head.len]) };
        if head.len <= MAX_REMEMBERED {
            *place = Some(known.clone());
        }
        Ok(Some(known))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_head_that_is_remembered_is_the_one_that_would_be_read() {
        let long = format!("HTTP/1.1 200 OK\r\nx: {}\r\n\r\n", "y".repeat(MAX_REMEMBERED));
        let heads = [
            "HTTP/1.1 200 OK\r\ncontent-length: 1\r\n\r\n",
            "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n",
            "HTTP/1.1 204 OK\r\ncontent-length: 1\r\n\r\n",
            "HTTP/1.0 200 OK\r\ncontent-length: 1\r\n\r\n",
            "HTTP/1.1 200 OK\r\ncontent-length: 1\r\nconnection: close\r\n\r\n",
            "HTTP/1.1 103 Early\r\n\r\n",
            &long,
            // Not whole, and no head.
            "HTTP/1.1 200 OK\r\ncontent-length: 1\r\n",
            "HTTP/1.1 200 OK\r\ncontent-length: 1\r\n\r",
            "HTTP/1.1 200 OK\r\ncontent length: 1\r\n\r\n",
            "",
        ];
        // Each one before and after each other one, and with what makes them meet in one place.
        for one in heads {
            for other in heads {
                for after in 0..2 * REMEMBERED {
                    for head in [one, other, one] {
                        let bytes = [head.as_bytes(), &vec![b'z'; after]].concat();
                        let expected = ResponseHead::parse(&bytes).map_err(|error| error.message);
                        let read = read(&bytes).map_err(|error| error.message);
                        let known = read.as_ref().ok().and_then(Option::as_ref);
                        let block = known.map_or(&[][..], |known| &known.block);
                        assert_eq!(block, &bytes[..known.map_or(0, |known| known.head.len)]);
                        let told = read.map(|read| read.map(|known| known.head));
                        assert_eq!(told, expected, "{head:?}");
                    }
                }
            }
        }
        HEADS.with_borrow(|heads| {
            assert_eq!(heads.len(), REMEMBERED);
            let lengths = heads.iter().flatten().map(|known| known.block.len());
            assert!(lengths.max() <= Some(MAX_REMEMBERED));
        });
    }
}
