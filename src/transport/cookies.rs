//! The cookies of one virtual user: a browser's rules, in bounded memory.

use std::collections::VecDeque;
use std::fmt;

use cookie_store::{Cookie, CookieStore, StoreAction};
use http::header::SET_COOKIE;
use http::{HeaderMap, HeaderValue};
use url::Url;

/// Cookies kept for one virtual user; the oldest goes when another comes.
pub const MAX_COOKIES: usize = 300;

/// The longest `Set-Cookie` that is taken, in bytes; RFC 6265 6.1 asks for at least this much.
pub const MAX_COOKIE_BYTES: usize = 4096;

/// The cookies of one virtual user. Empty ones cost next to nothing.
#[derive(Default)]
pub struct CookieJar {
    store: CookieStore,
    /// Oldest first; exactly the cookies in the store.
    order: VecDeque<Key>,
}

/// Domain, path and name: what tells one cookie from another.
type Key = (String, String, String);

impl fmt::Debug for CookieJar {
    /// The number of cookies; their values may be secrets.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CookieJar").field("len", &self.order.len()).finish_non_exhaustive()
    }
}

impl CookieJar {
    /// Takes what a response from `url` sets. What is malformed, too long or not `url`'s to set is
    /// passed over.
    pub fn store_response(&mut self, url: &Url, headers: &HeaderMap) {
        for value in headers.get_all(SET_COOKIE) {
            self.take(url, &String::from_utf8_lossy(value.as_bytes()));
        }
    }

    /// Sets a cookie for the host of `url` and all its paths, until the end of the run. `false` if
    /// it cannot be a cookie.
    pub fn set(&mut self, url: &Url, name: &str, value: &str) -> bool {
        let is_clean = |text: &str| !text.contains([';', '\r', '\n', '\0']);
        let is_name = !name.is_empty() && !name.contains('=');
        is_name
            && is_clean(name)
            && is_clean(value)
            && self.take(url, &format!("{name}={value}; Path=/"))
    }

    /// The value of the cookie that would be sent to `url` under this name.
    #[must_use]
    pub fn get(&self, url: &Url, name: &str) -> Option<String> {
        self.matching(url)
            .into_iter()
            .find(|cookie| cookie.name() == name)
            .map(|cookie| cookie.value().to_owned())
    }

    /// The names and values that would be sent to `url`, in the order of sending.
    #[must_use]
    pub fn all(&self, url: &Url) -> Vec<(String, String)> {
        let pair = |cookie: &Cookie<'_>| (cookie.name().to_owned(), cookie.value().to_owned());
        self.matching(url).into_iter().map(pair).collect()
    }

    /// Forgets all cookies.
    pub fn clear(&mut self) {
        *self = Self::default();
    }

    /// Cookies kept, those included that have run out and were not yet replaced.
    #[must_use]
    pub fn len(&self) -> usize {
        self.order.len()
    }

    /// Whether no cookie is kept.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.order.is_empty()
    }

    /// The `Cookie` header for a request to `url` whose script gave `own` itself; jar cookies of
    /// the same name give way.
    pub(super) fn header(&self, url: &Url, own: Option<&HeaderValue>) -> Option<HeaderValue> {
        if self.order.is_empty() {
            return own.cloned();
        }
        let mut header = own.map(|own| own.as_bytes().to_vec()).unwrap_or_default();
        let own_names: Vec<String> = String::from_utf8_lossy(&header)
            .split(';')
            .filter_map(|pair| Some(pair.split_once('=')?.0.trim().to_owned()))
            .collect();
        for cookie in self.matching(url) {
            if own_names.iter().any(|name| name == cookie.name()) {
                continue;
            }
            if !header.is_empty() {
                header.extend_from_slice(b"; ");
            }
            header.extend_from_slice(cookie.name().as_bytes());
            header.push(b'=');
            header.extend_from_slice(cookie.value().as_bytes());
        }
        HeaderValue::from_bytes(&header).ok().filter(|header| !header.is_empty())
    }

    /// RFC 6265 5.4: longer paths first. Then by name, since the store does not keep the order of
    /// creation.
    fn matching(&self, url: &Url) -> Vec<&Cookie<'static>> {
        let mut cookies = self.store.matches(url);
        cookies.sort_by(|a, b| {
            let by_path = b.path.as_ref().len().cmp(&a.path.as_ref().len());
            by_path.then_with(|| a.name().cmp(b.name()))
        });
        cookies
    }

    fn take(&mut self, url: &Url, text: &str) -> bool {
        if text.len() > MAX_COOKIE_BYTES {
            return false;
        }
        let Ok(cookie) = Cookie::parse(text, url).map(Cookie::into_owned) else { return false };
        let Some(domain) = cookie.domain.as_cow().map(std::borrow::Cow::into_owned) else {
            return false;
        };
        // A cookie for a whole top-level domain would be everyone's. (`localhost` may set one for
        // itself.)
        if !domain.contains('.') && url.host_str() != Some(&domain) {
            return false;
        }
        let key = (domain, String::from(&cookie.path), cookie.name().to_owned());
        match self.store.insert(cookie, url) {
            Ok(StoreAction::Inserted) => {
                self.order.push_back(key);
                self.make_room();
                true
            }
            Ok(StoreAction::UpdatedExisting) => true,
            Ok(StoreAction::ExpiredExisting) => {
                self.store.remove(&key.0, &key.1, &key.2);
                self.order.retain(|known| *known != key);
                true
            }
            Err(_) => false,
        }
    }

    fn make_room(&mut self) {
        while self.order.len() > MAX_COOKIES {
            if let Some((domain, path, name)) = self.order.pop_front() {
                self.store.remove(&domain, &path, &name);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn url(text: &str) -> Url {
        Url::parse(text).unwrap()
    }

    fn jar(at: &str, cookies: &[&str]) -> CookieJar {
        let mut jar = CookieJar::default();
        let headers =
            cookies.iter().map(|text| (SET_COOKIE, HeaderValue::from_str(text).unwrap())).collect();
        jar.store_response(&url(at), &headers);
        jar
    }

    fn header(jar: &CookieJar, to: &str) -> String {
        let header = jar.header(&url(to), None);
        header.map_or(String::new(), |header| header.to_str().unwrap().to_owned())
    }

    #[test]
    fn cookies_go_where_a_browser_would_send_them() {
        let set =
            ["a=1", "b=2; Path=/api", "c=3; Secure", "d=4; Domain=example.com", "e=5; HttpOnly"];
        let jar = jar("http://www.example.com/page", &set);
        assert_eq!(header(&jar, "http://www.example.com/api/y"), "b=2; a=1; d=4; e=5");
        assert_eq!(header(&jar, "https://www.example.com/"), "a=1; c=3; d=4; e=5");
        assert_eq!(header(&jar, "http://other.example.com/"), "d=4");
        assert_eq!(header(&jar, "http://example.org/"), "");
    }

    #[test]
    fn foreign_and_top_level_domains_are_refused() {
        let set = ["a=1; Domain=evil.test", "b=2; Domain=com", "c=3; Domain=good.example.com"];
        assert!(jar("http://example.com/", &set).is_empty());
        assert_eq!(jar("http://localhost:1/", &["a=1; Domain=localhost"]).len(), 1);
        assert_eq!(jar("http://127.0.0.1:1/", &["a=1"]).len(), 1);
    }

    #[test]
    fn an_expired_cookie_is_forgotten() {
        let mut jar = jar("http://h.test/", &["a=1", "b=2"]);
        let gone = [(SET_COOKIE, HeaderValue::from_static("a=; Max-Age=0"))];
        jar.store_response(&url("http://h.test/"), &HeaderMap::from_iter(gone));
        assert_eq!((header(&jar, "http://h.test/").as_str(), jar.len()), ("b=2", 1));
    }

    #[test]
    fn the_jar_is_bounded_and_keeps_the_newest() {
        let set: Vec<String> = (0..10_000).map(|index| format!("c{index}={index}")).collect();
        let jar = jar("http://h.test/", &set.iter().map(String::as_str).collect::<Vec<_>>());
        assert_eq!(jar.len(), MAX_COOKIES);
        assert_eq!(jar.all(&url("http://h.test/")).len(), MAX_COOKIES);
        assert_eq!(jar.get(&url("http://h.test/"), "c9999").unwrap(), "9999");
        assert_eq!(jar.get(&url("http://h.test/"), "c0"), None);
    }

    #[test]
    fn what_is_malformed_or_too_long_is_passed_over() {
        let long = format!("a={}", "x".repeat(1_000_000));
        let set = ["", "=", "no equals sign", "b=2; Expires=never ever", &long];
        let jar = jar("http://h.test/", &set);
        assert_eq!(header(&jar, "http://h.test/"), "b=2");
    }

    #[test]
    fn a_script_sets_and_overrides() {
        let mut jar = CookieJar::default();
        let at = url("http://h.test/deep/path");
        assert!(jar.set(&at, "a", "1") && jar.set(&at, "b", "2"));
        assert!(!jar.set(&at, "a", "1; Domain=x") && !jar.set(&at, "", "1"));
        let own = HeaderValue::from_static("a=mine");
        assert_eq!(jar.header(&at, Some(&own)).unwrap(), "a=mine; b=2");
        jar.clear();
        assert_eq!(jar.header(&at, Some(&own)).unwrap(), "a=mine");
    }
}
