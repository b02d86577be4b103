//! `replace` of strings, measured before it is done.
//!
//! Rhai looks at the size of a string after a function has made it. A replacement makes one whose length is a product, and the
//! memory for that would be asked for before anybody looks.

use rhai::{Engine, ImmutableString};

use super::Fallible;
use crate::script::reply::runtime_error;

/// Replaces Rhai's own.
pub(super) fn register(engine: &mut Engine, most_bytes: usize) {
    let replace = move |string: &mut ImmutableString, find: &str, with: &str| -> Fallible<()> {
        *string = replaced(string, find, with, most_bytes)?.into();
        Ok(())
    };
    engine
        .register_fn("replace", move |string: &mut ImmutableString, find: &str, with: &str| {
            replace(string, find, with)
        })
        .register_fn("replace", move |string: &mut ImmutableString, find: &str, with: char| {
            replace(string, find, with.encode_utf8(&mut [0; 4]))
        })
        .register_fn("replace", move |string: &mut ImmutableString, find: char, with: &str| {
            replace(string, find.encode_utf8(&mut [0; 4]), with)
        })
        .register_fn("replace", move |string: &mut ImmutableString, find: char, with: char| {
            let (mut find_bytes, mut with_bytes) = ([0; 4], [0; 4]);
            let with = with.encode_utf8(&mut with_bytes);
            replace(string, find.encode_utf8(&mut find_bytes), with)
        });
}

fn replaced(string: &str, find: &str, with: &str, most_bytes: usize) -> Fallible<String> {
    if string.is_empty() {
        return Ok(String::new());
    }
    let places = string.matches(find).count();
    let added = places.saturating_mul(with.len());
    let length = (string.len() - places * find.len()).saturating_add(added);
    if length > most_bytes {
        return Err(runtime_error(format!(
            "replace: the text would be longer than {most_bytes} B"
        )));
    }
    Ok(string.replace(find, with))
}
