//! One knob of the lab on the command line: `--lab KNOB=VALUE`.

use std::str::FromStr;
use std::time::Duration;

use serde_json::{Map, Number, Value};
use thiserror::Error;

use super::config::{ConfigError, LabConfig};

/// Why a text is no setting of the lab.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{0}")]
pub struct LabSettingError(String);

impl From<ConfigError> for LabSettingError {
    fn from(error: ConfigError) -> Self {
        Self(error.to_string())
    }
}

/// One knob of the lab and what it is set to: `slots=50`, `service=exp:10ms`,
/// `stall=at=10s,for=1s`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LabSetting {
    knob: String,
    value: Value,
}

impl FromStr for LabSetting {
    type Err = LabSettingError;

    fn from_str(text: &str) -> Result<Self, LabSettingError> {
        let split = text.split_once('=');
        let (knob, value) = split.ok_or_else(|| ConfigError::NoValue(text.to_owned()))?;
        let (knob, value) = match knob.trim() {
            // Here `none` is a word like the others, and not the absence of a value.
            knob @ ("queue" | "service" | "scope") => (knob, Value::from(value.trim())),
            knob => (knob, parts(value)),
        };
        LabConfig::default().set(knob, value.clone(), Duration::ZERO)?;
        Ok(Self { knob: knob.to_owned(), value })
    }
}

/// `a=1,b=2s` as an object, and anything else as one value.
fn parts(text: &str) -> Value {
    if !text.contains('=') {
        return plain(text);
    }
    let part = |part: &str| {
        let (name, value) = part.split_once('=').unwrap_or((part, ""));
        (name.trim().to_owned(), plain(value))
    };
    Value::Object(text.split(',').map(part).collect())
}

/// A word as JSON has it.
fn plain(text: &str) -> Value {
    match text.trim() {
        "none" => Value::Null,
        "true" => Value::Bool(true),
        "false" => Value::Bool(false),
        text => text.parse::<Number>().map_or_else(|_| Value::from(text), Value::Number),
    }
}

/// The configuration that the settings of a command line make together.
///
/// # Errors
///
/// When two of them do not go together.
pub(crate) fn configure(settings: &[LabSetting]) -> Result<LabConfig, LabSettingError> {
    let patch: Map<_, _> =
        settings.iter().map(|setting| (setting.knob.clone(), setting.value.clone())).collect();
    Ok(LabConfig::default().patched(patch, Duration::ZERO)?)
}

#[cfg(test)]
mod tests {
    use super::super::config::KNOBS;
    use super::*;

    fn settings(texts: &[&str]) -> Vec<LabSetting> {
        texts.iter().map(|text| text.parse().unwrap()).collect()
    }

    #[test]
    fn settings_say_on_a_command_line_what_json_says() {
        let made = configure(&settings(&[
            "slots=8",
            "service=lognormal:10ms,0.5",
            "queue=none",
            "stall=at=10s,for=1s",
            "metastable=threshold=5,penalty=1.5,sticky=true",
            "cpu=none",
            "seed=18446744073709551615",
        ]));
        let patch = serde_json::json!({
            "slots": 8, "service": "lognormal:10ms,0.5", "queue": "none",
            "stall": { "at": "10s", "for": "1s" },
            "metastable": { "threshold": 5, "penalty": 1.5, "sticky": true },
            "seed": u64::MAX,
        });
        let Value::Object(patch) = patch else { unreachable!("written as one") };
        assert_eq!(made.unwrap(), LabConfig::default().patched(patch, Duration::ZERO).unwrap());
    }

    #[test]
    fn a_fault_in_a_setting_is_named() {
        for (text, part) in [
            ("slots", "KNOB=VALUE"),
            ("slot=1", "`slot` is no knob"),
            ("slots=0", "`slots` takes none or a whole number"),
            ("stall=at=10s", "missing field `for`"),
            ("step=at=10s,gain=high", "`step` takes"),
        ] {
            let error = text.parse::<LabSetting>().unwrap_err().to_string();
            assert!(error.contains(part), "{text}: {error}");
        }
        let error = configure(&settings(&["metastable=threshold=5,penalty=1"])).unwrap_err();
        assert!(error.to_string().contains("without `slots`"), "{error}");
    }

    #[test]
    fn the_documentation_lists_every_knob() {
        let documentation = include_str!("../lib.rs");
        for (knob, _) in KNOBS {
            let row = format!("//! | `{knob}` |");
            assert!(documentation.contains(&row), "{row} is not in lib.rs");
        }
    }
}
