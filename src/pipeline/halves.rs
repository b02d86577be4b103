//! The last second as seen at its half: for those who watch twice a second.
//!
//! At half of a second the view is of the second half of the last second and the first half of this one, from the same
//! windows of which the whole seconds are made. So every figure is of one second, a new one each time, and at whole
//! seconds it is the snapshot's own.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::sync::Arc;
use std::time::Duration;

use super::snapshot::StepPoint;

/// Points by second, step and phase.
pub(super) type Points = BTreeMap<(u32, Arc<str>, Arc<str>), StepPoint>;

/// What came since the last half, in two parts.
#[derive(Debug, Default)]
pub(super) struct Halves {
    /// Until the last whole second.
    before: Points,
    /// After it.
    after: Points,
    /// The last half.
    since: Duration,
}

impl Halves {
    /// Takes in a point of the second under way.
    pub(super) fn add(&mut self, point: StepPoint) {
        merge(&mut self.after, point);
    }

    /// A second is whole.
    pub(super) fn close_second(&mut self) {
        let after = std::mem::take(&mut self.after);
        after.into_values().for_each(|point| merge(&mut self.before, point));
    }

    /// What came since the last half, and how long ago that was. `at` is this half.
    pub(super) fn take(&mut self, at: Duration) -> (Duration, Vec<StepPoint>) {
        let since = std::mem::replace(&mut self.since, at);
        self.close_second();
        let points = std::mem::take(&mut self.before).into_values().collect();
        (at.saturating_sub(since), points)
    }
}

/// Adds a point to those of its second, step and phase.
pub(super) fn merge(points: &mut Points, point: StepPoint) {
    match points.entry((point.second, point.step.clone(), point.phase.clone())) {
        Entry::Occupied(mut same) => same.get_mut().merge(&point),
        Entry::Vacant(place) => {
            place.insert(point);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn point(count: u64) -> StepPoint {
        StepPoint { step: "s".into(), count, ..StepPoint::default() }
    }

    #[test]
    fn each_half_has_what_came_since_the_last_one_however_many_seconds_were_whole_meanwhile() {
        let mut halves = Halves::default();
        let ms = Duration::from_millis;
        let counted = |(length, points): (Duration, Vec<StepPoint>)| {
            (length, points.iter().map(|point| point.count).sum::<u64>())
        };
        halves.add(point(1));
        assert_eq!(counted(halves.take(ms(500))), (ms(500), 1));
        halves.add(point(2));
        halves.close_second();
        halves.add(point(4));
        assert_eq!(counted(halves.take(ms(1500))), (ms(1000), 6));
        halves.add(point(8));
        halves.close_second();
        halves.add(point(16));
        halves.close_second();
        halves.add(point(32));
        assert_eq!(counted(halves.take(ms(3500))), (ms(2000), 56));
        assert_eq!(counted(halves.take(ms(4500))), (ms(1000), 0));
    }
}
