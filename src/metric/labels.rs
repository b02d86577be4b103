//! What a sample is about.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

/// Series beyond this many in one run are folded into [`OVERFLOW`]; the fold is counted and shown.
pub const MAX_SERIES: usize = 2000;

/// The step that takes the samples of every series beyond [`MAX_SERIES`].
pub const OVERFLOW: &str = "__other__";

/// Script tags of one series, sorted by key.
pub type Tags = Arc<[(Arc<str>, Arc<str>)]>;

/// The labels of a series of requests. Strings are shared: cloning costs reference counts.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Labels {
    /// The step: the request's name, such as `GET /api/teams`.
    pub name: Arc<str>,
    /// The HTTP method.
    pub method: Arc<str>,
    /// The HTTP status; 0 when there was no response.
    pub status: u16,
    /// The task: the script function that made the request, or `on_start`, `on_stop`, `setup`, `teardown`.
    pub task: Arc<str>,
    /// The scenario.
    pub scenario: Arc<str>,
    /// The phase in which the request was intended.
    pub phase: Arc<str>,
    /// The group, outer and inner joined by `::`; empty outside groups.
    pub group: Arc<str>,
    /// The script's own tags.
    pub tags: Tags,
}

/// Labels whose strings somebody else holds: nothing is counted up before they are kept.
#[derive(Debug, Clone, Copy)]
pub struct LabelParts<'a> {
    /// See [`Labels::name`].
    pub name: &'a Arc<str>,
    /// See [`Labels::method`].
    pub method: &'a Arc<str>,
    /// See [`Labels::status`].
    pub status: u16,
    /// See [`Labels::task`].
    pub task: &'a Arc<str>,
    /// See [`Labels::scenario`].
    pub scenario: &'a Arc<str>,
    /// See [`Labels::phase`].
    pub phase: &'a Arc<str>,
    /// See [`Labels::group`].
    pub group: &'a Arc<str>,
    /// See [`Labels::tags`].
    pub tags: &'a Tags,
}

impl LabelParts<'_> {
    /// Labels of their own.
    #[must_use]
    pub fn to_labels(&self) -> Labels {
        Labels {
            name: self.name.clone(),
            method: self.method.clone(),
            status: self.status,
            task: self.task.clone(),
            scenario: self.scenario.clone(),
            phase: self.phase.clone(),
            group: self.group.clone(),
            tags: self.tags.clone(),
        }
    }
}

impl Labels {
    /// The labels as parts.
    #[must_use]
    pub fn parts(&self) -> LabelParts<'_> {
        LabelParts {
            name: &self.name,
            method: &self.method,
            status: self.status,
            task: &self.task,
            scenario: &self.scenario,
            phase: &self.phase,
            group: &self.group,
            tags: &self.tags,
        }
    }

    /// The value of a label by its name in threshold selectors; `None` for an unknown label.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<String> {
        match key {
            "name" | "check" => Some(self.name.to_string()),
            "method" => Some(self.method.to_string()),
            "status" => Some(self.status.to_string()),
            "task" => Some(self.task.to_string()),
            "scenario" => Some(self.scenario.to_string()),
            "phase" => Some(self.phase.to_string()),
            "group" => Some(self.group.to_string()),
            _ => self.tags.iter().find(|(k, _)| &**k == key).map(|(_, v)| v.to_string()),
        }
    }

    /// Whether every `(label, value)` pair holds for this series.
    #[must_use]
    pub fn matches(&self, selector: &[(String, String)]) -> bool {
        selector.iter().all(|(key, value)| self.get(key).as_deref() == Some(value))
    }

    /// The labels of the series that takes what is beyond [`MAX_SERIES`], in the same scenario and phase.
    #[must_use]
    pub fn overflow(&self) -> Self {
        let other: Arc<str> = OVERFLOW.into();
        Self {
            name: other.clone(),
            method: "".into(),
            status: 0,
            task: other,
            scenario: self.scenario.clone(),
            phase: self.phase.clone(),
            group: "".into(),
            tags: Arc::from([]),
        }
    }
}
