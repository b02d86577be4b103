//! Values between Rhai and JSON.

use rhai::{Dynamic, Map};
use serde_json::Value;

/// A JSON value as Rhai sees it: objects are maps, null is `()`. Integers beyond 64 bits become floats.
pub(crate) fn from_json(value: &Value) -> Dynamic {
    match value {
        Value::Null => Dynamic::UNIT,
        Value::Bool(flag) => (*flag).into(),
        Value::Number(number) => match number.as_i64() {
            Some(int) => int.into(),
            None => number.as_f64().unwrap_or(f64::NAN).into(),
        },
        Value::String(text) => text.clone().into(),
        Value::Array(items) => items.iter().map(from_json).collect::<Vec<_>>().into(),
        Value::Object(fields) => {
            fields.iter().map(|(k, v)| (k.as_str().into(), from_json(v))).collect::<Map>().into()
        }
    }
}

/// A Rhai value as JSON; `None` for what JSON cannot say (functions, host values, NaN).
pub(crate) fn to_json(value: &Dynamic) -> Option<Value> {
    if value.is_unit() {
        return Some(Value::Null);
    }
    if let Ok(flag) = value.as_bool() {
        return Some(Value::Bool(flag));
    }
    if let Ok(int) = value.as_int() {
        return Some(int.into());
    }
    if let Ok(float) = value.as_float() {
        return serde_json::Number::from_f64(float).map(Value::Number);
    }
    if value.is_string() || value.is_char() {
        return Some(Value::String(value.to_string()));
    }
    if let Some(items) = value.read_lock::<rhai::Array>() {
        return items.iter().map(to_json).collect::<Option<Vec<_>>>().map(Value::Array);
    }
    if let Some(fields) = value.read_lock::<Map>() {
        return fields
            .iter()
            .map(|(k, v)| to_json(v).map(|v| (k.to_string(), v)))
            .collect::<Option<serde_json::Map<_, _>>>()
            .map(Value::Object);
    }
    None
}

/// A scalar as text for a query, a form or a header; `None` for arrays, maps and host values.
pub(crate) fn to_text(value: &Dynamic) -> Option<String> {
    let scalar = value.is_string()
        || value.is_char()
        || value.is_int()
        || value.is_float()
        || value.is_bool();
    scalar.then(|| value.to_string())
}
