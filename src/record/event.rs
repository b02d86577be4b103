//! What was done to a run while it was under way.

use serde::{Deserialize, Serialize};

/// Events of one run that are kept; more are counted nowhere and only told live.
pub const MOST_EVENTS: usize = 1_000;

/// What kind of thing was done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EventKind {
    /// The number of users or the rate was changed.
    Scaled,
    /// Nothing new begins from then on.
    Paused,
    /// The load goes on.
    Resumed,
    /// It was asked to stop, by a request or a signal.
    Stopping,
    /// A threshold ended it.
    Threshold,
}

impl EventKind {
    /// The word used in tables and in JSON.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Scaled => "scaled",
            Self::Paused => "paused",
            Self::Resumed => "resumed",
            Self::Stopping => "stopping",
            Self::Threshold => "threshold",
        }
    }
}

/// Something that was done to a run while it was under way.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RunEvent {
    /// When, in seconds from the start of the run.
    pub at_s: f64,
    /// What kind of thing.
    pub kind: EventKind,
    /// What was done, in words.
    pub text: String,
}

/// That the load was not what the plan says, in words; `None` when nobody changed it. `elapsed_s` is the length of the run.
#[must_use]
pub fn departure(events: &[RunEvent], elapsed_s: f64) -> Option<String> {
    let is_kind = |kind: EventKind| move |event: &&RunEvent| event.kind == kind;
    let scaled = events.iter().filter(is_kind(EventKind::Scaled)).count();
    let mut paused_s = 0.0;
    let mut since = None;
    for event in events {
        match event.kind {
            EventKind::Paused => since = since.or(Some(event.at_s)),
            EventKind::Resumed => paused_s += since.take().map_or(0.0, |s| event.at_s - s),
            EventKind::Scaled | EventKind::Stopping | EventKind::Threshold => {}
        }
    }
    paused_s += since.map_or(0.0, |since| (elapsed_s - since).max(0.0));
    let times = if scaled == 1 { "once".to_owned() } else { format!("{scaled} times") };
    let parts = [
        events
            .iter()
            .any(|event| event.kind == EventKind::Paused)
            .then(|| format!("paused for {paused_s:.1} s")),
        (scaled > 0).then(|| format!("changed {times}")),
    ];
    let parts: Vec<String> = parts.into_iter().flatten().collect();
    (!parts.is_empty()).then(|| format!("the load was not the plan's: {}", parts.join(", ")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(at_s: f64, kind: EventKind) -> RunEvent {
        RunEvent { at_s, kind, text: String::new() }
    }

    #[test]
    fn a_load_that_was_paused_or_changed_was_not_the_plans() {
        use EventKind::{Paused, Resumed, Scaled, Stopping};
        let said = |events: &[RunEvent]| departure(events, 20.0);
        assert_eq!(said(&[at(3.0, Stopping)]), None);
        let pauses = [at(1.0, Paused), at(3.5, Resumed), at(18.0, Paused)];
        let paused = "the load was not the plan's: paused for 4.5 s";
        assert_eq!(said(&pauses).as_deref(), Some(paused));
        let both = [at(1.0, Scaled), at(2.0, Paused), at(3.0, Resumed), at(4.0, Scaled)];
        let changed = "the load was not the plan's: paused for 1.0 s, changed 2 times";
        assert_eq!(said(&both).as_deref(), Some(changed));
        assert_eq!(
            said(&[at(1.0, Scaled)]).as_deref(),
            Some("the load was not the plan's: changed once")
        );
    }
}
