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
    base: Option<Rc<Url>>,
    fold_ids: bool,
    tags: Tags,
    group: Arc<str>,
}

impl Prepared {
    /// The request of `user`, if it is known. One who has headers of its own has requests of its own.
    pub(super) fn of(&self, user: &User) -> Option<Rc<HttpCall>> {
        let known = self.0.borrow();
        let known = known.as_ref()?;
        let place = user.place();
        let has_same_base = match (&known.base, &user.base) {
            (None, None) => true,
            (Some(known), Some(base)) => Rc::ptr_eq(known, base),
            _ => false,
        };
        let is_the_same = has_same_base
            && user.headers.borrow().is_empty()
            && known.fold_ids == user.fold_ids
            && Arc::ptr_eq(&known.tags, &place.tags)
            && is_same(&known.group, &place.group);
        is_the_same.then(|| Rc::clone(&known.call))
    }

    /// Notes what `user` asked for.
    pub(super) fn note(&self, user: &User, call: &Rc<HttpCall>) {
        if user.headers.borrow().is_empty() {
            self.0.replace(Some(Known {
                call: Rc::clone(call),
                base: user.base.clone(),
                fold_ids: user.fold_ids,
                tags: user.tags(),
                group: user.group(),
            }));
        }
    }
}
