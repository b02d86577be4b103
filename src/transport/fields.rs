//! The header fields of a response, read when somebody asks for them.
//!
//! Most scripts look at a status and go on. A map of fields costs several allocations and a hash for each field, so the direct
//! transport keeps the block as it came, and what the session has to know of it at every response.

use std::cell::OnceCell;
use std::fmt;
use std::ops::Deref;

use bytes::Bytes;
use http::HeaderMap;

/// The fields of a response; a [`HeaderMap`] as soon as they are looked at.
#[derive(Clone)]
pub struct Fields {
    block: Bytes,
    read: fn(&Bytes) -> HeaderMap,
    map: OnceCell<Box<HeaderMap>>,
    mentions: Mentions,
}

/// Which fields that concern the session are there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Mentions {
    pub(super) cookies: bool,
    pub(super) encoding: bool,
}

impl Fields {
    /// The fields of a `block` that `read` can read.
    pub(super) fn unread(block: Bytes, mentions: Mentions, read: fn(&Bytes) -> HeaderMap) -> Self {
        Self { block, read, map: OnceCell::new(), mentions }
    }

    /// Which fields that concern the session may be there.
    pub(super) fn mentions(&self) -> Mentions {
        self.mentions
    }
}

impl Default for Fields {
    fn default() -> Self {
        let none = Mentions { cookies: false, encoding: false };
        Self::unread(Bytes::new(), none, |_| HeaderMap::new())
    }
}

impl From<HeaderMap> for Fields {
    fn from(map: HeaderMap) -> Self {
        let all = Mentions { cookies: true, encoding: true };
        Self { map: OnceCell::from(Box::new(map)), mentions: all, ..Self::default() }
    }
}

impl Deref for Fields {
    type Target = HeaderMap;

    fn deref(&self) -> &HeaderMap {
        self.map.get_or_init(|| Box::new((self.read)(&self.block)))
    }
}

impl fmt::Debug for Fields {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&**self, f)
    }
}
