//! Pages of metrics that are fetched while a run goes on.

use serde::{Deserialize, Serialize};
use url::Url;

use super::error::PlanError;
use super::layers::Wishes;
use crate::metric::series::MappedResource;

/// The most pages: each is fetched every second.
const MAX_PAGES: usize = 16;

/// One page, in the text format of Prometheus.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ScrapeSource {
    /// Where it is: an absolute `http` URL.
    pub url: String,
    /// What it tells; empty for the resources that are known by their usual names.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub resources: Vec<MappedResource>,
}

impl ScrapeSource {
    /// A page of which only the resources with usual names are known.
    #[must_use]
    pub fn unmapped(url: String) -> Self {
        Self { url, resources: Vec::new() }
    }
}

/// Checks that a page can be fetched from `url`.
///
/// # Errors
/// [`PlanError::Scrape`]: it is no absolute `http` URL, or holds a user and password.
pub fn check_page(url: &str) -> Result<(), PlanError> {
    let example = "write it whole, for example http://127.0.0.1:9100/metrics";
    let wrong = |reason: &str, hint: &'static str| {
        let url = super::http::without_user(url);
        Err(PlanError::Scrape { url, reason: reason.to_owned(), hint })
    };
    match Url::parse(url) {
        Err(error) => wrong(&error.to_string(), example),
        Ok(_) if !url.contains("://") => wrong("it has no scheme", example),
        Ok(parsed) if parsed.scheme() == "https" => wrong(
            "pages of metrics are fetched without TLS",
            "name the service's own port, or a local proxy that speaks http",
        ),
        Ok(parsed) if parsed.scheme() != "http" => wrong("its scheme is not http", example),
        Ok(parsed) if !parsed.username().is_empty() || parsed.password().is_some() => {
            wrong("it holds a user and password", "name a page that needs none")
        }
        Ok(_) => Ok(()),
    }
}

/// The pages of all layers, the lowest first; one that several name is as the lowest has it, or as the first that says what
/// it tells.
pub(super) fn pages(layers: &[&Wishes], problems: &mut Vec<PlanError>) -> Vec<ScrapeSource> {
    let mut kept: Vec<ScrapeSource> = Vec::new();
    for page in layers.iter().rev().flat_map(|layer| &layer.scrape) {
        match kept.iter_mut().find(|known| known.url == page.url) {
            Some(known) if known.resources.is_empty() => {
                known.resources.clone_from(&page.resources)
            }
            Some(_) => {}
            None => kept.push(page.clone()),
        }
    }
    problems.extend(kept.iter().filter_map(|page| check_page(&page.url).err()));
    if kept.len() > MAX_PAGES {
        let (value, max) = (kept.len() as u64, MAX_PAGES as u64);
        problems.push(PlanError::TooMany { what: "scrape", value, max });
    }
    check_names(&kept, problems);
    kept
}

/// Two resources of one name would be one in every report.
fn check_names(pages: &[ScrapeSource], problems: &mut Vec<PlanError>) {
    let mut names: Vec<&str> = pages
        .iter()
        .flat_map(|page| &page.resources)
        .map(|resource| resource.resource.as_str())
        .collect();
    names.sort_unstable();
    let twice = names.windows(2).find(|pair| pair[0] == pair[1]).map(|pair| pair[0].to_owned());
    problems.extend(twice.map(|name| PlanError::DuplicateResource { name }));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metric::series::LevelFigure;

    fn page(url: &str, resources: &[&str]) -> ScrapeSource {
        let resource = |name: &&str| MappedResource {
            resource: (*name).to_owned(),
            used: LevelFigure::Constant(1.0),
            capacity: None,
            waiting: None,
        };
        ScrapeSource { url: url.to_owned(), resources: resources.iter().map(resource).collect() }
    }

    fn wishes(scrape: Vec<ScrapeSource>) -> Wishes {
        Wishes { scrape, ..Wishes::default() }
    }

    #[test]
    fn pages_of_all_layers_add_up_and_keep_what_they_tell() {
        let (a, b) = ("http://a:1/metrics", "http://b:2/metrics");
        let typed = wishes(vec![page(b, &[]), page(a, &[])]);
        let script = wishes(vec![page(a, &["pool"])]);
        let mut problems = Vec::new();
        let kept = pages(&[&typed, &script], &mut problems);
        assert_eq!(kept, [page(a, &["pool"]), page(b, &[])]);
        assert_eq!(problems, []);
    }

    #[test]
    fn what_cannot_be_fetched_or_told_apart_is_refused() {
        for url in ["", "x", "localhost:9100/metrics", "https://a/m", "ftp://a/m", "http://u:p@a/m"]
        {
            let error = check_page(url).expect_err(url);
            assert!(error.hint().is_some() && !error.to_string().contains("u:p"), "{error}");
        }
        assert_eq!(check_page("http://[::1]:9100/metrics?x=1"), Ok(()));
        let mut problems = Vec::new();
        let both = wishes(vec![page("http://a/", &["pool"]), page("http://b/", &["pool"])]);
        pages(&[&both], &mut problems);
        assert_eq!(problems, [PlanError::DuplicateResource { name: "pool".to_owned() }]);
        problems.clear();
        let many = (0..17).map(|n| page(&format!("http://a:{n}/"), &[])).collect();
        pages(&[&wishes(many)], &mut problems);
        assert!(matches!(problems[..], [PlanError::TooMany { value: 17, .. }]), "{problems:?}");
    }
}
