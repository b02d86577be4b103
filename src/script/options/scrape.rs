//! `options.scrape`: pages of metrics, and what they tell.

use rhai::{Array, Dynamic, Map};

use super::{Reading, join};
use crate::metric::series::{LevelFigure, MappedResource};
use crate::plan::scrape::{ScrapeSource, check_page};

/// Keys of a page.
const PAGE_KEYS: [&str; 2] = ["url", "resources"];
/// Keys of a resource.
const RESOURCE_KEYS: [&str; 3] = ["used", "capacity", "waiting"];

impl Reading<'_> {
    /// A URL, a map with one, or an array of these.
    pub(super) fn scrapes(&mut self, options: &Map) -> Vec<ScrapeSource> {
        let Some(given) = options.get("scrape") else { return Vec::new() };
        let several = given.read_lock::<Array>().map(|pages| pages.to_vec());
        match several {
            Some(pages) => pages
                .iter()
                .enumerate()
                .filter_map(|(index, page)| self.page(&format!("scrape[{index}]"), page))
                .collect(),
            None => self.page("scrape", given).into_iter().collect(),
        }
    }

    fn page(&mut self, path: &str, given: &Dynamic) -> Option<ScrapeSource> {
        if given.is_string() {
            let url = self.page_url(path, given)?;
            return Some(ScrapeSource::unmapped(url));
        }
        let page = self.map(path, Some(given))?;
        self.unknown_keys(path, &page, &PAGE_KEYS);
        let Some(url) = page.get("url") else {
            let hint = Some("for example url: \"http://127.0.0.1:9100/metrics\"".to_owned());
            self.wrong(path, "a page to scrape needs its `url`".to_owned(), hint);
            return None;
        };
        let url = self.page_url(&join(path, "url"), url);
        let at = join(path, "resources");
        let resources = self.map(&at, page.get("resources")).unwrap_or_default();
        let names = self.in_script_order(&at, &resources);
        let resources = names
            .into_iter()
            .filter_map(|name| {
                let given = resources.get(name.as_str())?;
                self.resource(&join(&at, &name), name, given)
            })
            .collect();
        Some(ScrapeSource { url: url?, resources })
    }

    fn page_url(&mut self, path: &str, given: &Dynamic) -> Option<String> {
        let url = self.text(path, Some(given))?;
        check_page(&url).map_err(|error| self.wrong(path, error.to_string(), error.hint())).ok()?;
        Some(url)
    }

    fn resource(&mut self, path: &str, name: String, given: &Dynamic) -> Option<MappedResource> {
        let fields = self.map(path, Some(given))?;
        self.unknown_keys(path, &fields, &RESOURCE_KEYS);
        let [used, capacity, waiting] =
            RESOURCE_KEYS.map(|key| self.figure(&join(path, key), fields.get(key)));
        if !fields.contains_key("used") {
            let hint = Some("for example used: \"pool_connections_in_use\"".to_owned());
            self.wrong(path, format!("the resource `{name}` needs `used`"), hint);
        }
        Some(MappedResource { resource: name, used: used?, capacity, waiting })
    }

    /// A series as text, or a number that is always so.
    fn figure(&mut self, path: &str, given: Option<&Dynamic>) -> Option<LevelFigure> {
        let given = given?;
        if !given.is_string() {
            let number = self.number(path, Some(given))?;
            if number < 0.0 {
                self.wrong(path, format!("`{path}` is 0 or more, not {number}"), None);
                return None;
            }
            return Some(LevelFigure::Constant(number));
        }
        match given.to_string().parse() {
            Ok(series) => Some(LevelFigure::Series(series)),
            Err(error) => {
                let hint = "write name, name{label=\"value\"} or rate(name)".to_owned();
                self.wrong(path, format!("{given:?} is no series: {error}"), Some(hint));
                None
            }
        }
    }
}
