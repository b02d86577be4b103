//! Whether the load that was found can be held for long: best of three, since one long trial may be disturbed too.

use super::Trial;

/// Trials that must say the same.
const MAJORITY: usize = 2;
/// Trials over all loads; a search does not go on for ever because of them.
const MOST: usize = 6;

/// The long trials of a search.
#[derive(Debug, Clone, Default)]
pub(super) struct Holds {
    held: Vec<(Trial, bool)>,
}

impl Holds {
    /// Adds a trial and whether it held; gives those at its load if they now refute it.
    pub(super) fn add(&mut self, trial: Trial, has_held: bool) -> Vec<Trial> {
        let load_per_s = trial.load_per_s;
        self.held.push((trial, has_held));
        if self.verdict(load_per_s) == Some(false) {
            self.at(load_per_s).map(|(trial, _)| trial.clone()).collect()
        } else {
            Vec::new()
        }
    }

    /// Whether a load is held: at once if the first trial says so, else by the most of three. `None` while it is open.
    pub(super) fn verdict(&self, load_per_s: f64) -> Option<bool> {
        let held = self.at(load_per_s).filter(|(_, held)| *held).count();
        let failed = self.at(load_per_s).count() - held;
        match (held, failed) {
            (_, MAJORITY..) => Some(false),
            (1.., 0) | (MAJORITY.., _) => Some(true),
            _ => None,
        }
    }

    /// Whether a load needs another trial.
    pub(super) fn is_open(&self, load_per_s: f64) -> bool {
        self.verdict(load_per_s).is_none() && self.held.len() < MOST
    }

    fn at(&self, load_per_s: f64) -> impl Iterator<Item = &(Trial, bool)> {
        let is_there =
            move |held: &&(Trial, bool)| held.0.load_per_s.total_cmp(&load_per_s).is_eq();
        self.held.iter().filter(is_there)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hold(load_per_s: f64) -> Trial {
        Trial { load_per_s, ..Trial::default() }
    }

    #[test]
    fn one_disturbed_trial_refutes_nothing_and_two_do() {
        let mut holds = Holds::default();
        assert!(holds.add(hold(100.0), false).is_empty());
        assert!(holds.is_open(100.0) && holds.verdict(100.0).is_none());
        assert!(holds.add(hold(100.0), true).is_empty() && holds.is_open(100.0));
        assert_eq!(holds.add(hold(100.0), false).len(), 3);
        assert_eq!(holds.verdict(100.0), Some(false));
        assert!(holds.add(hold(95.0), true).is_empty());
        assert_eq!(holds.verdict(95.0), Some(true));
    }

    #[test]
    fn it_comes_to_an_end() {
        let mut holds = Holds::default();
        for load in [100.0, 95.0, 90.0] {
            assert!(holds.is_open(load));
            holds.add(hold(load), false);
            holds.add(hold(load), false);
        }
        assert!(!holds.is_open(85.0));
    }
}
