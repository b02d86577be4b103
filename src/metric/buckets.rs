//! A small distribution for one second: sparse log-linear buckets with two significant digits.
//!
//! A run keeps one for every second of its life, so that methods can weigh seconds against each other (METHODS.md
//! section 0). A second of steady traffic takes a few hundred cells of six bytes, against some fifteen thousand bytes of a
//! full table.

use std::time::Duration;

use super::histogram::{Histogram, Quantile};

/// Cells to a doubling of the value: the widest cell is 1/128 of its value, 0.78 %.
const CELLS_PER_OCTAVE: u64 = 128;

/// How often durations of about each size were seen.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Buckets {
    /// Cell and count, in the order of the cells, none of them zero.
    cells: Vec<(u16, u32)>,
    count: u64,
}

/// One cell that is not empty.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cell {
    /// The smallest value of the cell in nanoseconds.
    pub low_ns: u64,
    /// The smallest value of the next cell in nanoseconds.
    pub high_ns: u64,
    /// Values seen in it.
    pub count: u64,
}

impl Buckets {
    /// Adds one value.
    pub fn record(&mut self, value: Duration) {
        self.record_n(u64::try_from(value.as_nanos()).unwrap_or(u64::MAX), 1);
    }

    /// Adds all values of a histogram.
    pub fn add(&mut self, histogram: &Histogram) {
        histogram.for_each(|ns, times| self.record_n(ns, times));
    }

    /// Adds all of `other`. Exact: the order and grouping of merges does not matter.
    pub fn merge(&mut self, other: &Self) {
        for (cell, count) in &other.cells {
            self.insert(*cell, u64::from(*count));
        }
        self.count += other.count;
    }

    fn record_n(&mut self, ns: u64, times: u64) {
        self.insert(cell_of(ns), times);
        self.count += times;
    }

    fn insert(&mut self, cell: u16, times: u64) {
        let times = u32::try_from(times).unwrap_or(u32::MAX);
        match self.cells.binary_search_by_key(&cell, |(cell, _)| *cell) {
            Ok(place) => self.cells[place].1 = self.cells[place].1.saturating_add(times),
            Err(place) => self.cells.insert(place, (cell, times)),
        }
    }

    /// Number of values.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.count
    }

    /// The cells that are not empty, smallest values first.
    pub fn cells(&self) -> impl Iterator<Item = Cell> + '_ {
        self.cells.iter().map(|(cell, count)| Cell {
            low_ns: low_of(*cell),
            high_ns: low_of(cell + 1),
            count: u64::from(*count),
        })
    }

    /// The value at quantile `q` in seconds, interpolated inside its cell so that inference meets no ties
    /// (METHODS.md 6.2); `None` when empty.
    #[must_use]
    pub fn quantile_s(&self, q: Quantile) -> Option<f64> {
        let rank = q.as_ratio() * self.count as f64;
        let mut below = 0.0;
        let mut last = None;
        for cell in self.cells() {
            let count = cell.count as f64;
            let width = (cell.high_ns - cell.low_ns) as f64;
            last = Some(cell.low_ns as f64 + width * ((rank - below) / count).clamp(0.0, 1.0));
            below += count;
            if below >= rank {
                break;
            }
        }
        last.map(|ns| ns / 1e9)
    }

    /// Values above `limit`, to the precision of the cells.
    #[must_use]
    pub fn count_above(&self, limit: Duration) -> u64 {
        let limit = cell_of(u64::try_from(limit.as_nanos()).unwrap_or(u64::MAX));
        let first = self.cells.partition_point(|(cell, _)| *cell <= limit);
        self.cells[first..].iter().map(|(_, count)| u64::from(*count)).sum()
    }

    /// The arithmetic mean in seconds, from the middles of the cells; `None` when empty.
    #[must_use]
    pub fn mean_s(&self) -> Option<f64> {
        let sum: f64 = self
            .cells()
            .map(|cell| (cell.low_ns + cell.high_ns) as f64 / 2.0 * cell.count as f64)
            .sum();
        (self.count > 0).then(|| sum / self.count as f64 / 1e9)
    }
}

/// Values below two octaves of cells have a cell each; above, the cell widens with every doubling.
fn cell_of(ns: u64) -> u16 {
    let shift = (u64::from(u64::BITS - 1 - ns.max(1).leading_zeros()))
        .saturating_sub(CELLS_PER_OCTAVE.ilog2().into());
    u16::try_from(shift * CELLS_PER_OCTAVE + (ns >> shift)).expect("at most 57 octaves of cells")
}

/// The smallest value of a cell.
fn low_of(cell: u16) -> u64 {
    let cell = u64::from(cell);
    let shift = (cell / CELLS_PER_OCTAVE).saturating_sub(1);
    (cell - shift * CELLS_PER_OCTAVE).checked_shl(shift as u32).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_value_lies_in_its_cell_and_cells_are_at_most_a_hundredth_wide() {
        let mut value = 1_u64;
        while value < 1 << 60 {
            for ns in [value - 1, value, value + value / 3] {
                let cell = cell_of(ns);
                let (low, high) = (low_of(cell), low_of(cell + 1));
                assert!(low <= ns && ns < high, "{ns} in {low}..{high}");
                assert!(high - low == 1 || (high - low) * 100 <= low, "{low}..{high}");
            }
            value *= 2;
        }
    }

    #[test]
    fn quantiles_and_the_mean_agree_with_the_values() {
        let mut all = Buckets::default();
        for ms in 1..=1000 {
            all.record(Duration::from_millis(ms));
        }
        for (q, truth) in [(Quantile::P50, 0.5), (Quantile::P95, 0.95), (Quantile::P99, 0.99)] {
            let got = all.quantile_s(q).expect("not empty");
            assert!((got / truth - 1.0).abs() < 0.01, "{got} for {truth}");
        }
        assert!((all.mean_s().expect("not empty") / 0.5005 - 1.0).abs() < 0.01);
        assert_eq!(all.count_above(Duration::from_secs(2)), 0);
        assert_eq!(all.count_above(Duration::ZERO), 1000);
        assert_eq!(Buckets::default().quantile_s(Quantile::P50), None);
    }

    #[test]
    fn merging_equals_recording_everything_in_one() {
        let (mut one, mut two, mut all) =
            (Buckets::default(), Buckets::default(), Buckets::default());
        for us in 1..=500 {
            let value = Duration::from_micros(us * us);
            if us % 3 == 0 {
                one.record(value)
            } else {
                two.record(value)
            }
            all.record(value);
        }
        one.merge(&two);
        assert_eq!(one, all);
    }
}
