//! One worker's part of a whole.

/// One worker of several: it takes every item whose index is `index` modulo `count`, as k6's striped segments do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shard {
    /// The worker, 0-based, below `count`.
    pub index: u64,
    /// Workers, at least 1.
    pub count: u64,
}

impl Shard {
    /// The only worker.
    pub const WHOLE: Self = Self { index: 0, count: 1 };

    /// How many of `total` items are this worker's. The shares of all workers sum to `total`.
    #[must_use]
    pub fn share(self, total: u64) -> u64 {
        total.saturating_sub(self.index).div_ceil(self.count)
    }

    /// The index in the whole of this worker's item `local`; saturates.
    #[must_use]
    pub fn global_index(self, local: u64) -> u64 {
        local.saturating_mul(self.count).saturating_add(self.index)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn shares_sum_to_the_whole(total in 0..10_000_u64, count in 1..70_u64) {
            let shares = (0..count).map(|index| Shard { index, count }.share(total));
            prop_assert_eq!(shares.sum::<u64>(), total);
        }

        #[test]
        fn a_share_counts_the_indices_below_the_total(total in 0..2000_u64, index in 0..7_u64) {
            let shard = Shard { index, count: 7 };
            let counted = (0..).take_while(|local| shard.global_index(*local) < total).count();
            prop_assert_eq!(shard.share(total), counted as u64);
        }
    }
}
