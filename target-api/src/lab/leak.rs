//! Memory that is taken and not given back.

/// The most that is kept, in bytes: 1 GiB.
pub(super) const LEAK_MAX: u64 = 1 << 30;

/// What is asked of the allocator at once, so that its own books do not change the slope.
const BLOCK: usize = 256 * 1024;

/// Memory that is kept until the lab is restarted.
#[derive(Debug, Default)]
pub(super) struct Leak {
    blocks: Vec<Vec<u8>>,
    bytes: u64,
}

impl Leak {
    /// Bytes that are kept.
    pub(super) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Keeps that many bytes more, as far as the limit allows.
    pub(super) fn grow(&mut self, bytes: u64) {
        let mut left = bytes.min(LEAK_MAX - self.bytes);
        self.bytes += left;
        while left > 0 {
            let block = match self.blocks.last_mut() {
                Some(block) if block.len() < BLOCK => block,
                _ => {
                    self.blocks.push(Vec::with_capacity(BLOCK));
                    continue;
                }
            };
            let part = (BLOCK - block.len()).min(usize::try_from(left).unwrap_or(BLOCK));
            // Written to, as a page that was never touched takes no memory.
            block.resize(block.len() + part, 1);
            left -= part as u64;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_is_what_was_asked_for() {
        let mut leak = Leak::default();
        for bytes in [1, 1_000_000, 0, 7] {
            leak.grow(bytes);
        }
        assert_eq!(leak.bytes(), 1_000_008);
        assert_eq!(leak.blocks.iter().map(Vec::len).sum::<usize>(), 1_000_008);
        assert!(leak.blocks.iter().all(|block| block.capacity() == BLOCK));
    }

    #[test]
    fn it_ends_at_its_limit() {
        let mut leak = Leak { blocks: Vec::new(), bytes: LEAK_MAX - 5 };
        leak.grow(u64::MAX);
        assert_eq!(leak.bytes(), LEAK_MAX);
        assert_eq!(leak.blocks[0].len(), 5);
    }
}
