//! Pages of metrics of the target or its machine, fetched once a second.

mod exposition;
mod fetch;
mod known;
mod reading;

use std::time::Duration;

use tokio::sync::mpsc;
use tokio::task::JoinSet;

use crate::clock::RunClock;
use crate::metric::ResourceLevel;
use crate::metric::series::MappedResource;
use reading::PageReader;

pub use exposition::ExpositionError;
pub use fetch::FetchError;

/// How long a page may take: less than until it is fetched again.
const FETCH_WITHIN: Duration = Duration::from_millis(800);
/// What may wait to be taken of all pages; beyond it a page is fetched later.
const NEWS_AHEAD: usize = 32;

/// A page and what it tells.
#[derive(Debug, Clone, PartialEq)]
pub struct ScrapePage {
    /// Name or address of the host.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// Path and query, from the slash on.
    pub path: String,
    /// What it tells; empty for the resources that are known by their usual names.
    pub resources: Vec<MappedResource>,
}

/// What became of fetching a page once.
#[derive(Debug)]
pub struct Scraped {
    /// Which page, in the order in which they were given.
    pub page: usize,
    /// What it said.
    pub outcome: Result<PageLevels, ScrapeError>,
}

/// What a page said.
#[derive(Debug, Default, PartialEq)]
pub struct PageLevels {
    /// Levels of the resources of which it tells; those that are rates come from the second time on.
    pub levels: Vec<ResourceLevel>,
    /// What it was to tell and does not, in words; only the first time.
    pub missing: Vec<String>,
}

/// Why a page was of no use.
#[derive(Debug, thiserror::Error)]
pub enum ScrapeError {
    /// It did not come.
    #[error(transparent)]
    Fetch(#[from] FetchError),
    /// It is not what it should be.
    #[error(transparent)]
    Exposition(#[from] ExpositionError),
}

/// Fetches pages until it is dropped.
#[derive(Debug)]
pub struct ScrapeWatch {
    news: mpsc::Receiver<Scraped>,
    /// Aborted when dropped.
    _pages: JoinSet<()>,
}

impl ScrapeWatch {
    /// Begins to fetch `pages` in the background of the current tokio runtime, which needs its drivers of time and of
    /// input and output. Each is fetched by itself: one that is slow does not hold up another.
    #[must_use]
    pub fn start(pages: Vec<ScrapePage>) -> Self {
        let (tell, news) = mpsc::channel(NEWS_AHEAD);
        let mut tasks = JoinSet::new();
        let is_only = pages.len() == 1;
        for (index, page) in pages.into_iter().enumerate() {
            let reader = PageReader::new(resources_of(&page, is_only));
            tasks.spawn(watch_page(index, page, reader, tell.clone()));
        }
        Self { news, _pages: tasks }
    }

    /// What became of the next fetch; `None` when there is no page.
    ///
    /// # Cancel safety
    /// Safe: what was fetched is either returned or still there.
    pub async fn next(&mut self) -> Option<Scraped> {
        self.news.recv().await
    }
}

/// What was mapped, or what is known by its usual name; with the page's host where several could tell of the same.
fn resources_of(page: &ScrapePage, is_only: bool) -> Vec<MappedResource> {
    if !page.resources.is_empty() {
        return page.resources.clone();
    }
    let mut resources = known::resources();
    for resource in resources.iter_mut().filter(|_| !is_only) {
        resource.resource += &format!(" ({}:{})", page.host, page.port);
    }
    resources
}

async fn watch_page(
    index: usize,
    page: ScrapePage,
    mut reader: PageReader,
    tell: mpsc::Sender<Scraped>,
) {
    let clock = RunClock::starting_now();
    let was_mapped = !page.resources.is_empty();
    let mut seconds = tokio::time::interval(Duration::from_secs(1));
    seconds.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Skip);
    loop {
        seconds.tick().await;
        let fetched = tokio::time::timeout(FETCH_WITHIN, fetch::fetch(&page)).await;
        let outcome = match fetched {
            Err(_) => Err(FetchError::TimedOut(FETCH_WITHIN).into()),
            Ok(Err(error)) => Err(error.into()),
            Ok(Ok(text)) => reader.read(&text, clock.now(), was_mapped).map_err(ScrapeError::from),
        };
        if tell.send(Scraped { page: index, outcome }).await.is_err() {
            return;
        }
    }
}

#[cfg(test)]
mod tests;
