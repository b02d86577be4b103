//! Who is asking: password hashes and sign-ins. Nothing here knows about HTTP.

pub(crate) mod password;
pub(crate) mod sessions;

pub(crate) use sessions::{Sessions, Token};
