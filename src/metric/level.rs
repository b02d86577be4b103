//! How much of something limited is in use: the raw material of "what saturates first".

use std::sync::Arc;

use serde::{Deserialize, Serialize};

/// One resource at one moment: utilisation and saturation as the USE method asks for them (B. Gregg, "Thinking
/// Methodically about Performance", 2013).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ResourceLevel {
    /// Whose and what: `target cpu`, `disk sda`, `database pool`. The same every second.
    pub resource: Arc<str>,
    /// What its figures are.
    pub unit: LevelUnit,
    /// How much is in use; finite, 0 or more.
    pub used: f64,
    /// How much there is, in the same unit; `None` when nobody says.
    pub capacity: Option<f64>,
    /// How much more was wanted: 0 when nothing waited and nothing was refused, and larger the more did. What it counts
    /// depends on the resource (docs/resources.md); `None` when nobody says.
    pub saturation: Option<f64>,
}

impl ResourceLevel {
    /// Share of the capacity that is in use; `None` without one, or when it is zero.
    #[must_use]
    pub fn used_ratio(&self) -> Option<f64> {
        self.capacity.filter(|capacity| *capacity > 0.0).map(|capacity| self.used / capacity)
    }

    /// Whether every figure is one: finite, and not negative.
    #[must_use]
    pub fn is_sound(&self) -> bool {
        let is_figure = |value: f64| value.is_finite() && value >= 0.0;
        is_figure(self.used)
            && self.capacity.is_none_or(is_figure)
            && self.saturation.is_none_or(is_figure)
    }
}

/// What the figures of a resource are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LevelUnit {
    /// Cores kept busy: seconds of CPU time a second.
    Cores,
    /// Share of the time, 0..=1.
    Ratio,
    /// Bytes held.
    Bytes,
    /// Bytes moved a second.
    BytesPerS,
    /// Events a second.
    PerS,
    /// Things held: files, connections, slots of a pool.
    Count,
}

impl LevelUnit {
    /// The word used in the store and in JSON.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Cores => "cores",
            Self::Ratio => "ratio",
            Self::Bytes => "bytes",
            Self::BytesPerS => "bytes_per_s",
            Self::PerS => "per_s",
            Self::Count => "count",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn level(used: f64, capacity: Option<f64>, saturation: Option<f64>) -> ResourceLevel {
        ResourceLevel { resource: "x".into(), unit: LevelUnit::Cores, used, capacity, saturation }
    }

    #[test]
    fn the_share_in_use_needs_a_capacity() {
        assert_eq!(level(1.0, Some(4.0), None).used_ratio(), Some(0.25));
        assert_eq!(level(1.0, Some(0.0), None).used_ratio(), None);
        assert_eq!(level(1.0, None, None).used_ratio(), None);
    }

    #[test]
    fn what_is_no_figure_makes_a_level_unsound() {
        assert!(level(0.0, Some(1.0), Some(0.0)).is_sound());
        for wrong in [f64::NAN, f64::INFINITY, -1.0] {
            assert!(!level(wrong, None, None).is_sound(), "{wrong}");
            assert!(!level(0.0, Some(wrong), None).is_sound(), "{wrong}");
            assert!(!level(0.0, None, Some(wrong)).is_sound(), "{wrong}");
        }
    }

    #[test]
    fn units_have_one_word_everywhere() {
        use LevelUnit::{Bytes, BytesPerS, Cores, Count, PerS, Ratio};
        for unit in [Cores, Ratio, Bytes, BytesPerS, PerS, Count] {
            assert_eq!(serde_json::to_value(unit).expect("a word"), unit.as_str());
        }
    }
}
