//! The weighted choice of a task.

/// Running sums of the weights, for [`pick_weighted`]. Weights are finite and zero or more.
#[must_use]
pub fn cumulative_weights(weights: impl IntoIterator<Item = f64>) -> Vec<f64> {
    let mut sum = 0.0;
    let add = |weight: f64| {
        sum += weight;
        sum
    };
    weights.into_iter().map(add).collect()
}

/// The index that `uniform` in 0..1 falls on, each with the probability of its weight.
///
/// `cumulative` comes from [`cumulative_weights`]; an empty one gives 0. A weight of zero is never picked.
#[must_use]
pub fn pick_weighted(cumulative: &[f64], uniform: f64) -> usize {
    let Some(sum) = cumulative.last() else { return 0 };
    let point = uniform * sum;
    cumulative.partition_point(|upto| *upto <= point).min(cumulative.len() - 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_weight_gets_its_share_of_the_unit_interval() {
        let cumulative = cumulative_weights([3.0, 1.0, 0.0, 4.0]);
        let mut hits = [0; 4];
        (0..8000).for_each(|i| hits[pick_weighted(&cumulative, f64::from(i) / 8000.0)] += 1);
        assert_eq!(hits, [3000, 1000, 0, 4000]);
    }

    #[test]
    fn the_ends_of_the_interval_are_inside() {
        let cumulative = cumulative_weights([1.0, 1.0]);
        assert_eq!((pick_weighted(&cumulative, 0.0), pick_weighted(&cumulative, 1.0)), (0, 1));
        assert_eq!(pick_weighted(&[], 0.5), 0);
    }
}
