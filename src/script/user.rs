//! One virtual user as its script sees it, and the port through which what it observes leaves.

use std::cell::{Cell, Ref, RefCell};
use std::fmt;
use std::rc::Rc;
use std::sync::Arc;

use rand::SeedableRng;
use rand_pcg::Pcg64Mcg;
use rhai::{Dynamic, Map};
use url::Url;

use crate::metric::labels::Tags;
use crate::metric::sink::{CustomValue, MetricKind};

/// What a script observes besides requests. The engine's recorder implements it; nothing here may block.
pub trait Observer {
    /// A check was made.
    fn check(&self, user: &User, name: &str, passed: bool);
    /// A custom metric got a value.
    fn custom(&self, user: &User, metric: &str, kind: MetricKind, value: CustomValue);
    /// The script printed a line.
    fn log(&self, user: &User, line: &str);
}

/// What makes one user differ from another.
#[derive(Debug, Clone)]
pub struct UserSeed {
    /// 1-based, unique in the run.
    pub id: u64,
    /// The scenario.
    pub scenario: Arc<str>,
    /// Seed of the run; with the id it seeds the user's random choices.
    pub seed: u64,
    /// Tags of the scenario.
    pub tags: Tags,
}

/// Where in its script a user is: what its samples are labelled with.
#[derive(Debug)]
pub struct Place {
    /// The task that runs.
    pub task: Arc<str>,
    /// Tags in force.
    pub tags: Tags,
    /// The group in force; outer and inner joined by `::`, empty outside.
    pub group: Arc<str>,
    /// The phase that the engine last said it is.
    pub phase: Arc<str>,
}

/// The state of one virtual user. Lives on one thread.
pub struct User {
    seed: UserSeed,
    iteration: Cell<u64>,
    place: RefCell<Place>,
    pub(crate) base: Option<Rc<Url>>,
    pub(crate) fold_ids: bool,
    pub(crate) data: RefCell<Dynamic>,
    pub(crate) vars: RefCell<Map>,
    pub(crate) headers: RefCell<Vec<(String, String)>>,
    pub(crate) cookies: RefCell<Vec<CookieChange>>,
    pub(crate) random: RefCell<Pcg64Mcg>,
    observer: Rc<dyn Observer>,
}

/// A change that a script made to its cookie jar; the engine applies it before the next request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CookieChange {
    /// Set a cookie for the target.
    Set(String, String),
    /// Forget all cookies.
    Clear,
}

impl fmt::Debug for User {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("User")
            .field("id", &self.seed.id)
            .field("scenario", &self.seed.scenario)
            .finish()
    }
}

impl User {
    /// A user without history.
    #[must_use]
    pub fn new(
        seed: UserSeed,
        base: Option<Rc<Url>>,
        fold_ids: bool,
        observer: Rc<dyn Observer>,
    ) -> Self {
        let random =
            Pcg64Mcg::seed_from_u64(seed.seed ^ seed.id.wrapping_mul(0x9E37_79B9_7F4A_7C15));
        Self {
            iteration: Cell::new(0),
            place: RefCell::new(Place {
                task: "".into(),
                tags: seed.tags.clone(),
                group: "".into(),
                phase: "".into(),
            }),
            base,
            fold_ids,
            data: RefCell::new(Dynamic::UNIT),
            vars: RefCell::new(Map::new()),
            headers: RefCell::new(Vec::new()),
            cookies: RefCell::new(Vec::new()),
            random: RefCell::new(random),
            observer,
            seed,
        }
    }

    /// 1-based, unique in the run.
    #[must_use]
    pub fn id(&self) -> u64 {
        self.seed.id
    }

    /// The base of relative URLs.
    #[must_use]
    pub fn target(&self) -> Option<&str> {
        self.base.as_ref().map(|base| base.as_str())
    }

    /// The scenario.
    #[must_use]
    pub fn scenario(&self) -> &Arc<str> {
        &self.seed.scenario
    }

    /// Where in its script it is. Not to be held while the script goes on.
    #[must_use]
    pub fn place(&self) -> Ref<'_, Place> {
        self.place.borrow()
    }

    /// The task that runs.
    #[must_use]
    pub fn task(&self) -> Arc<str> {
        self.place.borrow().task.clone()
    }

    /// 0-based index of the user's iteration.
    #[must_use]
    pub fn iteration(&self) -> u64 {
        self.iteration.get()
    }

    /// Begins a task: tags and groups of the one before are gone.
    pub fn begin(&self, task: &Arc<str>, iteration: u64) {
        self.iteration.set(iteration);
        let place = &mut *self.place.borrow_mut();
        replace(&mut place.task, task);
        replace(&mut place.tags, &self.seed.tags);
        if !place.group.is_empty() {
            place.group = "".into();
        }
    }

    /// Tags in force.
    #[must_use]
    pub fn tags(&self) -> Tags {
        self.place.borrow().tags.clone()
    }

    /// The group in force; outer and inner joined by `::`.
    #[must_use]
    pub fn group(&self) -> Arc<str> {
        self.place.borrow().group.clone()
    }

    /// The engine says which phase it is.
    pub fn set_phase(&self, phase: &Arc<str>) {
        replace(&mut self.place.borrow_mut().phase, phase);
    }

    pub(crate) fn set_group(&self, group: Arc<str>) {
        self.place.borrow_mut().group = group;
    }

    pub(crate) fn set_tag(&self, key: &str, value: &str) {
        let place = &mut *self.place.borrow_mut();
        place.tags = with_tags(&place.tags, [(key.to_owned(), value.to_owned())]);
    }

    /// Gives the user what `setup` returned.
    pub fn set_data(&self, data: Dynamic) {
        *self.data.borrow_mut() = data;
    }

    /// Whether there are cookie changes to take.
    #[must_use]
    pub fn has_cookie_changes(&self) -> bool {
        !self.cookies.borrow().is_empty()
    }

    /// Cookie changes since the last call.
    #[must_use]
    pub fn take_cookie_changes(&self) -> Vec<CookieChange> {
        self.cookies.take()
    }

    /// Where observations go.
    pub(crate) fn observer(&self) -> &dyn Observer {
        &*self.observer
    }
}

/// Puts a shared value in the place of another, if it is another.
fn replace<T: ?Sized>(place: &mut Arc<T>, with: &Arc<T>) {
    if !Arc::ptr_eq(place, with) {
        *place = with.clone();
    }
}

/// Tags with some added or replaced, sorted by key.
pub(crate) fn with_tags(tags: &Tags, more: impl IntoIterator<Item = (String, String)>) -> Tags {
    let mut all: Vec<(Arc<str>, Arc<str>)> = tags.to_vec();
    for (key, value) in more {
        match all.iter_mut().find(|(k, _)| **k == *key) {
            Some(slot) => slot.1 = value.into(),
            None => all.push((key.into(), value.into())),
        }
    }
    all.sort();
    all.into()
}
