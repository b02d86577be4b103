//! Where a drawn curve seems to bend: Kneedle (Satopää, Albrecht, Irwin, Raghavan 2011), for a marker in a chart only.
//!
//! The bend of a hyperbola depends on how far it was measured: for 1/(1−ρ) up to b it is `1 − √(1−b)`, 0.68 up to 0.9 and
//! 0.90 up to 0.99. So a result carries the range that was looked at, and is never a capacity.

use serde::{Deserialize, Serialize};

/// How many steps of the mean width a later fall must have to confirm a bend; the S of the paper.
const SENSITIVITY: f64 = 1.0;
/// Differences up to this are the rounding of a straight line.
const ROUNDING: f64 = 1e-9;

/// The course of a curve.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Shape {
    /// Rises ever less, as throughput does with load.
    ConcaveIncreasing,
    /// Falls ever more.
    ConcaveDecreasing,
    /// Rises ever more, as response times do with load.
    ConvexIncreasing,
    /// Falls ever less.
    ConvexDecreasing,
}

/// A bend.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Bend {
    /// Where it is.
    pub x: f64,
    /// The value there.
    pub y: f64,
    /// Which of the points that were given.
    pub place: usize,
    /// The smallest x that was looked at.
    pub from_x: f64,
    /// The largest x that was looked at.
    pub to_x: f64,
}

/// The first bend of a curve through `ys` at ascending `xs`; `None` when there is none, for fewer than three points, and for
/// values that are not finite.
///
/// Both axes are scaled to 0..=1 and the curve is mirrored until it rises ever less. A maximum of `y − x` is the bend once the
/// difference has fallen below `maximum − S · mean(Δx)`, or below zero after a minimum, before the next maximum.
#[must_use]
pub fn kneedle(xs: &[f64], ys: &[f64], shape: Shape) -> Option<Bend> {
    let (from_x, to_x) = range(xs)?;
    let (low_y, high_y) = range(ys)?;
    let is_ascending = xs.windows(2).all(|pair| pair[0] <= pair[1]);
    if xs.len() != ys.len() || xs.len() < 3 || !is_ascending || from_x == to_x || low_y == high_y {
        return None;
    }
    let is_mirrored = matches!(shape, Shape::ConcaveDecreasing | Shape::ConvexIncreasing);
    let is_upside_down = matches!(shape, Shape::ConvexDecreasing | Shape::ConvexIncreasing);
    let scaled = |value: f64, low: f64, high: f64| (value - low) / (high - low);
    let difference = |(x, y): (&f64, &f64)| {
        let (x, y) = (scaled(*x, from_x, to_x), scaled(*y, low_y, high_y));
        let x = if is_mirrored { 1.0 - x } else { x };
        if is_upside_down { 1.0 - y - x } else { y - x }
    };
    let mut differences: Vec<f64> = xs.iter().zip(ys).map(difference).collect();
    if is_mirrored {
        differences.reverse();
    }
    let found = first_confirmed(&differences)?;
    let place = if is_mirrored { xs.len() - 1 - found } else { found };
    Some(Bend { x: xs[place], y: ys[place], place, from_x, to_x })
}

/// The first maximum of the differences that a later fall confirms.
fn first_confirmed(differences: &[f64]) -> Option<usize> {
    let last = differences.len() - 1;
    // On axes of unit length the mean width is one over the number of steps.
    let fall = SENSITIVITY / last as f64;
    let mut candidate: Option<(usize, f64)> = None;
    for place in 1..last {
        let (before, here, after) =
            (differences[place - 1], differences[place], differences[place + 1]);
        if here >= before && here >= after && here > ROUNDING {
            candidate = Some((place, here - fall));
        } else if here <= before && here <= after {
            candidate = candidate.map(|(place, _)| (place, 0.0));
        }
        if let Some((found, threshold)) = candidate
            && after < threshold
        {
            return Some(found);
        }
    }
    None
}

fn range(values: &[f64]) -> Option<(f64, f64)> {
    let is_finite = !values.is_empty() && values.iter().all(|value| value.is_finite());
    let low = values.iter().copied().fold(f64::INFINITY, f64::min);
    let high = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    is_finite.then_some((low, high))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Figure 2 of the paper: −1/(x + 0.1) + 5 at ten places from 0 to 1.
    const FIGURE_2: [f64; 10] =
        [-5.0, 0.263, 1.897, 2.692, 3.163, 3.475, 3.696, 3.861, 3.989, 4.091];

    fn tenths() -> Vec<f64> {
        (0..10).map(|i| f64::from(i) / 9.0).collect()
    }

    /// 1/(1−ρ) for ρ up to `end`.
    fn hyperbola(end: f64) -> (Vec<f64>, Vec<f64>) {
        let xs: Vec<f64> = (0..=2000).map(|i| end * f64::from(i) / 2000.0).collect();
        let ys = xs.iter().map(|rho| 1.0 / (1.0 - rho)).collect();
        (xs, ys)
    }

    #[test]
    fn the_papers_figure_bends_where_the_paper_says() {
        let bend = kneedle(&tenths(), &FIGURE_2, Shape::ConcaveIncreasing).expect("it bends");
        assert!((bend.x - 0.222).abs() < 0.001 && bend.place == 2 && bend.y == 1.897, "{bend:?}");
        assert_eq!((bend.from_x, bend.to_x), (0.0, 1.0));
    }

    #[test]
    fn all_mirror_images_of_a_curve_bend_in_the_same_place() {
        let mirrored: Vec<f64> = FIGURE_2.iter().rev().copied().collect();
        let negated = |ys: &[f64]| -> Vec<f64> { ys.iter().map(|y| -y).collect() };
        let place = |ys: &[f64], shape| kneedle(&tenths(), ys, shape).map(|bend| bend.place);
        assert_eq!(place(&mirrored, Shape::ConcaveDecreasing), Some(7));
        assert_eq!(place(&negated(&FIGURE_2), Shape::ConvexDecreasing), Some(2));
        assert_eq!(place(&negated(&mirrored), Shape::ConvexIncreasing), Some(7));
    }

    #[test]
    fn the_bend_of_a_hyperbola_depends_on_how_far_it_was_measured() {
        for (end, wanted) in [(0.8, 0.553), (0.9, 0.684), (0.95, 0.776), (0.99, 0.9)] {
            let (xs, ys) = hyperbola(end);
            let bend = kneedle(&xs, &ys, Shape::ConvexIncreasing).expect("it bends");
            assert!((bend.x - wanted).abs() < 0.001 && bend.to_x == end, "{end}: {bend:?}");
        }
    }

    #[test]
    fn uneven_steps_do_not_move_a_mirrored_bend() {
        let rising = [0.0, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0];
        let ys = rising.map(|rho: f64| 1.0 / (1.0 - 0.9 * rho));
        let bend = kneedle(&rising, &ys, Shape::ConvexIncreasing).expect("it bends");
        assert!((bend.x - 0.8).abs() < 1e-9, "{bend:?}");
    }

    #[test]
    fn lines_and_too_few_points_do_not_bend() {
        let line: Vec<f64> = tenths().iter().map(|x| 3.0 * x).collect();
        assert_eq!(kneedle(&tenths(), &line, Shape::ConcaveIncreasing), None);
        assert_eq!(kneedle(&tenths(), &[5.0; 10], Shape::ConcaveIncreasing), None);
        assert_eq!(kneedle(&[0.0, 1.0], &[0.0, 1.0], Shape::ConcaveIncreasing), None);
        assert_eq!(kneedle(&[], &[], Shape::ConvexIncreasing), None);
        let wrong = [f64::NAN, 1.0, 2.0, 3.0];
        assert_eq!(kneedle(&[0.0, 1.0, 2.0, 3.0], &wrong, Shape::ConvexIncreasing), None);
        assert_eq!(kneedle(&[3.0, 1.0, 2.0], &[1.0, 2.0, 2.1], Shape::ConcaveIncreasing), None);
    }
}
