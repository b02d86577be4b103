//! Pages of metrics beside a run: which are fetched, what they said since the last second, and how often they failed.

use std::time::Duration;

use url::Url;

use super::watching::Watched;
use crate::clock::RunClock;
use crate::metric::ResourceLevel;
use crate::metric::series::MappedResource;
use crate::record::{LevelSample, ScrapeAccount};
use crate::watch::{ScrapePage, ScrapeWatch, Scraped, command_listening_on};

/// The sample service, as its program and as a verb of this one.
const SAMPLE_SERVICE: &str = "target-api";

/// The page at `url`; `None` when it is no URL with a host.
pub(super) fn page_of(url: &str, resources: Vec<MappedResource>) -> Option<ScrapePage> {
    let url = Url::parse(url).ok()?;
    let query = url.query().map(|query| format!("?{query}")).unwrap_or_default();
    Some(ScrapePage {
        host: url.host_str()?.trim_matches(['[', ']']).to_owned(),
        port: url.port_or_known_default()?,
        path: format!("{}{query}", url.path()),
        resources,
    })
}

/// The page that the sample service at `target` has.
pub(super) fn page_of_sample_service(target: &str) -> Option<ScrapePage> {
    let url = Url::parse(target).ok()?.join("/metrics").ok()?;
    (url.scheme() == "http").then(|| page_of(url.as_str(), Vec::new())).flatten()
}

/// Whether this command line is the sample service's.
fn is_sample_service(words: &[String]) -> bool {
    let program = words.first().and_then(|path| path.rsplit('/').next());
    program == Some(SAMPLE_SERVICE) || words.get(1).is_some_and(|verb| verb == SAMPLE_SERVICE)
}

/// Whether the process that listens at one of the target's addresses is the sample service. Its children do not count: a
/// program may start one and be something else, and is not to be asked for pages that nobody named.
fn sample_service_listens(watched: &Watched) -> bool {
    let commands = watched.destinations.iter().filter_map(|address| command_listening_on(*address));
    commands.take(1).any(|words| is_sample_service(&words))
}

/// What is fetched, and what became of it.
#[derive(Debug)]
pub(super) struct Scrapes {
    watch: ScrapeWatch,
    clock: RunClock,
    pages: Vec<Page>,
    /// With the times at which they came.
    levels: Vec<(Duration, ResourceLevel)>,
    warnings: Vec<String>,
}

#[derive(Debug)]
struct Page {
    account: ScrapeAccount,
    /// Somebody named it, and is told what is wrong with it.
    was_asked_for: bool,
}

impl Scrapes {
    /// Begins to fetch what was asked for, and beside that the page of the sample service where the target is one on this
    /// machine. Needs a tokio runtime.
    pub(super) fn start(watched: &Watched) -> Self {
        let mut pages = watched.pages.clone();
        let asked_for = pages.len();
        let own = watched.own_page.iter().filter(|own| {
            let is_known = |page: &ScrapePage| page.port == own.port && page.path == own.path;
            !pages.iter().any(is_known) && sample_service_listens(watched)
        });
        let own: Vec<ScrapePage> = own.cloned().collect();
        pages.extend(own);
        let accounts = pages.iter().enumerate().map(|(index, page)| Page {
            account: ScrapeAccount { url: shown(page), ..ScrapeAccount::default() },
            was_asked_for: index < asked_for,
        });
        Self {
            pages: accounts.collect(),
            watch: ScrapeWatch::start(pages),
            clock: RunClock::starting_now(),
            levels: Vec::new(),
            warnings: Vec::new(),
        }
    }

    /// Waits until a page has come or failed, and notes it; for ever when there are no pages.
    ///
    /// # Cancel safety
    /// Safe: what has come is noted or still there.
    pub(super) async fn next(&mut self) {
        match self.watch.next().await {
            Some(scraped) => self.note(scraped),
            None => std::future::pending().await,
        }
    }

    fn note(&mut self, scraped: Scraped) {
        let Some(page) = self.pages.get_mut(scraped.page) else { return };
        let account = &mut page.account;
        match scraped.outcome {
            Ok(read) => {
                account.done += 1;
                let now = self.clock.now();
                self.levels.extend(read.levels.into_iter().map(|level| (now, level)));
                if page.was_asked_for {
                    let about = |missing| format!("{}: {missing}", account.url);
                    self.warnings.extend(read.missing.into_iter().map(about));
                }
            }
            Err(error) => {
                account.failed += 1;
                if page.was_asked_for && account.failed == 1 {
                    self.warnings.push(format!(
                        "{} could not be scraped: {error}; it is tried each second, and the report says how often it failed",
                        account.url
                    ));
                }
                account.last_error = Some(error.to_string());
            }
        }
    }

    /// Levels since the last call; their time is for how long they have been here.
    pub(super) fn take_levels(&mut self) -> Vec<LevelSample> {
        let now = self.clock.now();
        let levels = std::mem::take(&mut self.levels).into_iter();
        levels.map(|(at, level)| LevelSample { at: now.saturating_sub(at), level }).collect()
    }

    /// What is to be said since the last call.
    pub(super) fn take_warnings(&mut self) -> Vec<String> {
        std::mem::take(&mut self.warnings)
    }

    /// What became of each page until now.
    pub(super) fn accounts(&self) -> Vec<ScrapeAccount> {
        self.pages.iter().map(|page| page.account.clone()).collect()
    }
}

/// Without its query, which may hold a token.
fn shown(page: &ScrapePage) -> String {
    let path = page.path.split('?').next().unwrap_or_default();
    let host = if page.host.contains(':') { format!("[{}]", page.host) } else { page.host.clone() };
    format!("http://{host}:{}{path}", page.port)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_is_taken_apart_and_shown_without_what_may_be_secret() {
        let page = page_of("http://[::1]:9100/metrics?token=x", Vec::new()).expect("a page");
        assert_eq!((page.host.as_str(), page.port), ("::1", 9100));
        assert_eq!(page.path, "/metrics?token=x");
        assert_eq!(shown(&page), "http://[::1]:9100/metrics");
        let plain = page_of("http://shop.test", Vec::new()).expect("a page");
        assert_eq!((plain.port, shown(&plain).as_str()), (80, "http://shop.test:80/"));
        let own = page_of_sample_service("http://127.0.0.1:8117/api/").expect("a page");
        assert_eq!(shown(&own), "http://127.0.0.1:8117/metrics");
        assert_eq!(page_of_sample_service("https://127.0.0.1:8117"), None);
    }

    #[test]
    fn the_sample_service_is_known_by_its_command_line() {
        let words = |line: &str| line.split(' ').map(str::to_owned).collect::<Vec<_>>();
        for service in ["/opt/bin/target-api --port 0", "target-api", "/usr/bin/rhaid target-api"] {
            assert!(is_sample_service(&words(service)), "{service}");
        }
        for other in ["", "nginx", "vi src/target-api", "/opt/target-api/server x"] {
            assert!(!is_sample_service(&words(other)), "{other}");
        }
    }
}
