//! The textbook's search: doubling, then halving, one trial a load, errors only. It is here to be compared with.

use super::settings::{LossKind, SearchSettings};
use super::trial::TrialRow;

/// Share of errors that breaks a load where no goal says otherwise.
const BREAKS: f64 = 0.05;

/// The bounds after these trials, each believed: the largest load that held and the smallest that broke.
pub(super) fn bounds(rows: &[TrialRow], settings: &SearchSettings) -> (Option<f64>, Option<f64>) {
    let errors = settings.goals.iter().find(|goal| goal.loss == LossKind::Errors);
    let limit = errors.map_or(BREAKS, |goal| goal.max_loss_ratio);
    let (mut lower, mut upper) = (None, None);
    for row in rows {
        let load = row.trial.load_per_s;
        if row.trial.loss_ratio(LossKind::Errors) > limit {
            upper = Some(upper.map_or(load, |known: f64| known.min(load)));
        } else {
            lower = Some(lower.map_or(load, |known: f64| known.max(load)));
        }
    }
    (lower, upper)
}

/// The next load; `None` when it is done.
pub(super) fn next_load(rows: &[TrialRow], settings: &SearchSettings) -> Option<f64> {
    let load = match bounds(rows, settings) {
        (None, None) => settings.start_load_per_s,
        (Some(lower), None) if lower >= settings.max_load_per_s => return None,
        (None, Some(upper)) if upper <= settings.min_load_per_s => return None,
        (Some(lower), None) => lower * 2.0,
        (None, Some(upper)) => upper / 2.0,
        (Some(lower), Some(upper)) if upper <= lower * (1.0 + settings.width_ratio) => return None,
        (Some(lower), Some(upper)) => (lower * upper).sqrt(),
    };
    Some(settings.within_limits(load))
}
