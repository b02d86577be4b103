//! Axes: which values they span, where their figures stand, and how these are written.

use crate::report::show;
use crate::units::show_count;

/// Values of a logarithmic axis span at least this ratio.
const LEAST_RATIO: f64 = 2.0;

/// What the values of an axis are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ChartUnit {
    /// A plain number, such as users.
    Count,
    /// Something per second.
    PerSecond,
    /// Seconds, written as `20ms` or `1.5s`.
    Seconds,
    /// A share in 0..=1, written in percent.
    Share,
}

/// One axis.
#[derive(Debug, Clone, PartialEq)]
pub struct Axis {
    /// What it shows, such as `offered load`; may be empty.
    pub label: String,
    /// What its values are.
    pub unit: ChartUnit,
    /// Whether it is logarithmic; values that are not positive are then left out.
    pub is_log: bool,
}

impl ChartUnit {
    /// A value for people.
    pub(super) fn show(self, value: f64) -> String {
        match self {
            Self::Count => number(value),
            Self::PerSecond => format!("{}/s", number(value)),
            Self::Seconds if value == 0.0 => "0s".to_owned(),
            Self::Seconds => seconds(value),
            Self::Share => format!("{} %", number(value * 100.0)),
        }
    }
}

/// In three figures, with thousands set apart and without needless zeros.
fn number(value: f64) -> String {
    if value.abs() >= 1000.0 && value < u64::MAX as f64 {
        return show_count(value.round().max(0.0) as u64);
    }
    if value != 0.0 && value.abs() < 0.001 {
        return format!("{value:.0e}");
    }
    let digits = match value.abs() {
        size if size >= 99.5 => 1.0,
        size if size >= 9.95 => 10.0,
        size if size >= 0.995 => 100.0,
        _ => 1000.0,
    };
    show::number(Some((value * digits).round() / digits))
}

/// `1ms`, `1.5s`: a time without the zeros that a table would keep.
fn seconds(value: f64) -> String {
    let scales = [(1.0, "s"), (1e-3, "ms"), (1e-6, "µs")];
    // A hair below 1 ms is 1 ms: ticks are computed.
    let fits = |(scale, _): &&(f64, &str)| value.abs() >= 0.999_999 * scale;
    let (scale, unit) = scales.iter().find(fits).unwrap_or(&(1e-9, "ns"));
    format!("{}{unit}", number(value / scale))
}

impl Axis {
    /// Whether a value has a place on the axis.
    pub(super) fn can_show(&self, value: f64) -> bool {
        value.is_finite() && (!self.is_log || value > 0.0)
    }
}

/// An axis over the values that it has to show.
#[derive(Debug)]
pub(super) struct Scale {
    unit: ChartUnit,
    is_log: bool,
    low: f64,
    high: f64,
    ticks: Vec<f64>,
}

impl Scale {
    /// An axis over some values with about `ticks` figures; a linear one begins at zero when no value is negative. `None`
    /// without values.
    pub(super) fn over(
        axis: &Axis,
        values: impl Iterator<Item = f64>,
        ticks: usize,
    ) -> Option<Self> {
        let ends = |ends: (f64, f64), value: f64| (ends.0.min(value), ends.1.max(value));
        let (low, high) = values.fold((f64::INFINITY, f64::NEG_INFINITY), ends);
        if low > high {
            return None;
        }
        let (low, high, ticks) =
            if axis.is_log { log_ticks(low, high, ticks) } else { linear_ticks(low, high, ticks) };
        Some(Self { unit: axis.unit, is_log: axis.is_log, low, high, ticks })
    }

    /// Where the figures stand, the smallest first.
    pub(super) fn ticks(&self) -> &[f64] {
        &self.ticks
    }

    /// A value for people.
    pub(super) fn show(&self, value: f64) -> String {
        self.unit.show(value)
    }

    /// Where a value is between the ends of the axis, 0..=1; `None` outside.
    pub(super) fn share(&self, value: f64) -> Option<f64> {
        let share = if self.is_log {
            (value / self.low).ln() / (self.high / self.low).ln()
        } else {
            (value - self.low) / (self.high - self.low)
        };
        // Computed ticks may lie a hair outside; what is no number is outside.
        (-1e-9..=1.0 + 1e-9).contains(&share).then(|| share.clamp(0.0, 1.0))
    }
}

/// The ends and the figures of a linear axis: multiples of 1, 2 or 5 times a power of ten.
fn linear_ticks(low: f64, high: f64, count: usize) -> (f64, f64, Vec<f64>) {
    let low = low.min(0.0);
    let high = if high > low { high } else { low + 1.0 };
    let rough = (high - low) / count as f64;
    let power = 10_f64.powf(rough.log10().floor());
    let fits = |step: &f64| *step >= rough * (1.0 - 1e-9);
    let step = [1.0, 2.0, 5.0].map(|m| m * power).into_iter().find(fits).unwrap_or(10.0 * power);
    let (first, last) = ((low / step).floor(), (high / step - 1e-9).ceil());
    let places = (0..=(last - first) as u32).map(|i| (first + f64::from(i)) * step);
    (first * step, last * step, places.collect())
}

/// The ends and the figures of a logarithmic axis: powers of ten, with their double and fivefold where there are few.
fn log_ticks(low: f64, high: f64, count: usize) -> (f64, f64, Vec<f64>) {
    let high = high.max(LEAST_RATIO * low);
    let decades = (low.log10().floor() as i32)..=(high.log10().ceil() as i32);
    let within = |multiples: &[f64]| -> Vec<f64> {
        let all = decades.clone().flat_map(|decade| {
            multiples.iter().map(move |multiple| multiple * 10_f64.powi(decade))
        });
        let all: Vec<f64> = all.collect();
        // From the last one that is not above the smallest value to the first that is not below the largest.
        let first = all.iter().rposition(|tick| *tick <= low * (1.0 + 1e-9)).unwrap_or(0);
        let last = all.iter().position(|tick| *tick >= high * (1.0 - 1e-9));
        all[first..=last.unwrap_or(all.len() - 1)].to_vec()
    };
    let fine = within(&[1.0, 2.0, 5.0]);
    let (low, high) = (fine[0], fine[fine.len() - 1]);
    let inside = |tick: &f64| (low * (1.0 - 1e-9)..=high * (1.0 + 1e-9)).contains(tick);
    let sparse = |step: usize| -> Vec<f64> {
        let tens = within(&[1.0]).into_iter().filter(inside);
        tens.step_by(step).collect()
    };
    let tens = sparse(1);
    let ticks = if fine.len() <= count + 2 || tens.len() < 2 {
        fine
    } else {
        sparse(tens.len().div_ceil(count.max(2)))
    };
    (low, high, ticks)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_stand_at_round_values_from_zero_to_beyond_the_largest() {
        assert_eq!(
            linear_ticks(3.0, 47.0, 5),
            (0.0, 50.0, vec![0.0, 10.0, 20.0, 30.0, 40.0, 50.0])
        );
        assert_eq!(linear_ticks(0.0, 480.0, 4).2, [0.0, 200.0, 400.0, 600.0]);
        assert_eq!(linear_ticks(-2.0, 2.0, 4).2, [-2.0, -1.0, 0.0, 1.0, 2.0]);
        assert_eq!(linear_ticks(0.0, 0.0, 4).1, 1.0);
    }

    #[test]
    fn a_logarithmic_axis_has_powers_of_ten_and_their_doubles_where_there_is_room() {
        let shown = |low, high, count| -> Vec<String> {
            log_ticks(low, high, count).2.iter().map(|t| ChartUnit::Seconds.show(*t)).collect()
        };
        assert_eq!(shown(0.012, 0.09, 4), ["10ms", "20ms", "50ms", "100ms"]);
        assert_eq!(shown(0.012, 9.0, 4), ["10ms", "100ms", "1s", "10s"]);
        assert_eq!(
            shown(1e-6, 900.0, 4),
            ["1µs", "1ms", "1s", "1000s"].map(|t| t.replace("1000", "1,000"))
        );
        assert_eq!(shown(0.003, 0.003, 4), ["2ms", "5ms", "10ms"]);
    }

    #[test]
    fn values_are_written_with_their_units() {
        let shown = [
            ChartUnit::PerSecond.show(1500.0),
            ChartUnit::Count.show(0.25),
            ChartUnit::Seconds.show(0.0015),
            ChartUnit::Share.show(0.125),
        ];
        assert_eq!(shown, ["1,500/s", "0.25", "1.5ms", "12.5 %"]);
    }
}
