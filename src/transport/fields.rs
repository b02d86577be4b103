//! The header fields of a response, read when somebody asks for them.
//!
//! Most scripts look at a status and go on. A map of fields costs several allocations and a hash for each field, so the direct
//! transport keeps the block as it came, and what the session has to know of it at every response.

use std::cell::OnceCell;
use std::fmt;
use std::ops::Deref;
use std::rc::Rc;

use http::HeaderMap;

/// The fields of a response; a [`HeaderMap`] as soon as they are looked at.
#[derive(Clone)]
pub struct Fields {
    /// Nobody has looked at it yet, and many responses may share it. `None` for none.
    block: Option<Rc<[u8]>>,
    read: fn(&[u8]) -> HeaderMap,
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
    pub(super) fn unread(
        block: Rc<[u8]>,
        mentions: Mentions,
        read: fn(&[u8]) -> HeaderMap,
    ) -> Self {
        Self { block: Some(block), read, map: OnceCell::new(), mentions }
    }

    /// Which fields that concern the session may be there.
    pub(super) fn mentions(&self) -> Mentions {
        self.mentions
    }
}

impl Default for Fields {
    fn default() -> Self {
        let none = Mentions { cookies: false, encoding: false };
        Self { block: None, read: |_| HeaderMap::new(), map: OnceCell::new(), mentions: none }
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
        self.map.get_or_init(|| Box::new((self.read)(self.block.as_deref().unwrap_or_default())))
    }
}

impl fmt::Debug for Fields {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&**self, f)
    }
}
