//! Levels of resources from the samples of a page.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use super::PageLevels;
use super::exposition::{ExpositionError, samples};
use crate::metric::series::{LevelFigure, MappedResource, SeriesQuery};
use crate::metric::{LevelUnit, ResourceLevel};

/// Reads one page over and over.
#[derive(Debug)]
pub(super) struct PageReader {
    resources: Vec<Resource>,
    is_first: bool,
}

#[derive(Debug)]
struct Resource {
    name: Arc<str>,
    unit: LevelUnit,
    used: Figure,
    capacity: Option<Figure>,
    waiting: Option<Figure>,
}

/// One figure, and what it takes to know a rate.
#[derive(Debug)]
struct Figure {
    of: LevelFigure,
    /// The sum of its series on this page; `None` when there are none.
    sum: Option<f64>,
    /// The sum on the page before, and when that was.
    before: Option<(Duration, f64)>,
}

impl PageReader {
    pub(super) fn new(resources: Vec<MappedResource>) -> Self {
        let resources = resources.into_iter().map(Resource::new).collect();
        Self { resources, is_first: true }
    }

    /// The levels of a page that was fetched at `at`. What is not on it is `missing`, the first time: of resources that
    /// somebody mapped each series, otherwise only that there is nothing at all.
    pub(super) fn read(
        &mut self,
        text: &str,
        at: Duration,
        was_mapped: bool,
    ) -> Result<PageLevels, ExpositionError> {
        self.sum_up(text)?;
        let mut page = PageLevels::default();
        if std::mem::take(&mut self.is_first) {
            page.missing = self.missing(was_mapped);
        }
        page.levels = self.resources.iter_mut().filter_map(|resource| resource.level(at)).collect();
        Ok(page)
    }

    fn sum_up(&mut self, text: &str) -> Result<(), ExpositionError> {
        let mut wanted: HashMap<String, Vec<&mut Figure>> = HashMap::new();
        for figure in self.resources.iter_mut().flat_map(Resource::figures_mut) {
            figure.sum = None;
            let LevelFigure::Series(query) = &figure.of else { continue };
            wanted.entry(query.name().to_owned()).or_default().push(figure);
        }
        samples(text, |sample| {
            let Some(figures) = wanted.get_mut(sample.series.name) else { return };
            for figure in figures {
                if figure.query().is_some_and(|query| query.matches(&sample.series)) {
                    figure.sum = Some(figure.sum.unwrap_or(0.0) + sample.value);
                }
            }
        })
    }

    fn missing(&self, was_mapped: bool) -> Vec<String> {
        let is_there = |figure: &Figure| figure.query().is_none() || figure.sum.is_some();
        if !was_mapped {
            let tells_nothing = !self.resources.iter().any(|resource| is_there(&resource.used));
            let words = "the page has no series that is known by its name; say with `scrape` in the script's options what it tells";
            return tells_nothing.then(|| words.to_owned()).into_iter().collect();
        }
        let of_resource = |resource: &Resource| -> Vec<String> {
            let figures = resource.figures().filter(|figure| !is_there(figure));
            let queries = figures.filter_map(Figure::query);
            queries
                .map(|query| format!("the page has no {query} for {:?}", resource.name))
                .collect()
        };
        self.resources.iter().flat_map(of_resource).collect()
    }
}

impl Resource {
    fn new(mapped: MappedResource) -> Self {
        let unit = match &mapped.used {
            LevelFigure::Series(query) => query.unit(),
            LevelFigure::Constant(_) => LevelUnit::Count,
        };
        let figure = |of| Figure { of, sum: None, before: None };
        Self {
            name: mapped.resource.into(),
            unit,
            used: figure(mapped.used),
            capacity: mapped.capacity.map(figure),
            waiting: mapped.waiting.map(figure),
        }
    }

    fn figures(&self) -> impl Iterator<Item = &Figure> {
        std::iter::once(&self.used).chain(&self.capacity).chain(&self.waiting)
    }

    fn figures_mut(&mut self) -> impl Iterator<Item = &mut Figure> {
        std::iter::once(&mut self.used).chain(&mut self.capacity).chain(&mut self.waiting)
    }

    fn level(&mut self, at: Duration) -> Option<ResourceLevel> {
        let value = |figure: &mut Option<Figure>| figure.as_mut().and_then(|f| f.value(at));
        let (capacity, saturation) = (value(&mut self.capacity), value(&mut self.waiting));
        let used = self.used.value(at)?;
        let capacity = capacity.filter(|capacity| *capacity > 0.0);
        let (resource, unit) = (self.name.clone(), self.unit);
        Some(ResourceLevel { resource, unit, used, capacity, saturation })
    }
}

impl Figure {
    fn query(&self) -> Option<&SeriesQuery> {
        match &self.of {
            LevelFigure::Series(query) => Some(query),
            LevelFigure::Constant(_) => None,
        }
    }

    /// `None` when the page does not tell, when what it tells is no figure of something in use, and for a rate the first
    /// time and after its counter began anew.
    fn value(&mut self, at: Duration) -> Option<f64> {
        let value = match &self.of {
            LevelFigure::Constant(value) => Some(*value),
            LevelFigure::Series(query) if query.is_rate() => {
                let before = std::mem::replace(&mut self.before, self.sum.map(|sum| (at, sum)));
                before.zip(self.sum).map(|((then, before), now)| {
                    (now - before) / at.saturating_sub(then).as_secs_f64()
                })
            }
            LevelFigure::Series(_) => self.sum,
        };
        value.filter(|value| value.is_finite() && *value >= 0.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mapped(resource: &str, [used, capacity, waiting]: [&str; 3]) -> MappedResource {
        let figure = |text: &str| match text.parse() {
            Ok(number) => LevelFigure::Constant(number),
            Err(_) => LevelFigure::Series(text.parse().expect(text)),
        };
        let perhaps = |text: &str| (!text.is_empty()).then(|| figure(text));
        MappedResource {
            resource: resource.to_owned(),
            used: figure(used),
            capacity: perhaps(capacity),
            waiting: perhaps(waiting),
        }
    }

    fn at(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    type Figures = (f64, Option<f64>, Option<f64>);

    fn figures(page: &PageLevels) -> Vec<Figures> {
        page.levels.iter().map(|level| (level.used, level.capacity, level.saturation)).collect()
    }

    #[test]
    fn a_pool_is_read_as_it_is_mapped_and_series_add_up() {
        let pool = mapped("db pool", [r#"in_use{db="a"}"#, "size", "waiting"]);
        let mut reader = PageReader::new(vec![pool]);
        let page = "in_use{db=\"a\",shard=\"1\"} 3\nin_use{db=\"a\",shard=\"2\"} 4\nin_use{db=\"b\"} 9\nsize 8\nwaiting 2\n";
        let read = reader.read(page, at(1), true).expect("a page");
        assert_eq!(figures(&read), [(7.0, Some(8.0), Some(2.0))]);
        assert_eq!((&*read.levels[0].resource, read.levels[0].unit), ("db pool", LevelUnit::Count));
        assert_eq!(read.missing, [""; 0]);
    }

    #[test]
    fn a_rate_is_the_change_a_second_and_begins_anew_with_its_counter() {
        let cpu = mapped("cpu", ["rate(process_cpu_seconds_total)", "4", ""]);
        let mut reader = PageReader::new(vec![cpu]);
        let mut read = |seconds, value: &str| {
            let page = format!("process_cpu_seconds_total {value}\n");
            figures(&reader.read(&page, at(seconds), true).expect("a page"))
        };
        assert_eq!(read(1, "10"), [], "a rate needs two pages");
        assert_eq!(read(3, "13"), [(1.5, Some(4.0), None)]);
        assert_eq!(read(4, "1"), [], "the target began anew");
        assert_eq!(read(5, "1.5"), [(0.5, Some(4.0), None)]);
        assert_eq!(read(6, "NaN"), []);
        assert_eq!(read(7, "2"), [], "what is no number has no change");
    }

    #[test]
    fn a_page_that_is_garbage_changes_nothing_that_is_known() {
        let mut reader = PageReader::new(vec![mapped("a", ["rate(a)", "", ""])]);
        reader.read("a 1", at(1), true).expect("a page");
        reader.read("a 5\n<html>", at(2), true).expect_err("no page");
        let read = reader.read("a 3", at(3), true).expect("a page");
        assert_eq!(figures(&read), [(1.0, None, None)]);
    }

    #[test]
    fn what_is_mapped_and_missing_is_said_once() {
        let pool = mapped("db pool", ["in_use", "sise", "8"]);
        let mut reader = PageReader::new(vec![pool]);
        let read = reader.read("in_use 1\n", at(1), true).expect("a page");
        assert_eq!(read.missing, ["the page has no sise for \"db pool\""]);
        assert_eq!(figures(&read), [(1.0, None, Some(8.0))]);
        assert_eq!(reader.read("in_use 1\n", at(2), true).expect("a page").missing, [""; 0]);
    }

    #[test]
    fn without_a_mapping_usual_names_are_known_and_their_absence_is_one_thing_to_say() {
        let known = super::super::known::resources;
        let page = "process_open_fds 12\nprocess_max_fds 1024\ngo_sql_in_use_connections 3\ngo_sql_max_open_connections 0\n";
        let read = PageReader::new(known()).read(page, at(1), false).expect("a page");
        assert_eq!(figures(&read), [(12.0, Some(1024.0), None), (3.0, None, None)]);
        assert_eq!(read.missing, [""; 0]);
        let nothing = PageReader::new(known()).read("up 1\n", at(1), false).expect("a page");
        assert_eq!((nothing.levels.len(), nothing.missing.len()), (0, 1), "{nothing:?}");
    }
}
