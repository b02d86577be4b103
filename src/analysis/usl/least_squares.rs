//! Least squares for the three parameters of the law, within their bounds: Levenberg–Marquardt (Marquardt 1963).

/// γ, α and β, or something for each of them.
pub(super) type Vector = [f64; 3];
type Matrix = [Vector; 3];

/// The largest values of γ, α and β; the smallest are zero.
const UPPER: Vector = [f64::INFINITY, 1.0, 1.0];
/// Steps after which it is given up; a fit takes some ten.
const MOST_STEPS: usize = 500;
/// No parameter moved by more than this share of itself: arrived.
const ARRIVED: f64 = 1e-12;
/// The damping of the first step; each success divides it by ten, each failure multiplies it.
const FIRST_DAMPING: f64 = 1e-3;
/// So strongly damped a step goes nowhere.
const MOST_DAMPING: f64 = 1e12;
/// Determinant of a matrix of correlations from which on its inverse is only rounding.
const SINGULAR: f64 = 1e-15;

/// Throughput at a concurrency `n`: `γn / (1 + α(n−1) + βn(n−1))`.
pub(super) fn law([gamma, alpha, beta]: Vector, n: f64) -> f64 {
    gamma * n / (1.0 + alpha * (n - 1.0) + beta * n * (n - 1.0))
}

/// Derivatives of the law by γ, α and β.
fn slopes([gamma, alpha, beta]: Vector, n: f64) -> Vector {
    let below = 1.0 + alpha * (n - 1.0) + beta * n * (n - 1.0);
    let share = n / below;
    [share, -gamma * share * (n - 1.0) / below, -gamma * share * n * (n - 1.0) / below]
}

/// The sum of squared residuals over points of concurrency and throughput.
pub(super) fn squares(at: Vector, points: &[(f64, f64)]) -> f64 {
    points.iter().map(|(n, x)| (x - law(at, *n)).powi(2)).sum()
}

/// The parameters with the smallest sum of squares that can be reached downhill from `start`.
pub(super) fn minimise(points: &[(f64, f64)], start: Vector) -> Vector {
    let mut at = start;
    let mut sum = squares(at, points);
    let mut damping = FIRST_DAMPING;
    for _ in 0..MOST_STEPS {
        let next = step(at, points, damping);
        let next_sum = squares(next, points);
        if next_sum < sum {
            let has_arrived = at.iter().zip(next).all(|(a, b)| (b - a).abs() <= ARRIVED * b.abs());
            (at, sum, damping) = (next, next_sum, (damping / 10.0).max(1.0 / MOST_DAMPING));
            if has_arrived {
                break;
            }
        } else if damping > MOST_DAMPING {
            break;
        } else {
            damping *= 10.0;
        }
    }
    at
}

/// Where one damped step leads. A parameter that stands at its bound and would leave it stays there and takes no part, or the
/// others would be moved for a change that does not happen.
fn step(at: Vector, points: &[(f64, f64)], damping: f64) -> Vector {
    let (curvature, descent) = normal_equations(at, points);
    let is_held =
        |i: usize| (at[i] <= 0.0 && descent[i] < 0.0) || (at[i] >= UPPER[i] && descent[i] > 0.0);
    let damped: Matrix = std::array::from_fn(|i| {
        std::array::from_fn(|j| match (i == j, is_held(i) || is_held(j)) {
            (true, true) => 1.0,
            (true, false) => curvature[i][i] * (1.0 + damping),
            (false, true) => 0.0,
            (false, false) => curvature[i][j],
        })
    });
    let Some(inverse) = inverse(&damped) else { return at };
    std::array::from_fn(|i| {
        let moves = |j: usize| if is_held(j) { 0.0 } else { inverse[i][j] * descent[j] };
        let change: f64 = (0..3).map(moves).sum();
        if is_held(i) { at[i] } else { (at[i] + change).clamp(0.0, UPPER[i]) }
    })
}

/// `JᵀJ` and `Jᵀr` of the residuals r.
fn normal_equations(at: Vector, points: &[(f64, f64)]) -> (Matrix, Vector) {
    let mut curvature = [[0.0; 3]; 3];
    let mut descent = [0.0; 3];
    for (n, x) in points {
        let slopes = slopes(at, *n);
        let residual = x - law(at, *n);
        for ((row, slope), sum) in curvature.iter_mut().zip(slopes).zip(&mut descent) {
            *sum += slope * residual;
            row.iter_mut().zip(slopes).for_each(|(cell, other)| *cell += slope * other);
        }
    }
    (curvature, descent)
}

/// Standard errors `√(s² (JᵀJ)⁻¹)` for a residual standard error s; `None` where the points do not tell the parameters apart.
pub(super) fn standard_errors(at: Vector, points: &[(f64, f64)], residual: f64) -> Option<Vector> {
    let inverse = inverse(&normal_equations(at, points).0)?;
    Some(std::array::from_fn(|i| residual * inverse[i][i].max(0.0).sqrt()))
}

/// The inverse of a symmetric matrix, by its cofactors once the diagonal is scaled to one: γ and β are apart by a factor of
/// millions.
fn inverse(matrix: &Matrix) -> Option<Matrix> {
    let scale: Vector = std::array::from_fn(|i| matrix[i][i].sqrt());
    if !scale.iter().all(|s| s.is_finite() && *s > 0.0) {
        return None;
    }
    let unit = |i: usize, j: usize| matrix[i % 3][j % 3] / (scale[i % 3] * scale[j % 3]);
    let cofactor = |i: usize, j: usize| {
        unit(i + 1, j + 1) * unit(i + 2, j + 2) - unit(i + 1, j + 2) * unit(i + 2, j + 1)
    };
    let determinant: f64 = (0..3).map(|j| unit(0, j) * cofactor(0, j)).sum();
    (determinant > SINGULAR).then(|| {
        std::array::from_fn(|i| {
            std::array::from_fn(|j| cofactor(j, i) / determinant / (scale[i] * scale[j]))
        })
    })
}
