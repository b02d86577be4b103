//! Addresses that a script has asked for before, with what was made of them: a script says the same few again and again.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;

use url::Url;

use super::Fallible;
use crate::metric::mark::mixed_text;
use crate::plan::step_name::step_name;
use crate::script::reply::runtime_error;
use crate::script::user::User;

/// Addresses remembered for each thread. Two that share a place take turns, which costs time and nothing else.
const REMEMBERED: usize = 256;

/// A method and an address as requests need them.
#[derive(Debug, Clone)]
pub(super) struct Site {
    pub(super) method: Arc<str>,
    pub(super) url: Rc<Url>,
    /// The step's name, unless the script gives one.
    pub(super) name: Arc<str>,
}

/// What one thread remembers.
#[derive(Debug)]
pub(crate) struct Sites {
    known: RefCell<Vec<Option<Known>>>,
}

#[derive(Debug)]
struct Known {
    given: Box<str>,
    base: Option<Rc<Url>>,
    fold_ids: bool,
    site: Site,
}

impl Default for Sites {
    fn default() -> Self {
        Self { known: RefCell::new(std::iter::repeat_with(|| None).take(REMEMBERED).collect()) }
    }
}

impl Sites {
    /// The site of an address as a script gave it.
    ///
    /// # Errors
    /// When it is no URL, or has no host and there is no base.
    pub(super) fn of(&self, user: &User, method: &str, given: &str) -> Fallible<Site> {
        let place = place(method, given);
        if let Some(known) = &self.known.borrow()[place]
            && *known.given == *given
            && *known.site.method == *method
            && known.fold_ids == user.fold_ids
            && known.base == user.base
        {
            return Ok(known.site.clone());
        }
        let url = absolute(user, method, given)?;
        let target = user.base.as_ref().map(|base| base.as_str());
        let name = step_name(method, url.as_str(), target, user.fold_ids).into();
        let site = Site { method: method.into(), url: url.into(), name };
        self.known.borrow_mut()[place] = Some(Known {
            given: given.into(),
            base: user.base.clone(),
            fold_ids: user.fold_ids,
            site: site.clone(),
        });
        Ok(site)
    }
}

/// Where an address is remembered.
fn place(method: &str, given: &str) -> usize {
    mixed_text(mixed_text(0, method), given) as usize % REMEMBERED
}

fn absolute(user: &User, method: &str, url: &str) -> Fallible<Url> {
    if url.starts_with("http://") || url.starts_with("https://") {
        return Url::parse(url)
            .map_err(|error| runtime_error(format!("{url:?} is not a URL: {error}")));
    }
    let Some(base) = &user.base else {
        return Err(runtime_error(format!(
            "{method} {url} has no host: name one with `target` in `options` or with --target"
        )));
    };
    let slash =
        if url.starts_with('/') || url.starts_with('?') || url.is_empty() { "" } else { "/" };
    let joined = format!("{}{slash}{url}", base.as_str().trim_end_matches('/'));
    Url::parse(&joined).map_err(|error| runtime_error(format!("{joined:?} is not a URL: {error}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_addresses_spread_over_the_places() {
        let of = |index: u32| place("GET", &format!("/api/teams/{index}"));
        let mut places: Vec<usize> = (0..64).map(of).collect();
        places.sort_unstable();
        places.dedup();
        // 64 balls in 256 boxes hit 57 of them on average.
        assert!(places.len() > 45, "{}", places.len());
        assert_ne!(place("GET", "/"), place("PUT", "/"));
        assert_ne!(place("POST", "/"), place("PUT", "/"));
    }
}
