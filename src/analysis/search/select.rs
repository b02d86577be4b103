//! Which load to try next: from coarse bounds to fine ones, with a guess of where the limit is (METHODS.md 2.5).
//!
//! A search ends soonest, and its bounds hold the limit most surely, when they lie evenly around it: a load that lies at the
//! limit itself is a coin toss. So two loads are chosen half a width below and above the guess.

use super::classify::LoadClass;
use super::ledger::Ledger;
use super::outcome::Bounds;
use super::settings::{SearchSettings, Target};

/// Part of the distance between two bounds, on a logarithmic scale, that an interpolation keeps off each of them.
const KEEP_OFF: f64 = 0.2;
/// Bounds that lie farther apart than this factor are far from the limit.
const FAR: f64 = 2.0;
/// Bounds are narrow enough when they exceed the width by no more than this.
const ROUNDING: f64 = 1e-6;
/// The first overloaded load is not followed by one below this share of it, whatever little it got through.
const DEEPEST_JUMP: f64 = 0.125;
/// Doublings of the step when a bound of the coarser target turns out wrong again and again.
const MOST_DOUBLINGS: usize = 4;

/// A view of a search that chooses loads.
#[derive(Debug)]
pub(super) struct Selection<'a> {
    pub(super) settings: &'a SearchSettings,
    pub(super) targets: &'a [Target],
    pub(super) ledger: &'a Ledger,
}

/// What is to be measured until it is decided.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Focus {
    pub(super) goal: usize,
    pub(super) target: usize,
    pub(super) load_per_s: f64,
}

impl Selection<'_> {
    /// The next load; `None` when all bounds are narrow, or cannot be.
    pub(super) fn next(&self) -> Option<Focus> {
        let of_target = |target: usize| {
            let goals = 0..self.settings.goals.len();
            let wanted = goals.filter_map(|goal| {
                let load_per_s = self.next_load(goal, target)?;
                Some(Focus { goal, target, load_per_s })
            });
            wanted.min_by(|a, b| a.load_per_s.total_cmp(&b.load_per_s))
        };
        (0..self.targets.len()).find_map(of_target)
    }

    /// Whether a load needs no more trials for the goal and target that it was chosen for.
    pub(super) fn is_decided(&self, focus: Focus) -> bool {
        let class = self.class(focus.load_per_s, focus.goal, focus.target);
        class.is_some_and(|class| class != LoadClass::Undecided)
    }

    fn class(&self, load_per_s: f64, goal: usize, target: usize) -> Option<LoadClass> {
        let known = self.ledger.at(load_per_s)?;
        Some(known.class(&self.settings.goals[goal], &self.targets[target], self.settings))
    }

    /// The bounds by trials that count for this target alone.
    pub(super) fn bounds(&self, goal: usize, target: usize) -> Bounds {
        let goal = &self.settings.goals[goal];
        self.ledger.bounds(goal, &self.targets[target], self.settings)
    }

    /// The bounds by the finest of the first `targets` targets that has them.
    pub(super) fn best_bounds(&self, goal: usize, targets: usize) -> Bounds {
        let mut best = Bounds::default();
        for target in (0..targets).rev() {
            let found = self.bounds(goal, target);
            let fits = |lower: Option<f64>, upper: Option<f64>| {
                lower.zip(upper).is_none_or(|(lower, upper)| lower < upper)
            };
            if best.lower_per_s.is_none() && fits(found.lower_per_s, best.upper_per_s) {
                best.lower_per_s = found.lower_per_s;
            }
            if best.upper_per_s.is_none() && fits(best.lower_per_s, found.upper_per_s) {
                best.upper_per_s = found.upper_per_s;
            }
        }
        best
    }

    /// The next load of one goal and target; `None` when its bounds are narrow, or lie at a limit of the settings.
    fn next_load(&self, goal: usize, target: usize) -> Option<f64> {
        let width = self.targets[target].width;
        let bounds = self.bounds(goal, target);
        let coarse = self.best_bounds(goal, target);
        let is_done = match (bounds.lower_per_s, bounds.upper_per_s) {
            (Some(lower), Some(upper)) => upper <= lower * (1.0 + width) * (1.0 + ROUNDING),
            (Some(lower), None) => lower >= self.settings.max_load_per_s,
            (None, Some(upper)) => upper <= self.settings.min_load_per_s,
            (None, None) => false,
        };
        let load = || match assumed(&bounds, &coarse) {
            (Some(lower), Some(upper)) => {
                self.around(self.guess(goal, (lower, upper)), &bounds, width)
            }
            // A coarser target went up to the largest load, or down to the smallest: so must this one.
            (Some(lower), None) if bounds.lower_per_s != Some(lower) => lower,
            (None, Some(upper)) if bounds.upper_per_s != Some(upper) => upper,
            (Some(lower), None) if target == 0 => lower * 2.0,
            (Some(lower), None) => lower * self.outward(goal, target),
            (None, Some(upper)) if target == 0 => self.downward(goal, upper),
            (None, Some(upper)) => upper / self.outward(goal, target),
            (None, None) => self.settings.start_load_per_s,
        };
        (!is_done).then(|| self.settings.within_limits(load()))
    }

    /// A load near a guess: one that closes the bounds around it if it can, else one below it.
    fn around(&self, guess: f64, bounds: &Bounds, width: f64) -> f64 {
        let (lower, upper) = (bounds.lower_per_s, bounds.upper_per_s);
        let above = lower.map(|lower| floor(lower * (1.0 + width)));
        let below = upper.map(|upper| ceil(upper / (1.0 + width)));
        let wanted = match (above, below) {
            (Some(above), _) if guess <= above => above,
            (_, Some(below)) if guess >= below => below,
            _ => floor(guess / (1.0 + width).sqrt()),
        };
        let is_between = lower.is_none_or(|l| wanted > l) && upper.is_none_or(|u| wanted < u);
        match (lower, upper) {
            (Some(lower), Some(upper)) if !is_between => (lower * upper).sqrt(),
            _ => wanted,
        }
    }

    /// Where the limit seems to lie between two bounds: at the capacity, if a backlog tells it; else where a line through what
    /// is lost at both of them crosses what may be lost.
    fn guess(&self, goal: usize, (lower, upper): (f64, f64)) -> f64 {
        let middle = (lower * upper).sqrt();
        let goal = &self.settings.goals[goal];
        let Some(high) = self.ledger.at(upper) else { return middle };
        if let Some(capacity) = high.capacity().filter(|mu| (lower..upper).contains(mu)) {
            return capacity;
        }
        let low_loss = self.ledger.at(lower).map_or(0.0, |low| low.loss_ratio(goal));
        let rise = high.loss_ratio(goal) - low_loss;
        if rise <= 0.0 {
            return middle;
        }
        // Far from the limit nothing is lost, however far: a line from there says little.
        let least = if upper > lower * FAR { 0.5 } else { KEEP_OFF };
        let share = ((goal.max_loss_ratio - low_loss) / rise).clamp(least, 1.0 - KEEP_OFF);
        lower * (upper / lower).powf(share)
    }

    /// A load below the first one that was too much.
    fn downward(&self, goal: usize, upper: f64) -> f64 {
        let allowed = 1.0 - self.settings.goals[goal].max_loss_ratio;
        let Some(high) = self.ledger.at(upper) else { return upper / 2.0 };
        let carried = high.capacity().unwrap_or_else(|| high.goodput() / allowed);
        let width = self.targets[0].width;
        let deepest = upper * DEEPEST_JUMP;
        floor((carried / (1.0 + width).sqrt()).clamp(deepest, upper / (1.0 + width)))
    }

    /// The factor of a step beyond all bounds of the coarser targets; it grows each time that they prove wrong.
    fn outward(&self, goal: usize, target: usize) -> f64 {
        let decided = |load: f64| {
            self.class(load, goal, target).is_some_and(|class| class != LoadClass::Undecided)
        };
        let known = self.ledger.loads().iter().filter(|known| decided(known.load_per_s)).count();
        let doublings = known.saturating_sub(1).min(MOST_DOUBLINGS) as i32;
        (1.0 + self.targets[target].width).powi(2_i32.pow(doublings.cast_unsigned()))
    }
}

/// The narrowest bounds that one may assume: those of the coarser targets where they lie within those that are known.
fn assumed(known: &Bounds, coarse: &Bounds) -> (Option<f64>, Option<f64>) {
    let is_within = |load: &f64| {
        known.lower_per_s.is_none_or(|lower| *load > lower)
            && known.upper_per_s.is_none_or(|upper| *load < upper)
    };
    let lower = coarse.lower_per_s.filter(is_within).or(known.lower_per_s);
    let upper = coarse.upper_per_s.filter(is_within).or(known.upper_per_s);
    (lower, upper)
}

/// Down to four digits: loads are read by people.
fn floor(load: f64) -> f64 {
    let scale = scale(load);
    (load * scale).floor() / scale
}

/// Up to four digits.
fn ceil(load: f64) -> f64 {
    let scale = scale(load);
    (load * scale).ceil() / scale
}

fn scale(load: f64) -> f64 {
    10.0_f64.powf(3.0 - load.log10().floor())
}
