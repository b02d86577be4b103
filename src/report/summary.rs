//! A run as text: what stands on the terminal at its end, and what `report ID` shows again.

use super::chart::{ChartOptions, load_charts};
use super::grid::Grid;
use super::view::{ResourceView, RunView, StressView};
use super::{TextOptions, bench, sections, show, stress};
use crate::analysis::steady::SteadyLabel;
use crate::metric::Quantile;
use crate::record::{RunRecord, RunStatus, SteadinessFinding, Verdict};
use crate::units::{show_bytes, show_count};

const BOLD: &str = "1";
const RED: &str = "31";
const GREEN: &str = "32";
const YELLOW: &str = "33";
/// Charts do not get better by being wider.
const WIDEST_CHART: usize = 100;
/// The database that needs no `--db`.
const DEFAULT_DB: &str = "rhaid.db";

/// What the figures of the tables are.
const TIMES: &str =
    "http_req_response_time, from when a request was due; svc: http_req_duration, on the wire";
/// Columns that give way on a narrow terminal, first the first.
const LEAST_NEEDED: [&str; 13] = [
    "VUs",
    "for",
    "svc p50",
    "svc p95",
    "min",
    "dropped",
    "avg",
    "p99.9",
    "svc p99",
    "max",
    "lag p99",
    "in flight",
    "growth/s",
];

/// The summary of a run, with a final line break.
#[must_use]
pub fn summary(record: &RunRecord, options: &TextOptions) -> String {
    let view = RunView::of(record);
    let mut page = Page { out: String::new(), options };
    page.title(&view);
    page.thresholds(&view);
    page.verdict(&view);
    if let Some(found) = &view.stress {
        page.stress(found);
    }
    page.benchmark(&view);
    // Beside the endpoints the steps would be the same requests once more, with those of warm-ups among them.
    if view.endpoints.is_empty() {
        page.table(&format!("steps: {TIMES}"), &page.fitted(sections::steps(&view)));
    }
    // The phases of a search are its probes, and those of a benchmark its endpoints; these have tables of their own.
    let is_in_legs = view.stress.is_some() || !view.endpoints.is_empty();
    let phases = if is_in_legs { &[] } else { &view.phases[..] };
    if !phases.is_empty() {
        page.table(&format!("phases: {TIMES}"), &page.fitted(sections::phases(&view)));
    }
    for phase in phases.iter().filter(|phase| phase.steps.len() > 1) {
        page.table(&format!("phase {}", phase.name), &page.fitted(sections::phase_steps(phase)));
    }
    page.course(&view);
    page.table("events", &sections::events(&view));
    page.recoveries(&view);
    page.checks(&view);
    page.table("errors", &sections::errors(&view));
    page.table("metrics", &sections::metrics(&view));
    page.health(&view);
    page.table("resources: docs/resources.md says what each is", &sections::levels(&view));
    page.scrapes(&view);
    page.totals(&view);
    page.legend();
    page.stored(&view);
    if options.ascii { page.out.replace('µ', "u").replace('≥', ">=") } else { page.out }
}

/// Text that grows downwards.
struct Page<'o> {
    out: String,
    options: &'o TextOptions,
}

impl Page<'_> {
    fn line(&mut self, text: &str) {
        self.out.push_str(text.trim_end());
        self.out.push('\n');
    }

    fn heading(&mut self, text: &str) {
        let heading = self.paint(BOLD, text);
        self.line("");
        self.line(&heading);
    }

    fn paint(&self, colour: &str, text: &str) -> String {
        if self.options.colour {
            format!("\u{1b}[{colour}m{text}\u{1b}[0m")
        } else {
            text.to_owned()
        }
    }

    /// A mark for what held or did not.
    fn mark(&self, held: bool) -> String {
        let (colour, mark, ascii) =
            if held { (GREEN, "✓", "ok  ") } else { (RED, "✗", "FAIL") };
        self.paint(colour, if self.options.ascii { ascii } else { mark })
    }

    fn dot(&self) -> &'static str {
        if self.options.ascii { " - " } else { " · " }
    }

    fn fitted(&self, grid: Grid) -> Grid {
        grid.fitted(self.options.width, &LEAST_NEEDED)
    }

    fn table(&mut self, title: &str, grid: &Grid) {
        if grid.is_empty() {
            return;
        }
        self.heading(title);
        self.out += &grid.to_text(self.options.width, self.options.ascii);
    }

    fn title(&mut self, view: &RunView) {
        let mut parts =
            vec![self.paint(BOLD, &view.name), view.test_type.clone(), view.load.clone()];
        parts.extend(view.target.clone());
        parts.push(format!("{} after {}", view.status.as_str(), show::span(view.elapsed_s)));
        let title = parts.join(self.dot());
        self.line(&title);
        if view.is_insecure {
            let banner = "INSECURE: certificates were not verified; anyone could have answered";
            let banner = self.paint(RED, banner);
            self.line(&banner);
        }
    }

    fn thresholds(&mut self, view: &RunView) {
        if view.thresholds.is_empty() {
            return;
        }
        self.heading("thresholds");
        let widest =
            view.thresholds.iter().map(|t| t.expression.chars().count()).max().unwrap_or(0);
        for threshold in &view.thresholds {
            let aborted = if threshold.aborted { "  ended the run" } else { "" };
            let line = format!(
                "  {} {:widest$}  {}{aborted}",
                self.mark(threshold.passed),
                threshold.expression,
                show::actual(threshold)
            );
            self.line(&line);
        }
    }

    fn verdict(&mut self, view: &RunView) {
        let failed = view.thresholds.iter().filter(|threshold| !threshold.passed).count();
        let all = show::plural(view.thresholds.len() as u64, "threshold");
        let is_cut_short = matches!(view.status, RunStatus::Running | RunStatus::Interrupted);
        let so_far = if is_cut_short { " so far" } else { "" };
        let mut parts = Vec::new();
        match (failed, view.thresholds.len()) {
            (_, 0) => {}
            (0, _) => parts.push(self.paint(GREEN, "PASSED") + &format!(" {all}{so_far}")),
            (failed, _) => parts.push(self.paint(RED, "FAILED") + &format!(" {failed} of {all}")),
        }
        if let Some(validity) = &view.validity {
            let verdict = self.paint(colour_of(validity.verdict), validity.verdict.as_str());
            parts.push(format!("numbers {verdict}"));
        }
        parts.extend(view.exit_code.map(|code| format!("exit code {code}")));
        if !parts.is_empty() {
            self.heading("verdict");
            let line = format!("  {}", parts.join(self.dot()));
            self.line(&line);
        }
        if let Some(validity) = &view.validity {
            for (reason, about) in validity.reasons.iter().zip(&validity.signals) {
                let verdict = self.paint(colour_of(about.verdict), &format!("{:8}", about.verdict));
                self.wrapped(&format!("  {verdict}  "), reason);
            }
            for note in &validity.notes {
                self.wrapped("  note      ", note);
            }
        }
    }

    /// A paragraph after a word of twelve columns.
    fn wrapped(&mut self, lead: &str, text: &str) {
        self.paragraph(lead, 12, text);
    }

    /// A paragraph whose lines but the first begin at column `indent`.
    fn paragraph(&mut self, lead: &str, indent: usize, text: &str) {
        let width = self.options.width.saturating_sub(indent).max(20);
        let mut line = String::new();
        let mut lead = lead.to_owned();
        for word in text.split(' ') {
            if !line.is_empty() && line.chars().count() + 1 + word.chars().count() > width {
                self.line(&format!("{lead}{line}"));
                lead = " ".repeat(indent);
                line.clear();
            }
            if !line.is_empty() {
                line.push(' ');
            }
            line.push_str(word);
        }
        self.line(&format!("{lead}{line}"));
    }

    fn stress(&mut self, found: &StressView) {
        self.heading("capacity");
        let answer = self.paint(BOLD, &stress::stress_answer(&found.finding));
        self.line(&format!("  {answer}"));
        for remark in stress::remarks(&found.finding) {
            self.paragraph("  ", 2, &remark);
        }
        self.table("probes", &self.fitted(stress::probes(&found.finding)));
        if let Some(knee) = &found.finding.knee {
            self.heading("knee");
            knee.words.iter().for_each(|words| self.paragraph("  ", 2, words));
            let size = ChartOptions {
                width: self.options.width.min(WIDEST_CHART),
                ascii: self.options.ascii,
                ..ChartOptions::default()
            };
            for chart in load_charts(&found.finding.curve, knee) {
                self.line("");
                self.out += &chart.render(size);
            }
        }
        if let Some(bottleneck) = &found.bottleneck {
            self.heading("what saturates first");
            self.paragraph("  ", 2, &bottleneck.words);
            self.table("resources against throughput", &stress::resources(bottleneck));
        }
    }

    fn benchmark(&mut self, view: &RunView) {
        if view.endpoints.is_empty() {
            return;
        }
        let title = "endpoints, each alone: http_req_response_time, from when a request was due";
        self.table(title, &self.fitted(bench::endpoints(&view.endpoints)));
        self.line("  closed model: each user requests again as soon as it is answered, without think time");
    }

    fn checks(&mut self, view: &RunView) {
        if view.checks.is_empty() {
            return;
        }
        self.heading("checks");
        for check in &view.checks {
            let all = check.passes + check.fails;
            let task =
                if check.task.is_empty() { String::new() } else { format!(" ({})", check.task) };
            let (passes, all) = (show_count(check.passes), show_count(all));
            let mark = self.mark(check.fails == 0);
            self.line(&format!("  {mark} {}{task}  {passes} of {all}", check.name));
        }
    }

    fn recoveries(&mut self, view: &RunView) {
        if view.recoveries.is_empty() {
            return;
        }
        self.heading("recovery");
        for found in &view.recoveries {
            let recovery = &found.recovery;
            self.line(&format!("  after {}: {}", found.disturbance, recovery.message));
            let drained = match recovery.backlog_drain_s {
                Some(seconds) => format!("backlog drained after {seconds:.0} s"),
                None => "backlog not drained".to_owned(),
            };
            let parts = [
                format!("compared with {}", found.baseline),
                drained,
                format!("{:.0} user-seconds of pain", recovery.pain_user_s),
                format!("{} slow requests", show_count(recovery.slow_requests)),
            ];
            let line = format!("  {}", parts.join(self.dot()));
            self.line(&line);
        }
    }

    /// Warm-up, how sure the 99th percentile is, and what a closed load may have missed.
    fn course(&mut self, view: &RunView) {
        let mut lines: Vec<String> = view.steadiness.iter().map(steadiness_line).collect();
        if let Some(interval) = &view.p99_interval {
            let ms = |s: f64| show::time(Some(s * 1e3));
            let upper = interval.upper_s.map_or("more than was seen".to_owned(), ms);
            let (value, lower) = (ms(interval.value_s), ms(interval.lower_s));
            lines.push(format!(
                "  p99 of all response times {value}, at 95 % between {lower} and {upper}"
            ));
        }
        if let Some(exposure) = &view.exposure {
            let ms = |ms: f64| show::time(Some(ms));
            lines.push(format!(
                "  closed model: times are those of its users; p99 {} seen, {} if requests had come every {} (estimate)",
                ms(exposure.p99_raw_ms),
                ms(exposure.p99_corrected_ms),
                ms(exposure.interval_ms)
            ));
        }
        if !lines.is_empty() {
            self.heading("course");
            lines.iter().for_each(|line| self.line(line));
        }
    }

    fn health(&mut self, view: &RunView) {
        let owners = [("generator", &view.resources.generator), ("target", &view.resources.target)];
        if owners.iter().all(|(_, found)| found.is_none()) {
            return;
        }
        self.heading("health");
        for (owner, found) in owners {
            if let Some(found) = found {
                let line = format!("  {owner:9}  {}", health_line(found, self.dot()));
                self.line(&line);
            }
        }
        if view.validity.is_some() {
            let line = format!("  {:9}  {}", "limits", limits_line(view, self.dot()));
            self.line(&line);
        }
    }

    /// Pages that could not be fetched, and levels that were not kept.
    fn scrapes(&mut self, view: &RunView) {
        let resources = &view.resources;
        for scrape in resources.scrapes.iter().filter(|scrape| scrape.failed > 0) {
            let (failed, all) =
                (show_count(scrape.failed), show_count(scrape.done + scrape.failed));
            let why = scrape.last_error.as_deref().unwrap_or("no reason");
            self.wrapped(
                "  scrape    ",
                &format!("{failed} of {all} of {} failed: {why}", scrape.url),
            );
        }
        if resources.levels_overflowed > 0 {
            let all = show::plural(resources.levels_overflowed, "level");
            self.wrapped(
                "  not kept  ",
                &format!("{all} of resources beyond the bound of 64, or no figures"),
            );
        }
    }

    fn totals(&mut self, view: &RunView) {
        let totals = &view.totals;
        let dot = self.dot();
        let count = show_count;
        let by = view.generator.transport.as_deref();
        let by = by.map_or_else(String::new, |name| format!("{dot}by {name}"));
        self.heading("totals");
        self.line(&format!(
            "  iterations  {} planned = {} started + {} dropped{dot}{} completed{dot}{} interrupted{dot}{} failed",
            count(totals.planned),
            count(totals.started),
            count(totals.dropped),
            count(totals.completed),
            count(totals.interrupted),
            count(totals.failed_iterations)
        ));
        self.line(&format!(
            "  requests    {} sent{dot}{} done{dot}{} failed ({} %){dot}{} successful{by}",
            count(totals.sent),
            count(totals.requests),
            count(totals.failed),
            show::percent(totals.error_ratio),
            show::rate(Some(totals.throughput))
        ));
        if totals.dropped + totals.times.censored > 0 {
            self.line(&format!(
                "  unseen      {} unsent{dot}{} whose end was not seen (≥)",
                show::plural(totals.dropped, "iteration"),
                show::plural(totals.times.censored, "request")
            ));
        }
        self.line(&format!(
            "  data        {} sent{dot}{} received{dot}at most {}",
            show_bytes(totals.sent_bytes),
            show_bytes(totals.received_bytes),
            show::plural(totals.vus_max, "VU")
        ));
        if totals.overflowed + totals.discarded > 0 {
            self.line(&format!(
                "  not kept    {} in the overflow series{dot}{} beyond a bound",
                show::plural(totals.overflowed, "sample"),
                show::plural(totals.discarded, "error or exemplar")
            ));
        }
    }

    fn legend(&mut self) {
        if self.out.contains(show::NOT_AVAILABLE) {
            self.line("");
            let needs = [Quantile::P50, Quantile::P95, Quantile::P99, Quantile::P99_9].map(|q| {
                let percentile = q.as_ratio() * 100.0;
                format!("p{percentile} needs {}", show_count(q.samples_needed()))
            });
            self.line(&format!("n/a: too few samples ({})", needs.join(", ")));
        }
    }

    fn stored(&mut self, view: &RunView) {
        self.line("");
        self.line("numbers  docs/measurement.md says what each means and how far it may be off");
        let (Some(id), Some(path)) = (view.id, &self.options.stored_in) else { return };
        let at = if path == DEFAULT_DB { String::new() } else { format!(" --db {path}") };
        let mut lines = format!("stored   run {id} in {path}\n");
        lines += &match self.options.previous {
            Some(previous) => format!("compare  rhaid report {previous} {id}{at}"),
            None => format!("again    rhaid report {id}{at}"),
        };
        self.line(&lines);
    }
}

fn steadiness_line(found: &SteadinessFinding) -> String {
    let SteadinessFinding { phase, steadiness } = found;
    let label = steadiness.label.as_str().replace('_', " ");
    let by = &steadiness.decided_by;
    match (steadiness.label, steadiness.period_s) {
        (SteadyLabel::Flat, _) => format!("  {phase}: {label}, no warm-up"),
        (SteadyLabel::Cyclic, Some(period)) => {
            format!("  {phase}: {label} with a period of {period:.0} s ({by})")
        }
        (SteadyLabel::Warming | SteadyLabel::Slowdown, _) => {
            let ms = show::time;
            let (steady, whole) = (ms(steadiness.p50_steady_ms), ms(steadiness.p50_whole_ms));
            let cut = steadiness.cut_s;
            format!(
                "  {phase}: {label} for {cut:.0} s ({by}); p50 {steady} without, {whole} with it; nothing was cut off"
            )
        }
        _ => format!("  {phase}: {label} ({by})"),
    }
}

fn colour_of(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Valid => GREEN,
        Verdict::Degraded => YELLOW,
        Verdict::Invalid => RED,
    }
}

/// How near the generator was to its limits.
fn limits_line(view: &RunView, dot: &str) -> String {
    let lag = &view.totals.times.schedule_lag;
    let figures = &view.generator_figures;
    let percent = |ratio: Option<f64>| ratio.map(|ratio| format!("{:.0} %", ratio * 100.0));
    let mut parts = vec![format!(
        "lag p50 {}, p99 {}, max {}",
        show::figure(lag, "p50"),
        show::figure(lag, "p99"),
        show::figure(lag, "max")
    )];
    if figures.hiccup_max_ms.is_some() {
        let (p99_9, max) = (figures.hiccup_p99_9_ms, figures.hiccup_max_ms);
        parts.push(format!("hiccups p99.9 {}, max {}", show::time(p99_9), show::time(max)));
    }
    let busy = percent(figures.worker_busy_ratio).zip(percent(figures.worker_busy_max_ratio));
    parts.extend(busy.map(|(mean, most)| format!("busiest worker {mean}, at most {most}")));
    let shares = [
        ("files", figures.open_files_ratio),
        ("ports", figures.local_ports_ratio),
        ("link", figures.link_ratio),
        ("steal", figures.steal_ratio),
    ];
    let shown = shares.into_iter().filter(|(_, ratio)| ratio.is_some_and(|ratio| ratio >= 0.005));
    parts.extend(shown.filter_map(|(what, ratio)| Some(format!("{what} {}", percent(ratio)?))));
    parts.join(dot)
}

fn health_line(found: &ResourceView, dot: &str) -> String {
    let parts = [
        format!("CPU {} % of a core, at most {} %", found.cpu_percent.mean, found.cpu_percent.max),
        show_bytes(found.memory_bytes.max),
        show::plural(found.open_files.max, "file"),
        show::plural(found.connections.max, "connection"),
        show::plural(found.threads.max, "thread"),
    ];
    parts.join(dot)
}
