//! How sure a quantile of correlated seconds is: the circular block bootstrap over slices (METHODS.md 6.2).
//!
//! Requests of one second share that second's fate, and seconds their neighbours', so single requests are no unit of
//! replication. Blocks of neighbouring slices are drawn with replacement, the ends joined to a ring, and each draw's
//! quantile is read from the sum of its histograms, interpolated inside the bucket.

use rand::RngExt;
use rand_pcg::Pcg64Mcg;

use super::trend::lag_one_autocorrelation;
use crate::metric::{Buckets, Quantile};

/// The shortest block: one slice more or less must not decide.
const SHORTEST_BLOCK: usize = 3;

/// Distributions of slices over the union of their cells.
#[derive(Debug)]
pub struct SliceMatrix {
    /// The smallest value of each cell that any slice has, and of the one after it, in nanoseconds.
    cells: Vec<(u64, u64)>,
    /// For each slice the places of its cells and their counts.
    rows: Vec<Vec<(u32, u32)>>,
}

impl SliceMatrix {
    /// The distributions of some slices, in the order of time.
    #[must_use]
    pub fn of<'b>(slices: impl Iterator<Item = &'b Buckets> + Clone) -> Self {
        let mut cells: Vec<(u64, u64)> =
            slices.clone().flat_map(|slice| slice.cells().map(|c| (c.low_ns, c.high_ns))).collect();
        cells.sort_unstable();
        cells.dedup();
        let place = |low| cells.partition_point(|(cell, _)| *cell < low) as u32;
        let count = |count: u64| u32::try_from(count).unwrap_or(u32::MAX);
        let rows = slices
            .map(|slice| slice.cells().map(|c| (place(c.low_ns), count(c.count))).collect())
            .collect();
        Self { cells, rows }
    }

    /// Number of slices.
    #[must_use]
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// Whether there is no slice.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// Natural logarithms of the quantiles `qs`, in seconds, of `draws` resamples with blocks of `block` slices; a draw without
    /// values is left out.
    pub fn resample(
        &self,
        qs: &[Quantile],
        block: usize,
        draws: usize,
        random: &mut Pcg64Mcg,
    ) -> Vec<Vec<f64>> {
        let mut sums = vec![0_u64; self.cells.len()];
        (0..draws)
            .filter_map(|_| {
                sums.fill(0);
                self.draw(&mut sums, block, random);
                self.quantiles(&sums, qs)
            })
            .collect()
    }

    /// Natural logarithms of the quantiles of all slices together, in seconds; `None` without values.
    #[must_use]
    pub fn whole(&self, qs: &[Quantile]) -> Option<Vec<f64>> {
        let mut sums = vec![0_u64; self.cells.len()];
        (0..self.rows.len()).for_each(|row| self.add(&mut sums, row));
        self.quantiles(&sums, qs)
    }

    fn draw(&self, sums: &mut [u64], block: usize, random: &mut Pcg64Mcg) {
        let n = self.rows.len();
        let mut drawn = 0;
        while drawn < n {
            let start = random.random_range(0..n);
            for step in 0..block.clamp(1, n).min(n - drawn) {
                self.add(sums, (start + step) % n);
                drawn += 1;
            }
        }
    }

    fn add(&self, sums: &mut [u64], row: usize) {
        for (cell, count) in &self.rows[row] {
            sums[*cell as usize] += u64::from(*count);
        }
    }

    fn quantiles(&self, sums: &[u64], qs: &[Quantile]) -> Option<Vec<f64>> {
        let all = sums.iter().sum::<u64>();
        if all == 0 {
            return None;
        }
        Some(qs.iter().map(|q| self.quantile_s(sums, q.as_ratio() * all as f64).ln()).collect())
    }

    fn quantile_s(&self, sums: &[u64], rank: f64) -> f64 {
        let mut below = 0.0;
        for ((low, high), count) in self.cells.iter().zip(sums) {
            let count = *count as f64;
            if count > 0.0 && below + count >= rank {
                let inside = ((rank - below) / count).clamp(0.0, 1.0);
                // Half a nanosecond keeps the logarithm of zero finite.
                return (*low as f64 + (high - low) as f64 * inside).max(0.5) / 1e9;
            }
            below += count;
        }
        self.cells.last().map_or(0.5e-9, |(_, high)| *high as f64 / 1e9)
    }
}

/// The length of blocks for a series, in slices: Politis and White's `b = (2 g² / d · n)^(1/3)` for a first-order
/// autoregression, for which `g / σ² = 2 φ / (1 − φ²)` and d = 4/3 for circular blocks; at least 3 and at most a tenth of the
/// series, but never more than all of it.
#[must_use]
pub fn block_length(series: &[f64]) -> usize {
    let phi = lag_one_autocorrelation(series).clamp(0.0, 0.97);
    let spread = 2.0 * phi / (1.0 - phi * phi);
    let length = (1.5 * spread * spread * series.len() as f64).cbrt();
    (length.round() as usize)
        .clamp(SHORTEST_BLOCK, (series.len() / 10).max(SHORTEST_BLOCK))
        .min(series.len())
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use rand::SeedableRng;

    use super::*;

    #[test]
    fn resamples_of_even_slices_stay_close_and_those_of_uneven_ones_spread() {
        let slice = |ms: u64| {
            let mut buckets = Buckets::default();
            (0..100).for_each(|i| buckets.record(Duration::from_micros(ms * 1000 + i)));
            buckets
        };
        let spread = |slices: &[Buckets]| {
            let matrix = SliceMatrix::of(slices.iter());
            let mut random = Pcg64Mcg::seed_from_u64(1);
            let mut medians: Vec<f64> = matrix
                .resample(&[Quantile::P50], 3, 200, &mut random)
                .into_iter()
                .map(|draw| draw[0])
                .collect();
            assert_eq!(medians.len(), 200);
            medians.sort_by(f64::total_cmp);
            medians[189] - medians[10]
        };
        let even: Vec<Buckets> = (0..30).map(|_| slice(10)).collect();
        let uneven: Vec<Buckets> = (0..30).map(|i| slice(10 + i)).collect();
        assert!(spread(&even) < 0.02, "{}", spread(&even));
        assert!(spread(&uneven) > 0.1, "{}", spread(&uneven));
        let whole = SliceMatrix::of(even.iter()).whole(&[Quantile::P50]).expect("values")[0].exp();
        assert!((whole / 0.01 - 1.0).abs() < 0.02, "{whole}");
        assert!(SliceMatrix::of([].iter()).whole(&[Quantile::P50]).is_none());
    }

    #[test]
    fn blocks_grow_with_correlation_and_stay_within_a_tenth() {
        let noise: Vec<f64> = (0..100).map(|i| f64::from((i * 7919) % 101)).collect();
        let wave: Vec<f64> = (0..100).map(|i| (f64::from(i) / 15.0).sin()).collect();
        assert_eq!(block_length(&noise), 3);
        assert_eq!(block_length(&wave), 10);
        assert_eq!(block_length(&[1.0, 2.0]), 2);
    }
}
