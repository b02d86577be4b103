//! Requests that come out the same each time they are made.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;

use url::Url;

use crate::metric::labels::Tags;
use crate::metric::mark::is_same;
use crate::script::call::HttpCall;
use crate::script::user::User;

/// What a statement of nothing but literals asked for when it was last run.
#[derive(Debug, Default)]
pub(super) struct Prepared(RefCell<Option<Known>>);

/// A request, and all that it was made of besides the statement.
#[derive(Debug)]
struct Known {
    call: Rc<HttpCall>,
    base: Option<Arc<Url>>,
    fold_ids: bool,
    tags: Tags,
    group: Arc<str>,
}

impl Prepared {
    /// The request of `user`, who has no headers of its own, if it is known.
    pub(super) fn of(&self, user: &User) -> Option<Rc<HttpCall>> {
        let known = self.0.borrow();
        let known = known.as_ref()?;
        let place = user.place();
        let is_the_same = known.base == user.base
            && known.fold_ids == user.fold_ids
            && is_same(&known.tags, &place.tags)
            && is_same(&known.group, &place.group);
        is_the_same.then(|| Rc::clone(&known.call))
    }

    /// Notes what `user`, who has no headers of its own, asked for.
    pub(super) fn note(&self, user: &User, call: &Rc<HttpCall>) {
        self.0.replace(Some(Known {
            call: Rc::clone(call),
            base: user.base.clone(),
            fold_ids: user.fold_ids,
            tags: user.tags(),
            group: user.group(),
        }));
    }
}
