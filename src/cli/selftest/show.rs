//! The result of a selftest, for people and for programs.

use std::fmt::Write as _;
use std::time::Duration;

use serde_json::{Value, json};

use super::figures::{DEGRADED_ABOVE, Figures, INVALID_ABOVE, Lag};
use super::machine::Machine;
use crate::cli::printer::harmless;
use crate::units::{show_count, show_duration};

/// Everything that is told.
pub(super) struct Told<'a> {
    pub(super) machine: &'a Machine,
    pub(super) figures: &'a Figures,
    /// The script that was measured, with its fingerprint; `None` for one GET and a check.
    pub(super) script: Option<(&'a str, &'a str)>,
    /// Why a script was not measured though it was asked for.
    pub(super) instead: Option<&'a str>,
    pub(super) version: &'a str,
    pub(super) measured_at_ms: i64,
}

impl Told<'_> {
    /// A screen of text.
    pub(super) fn text(&self) -> String {
        let Figures { threads, ceiling, floor, .. } = self.figures;
        let subject =
            self.script.map_or("one GET and a check".to_owned(), |(name, _)| harmless(name));
        let Machine { host, cores, os, .. } = self.machine;
        let threads = count(*threads as u64, "thread");
        let cores = count(*cores as u64, "core");
        let mut text = format!("selftest · {subject} · {threads} · {host}, {cores}, {os}\n\n");
        // Writing to a string cannot fail.
        let _ = writeln!(
            text,
            "  ceiling  {:<10} requests, {} without think time; mean of all seconds {}, best {}",
            per_s(ceiling.per_s()),
            count(ceiling.vus, "user"),
            per_s(ceiling.mean_per_s()),
            per_s(ceiling.max_per_s()),
        );
        let _ = writeln!(
            text,
            "  floor    {:<10} p50 of http_req_duration, one user; response time {}",
            time(floor.service_time),
            time(floor.response_time),
        );
        for lag in &self.figures.lags {
            let _ = writeln!(
                text,
                "  lag      {:<10} p99 at {} iterations; p50 {}, max {}",
                time(lag.p99),
                per_s(lag.rate.as_per_second()),
                time(lag.p50),
                time(lag.max),
            );
        }
        let _ = writeln!(text, "\n{}", self.consequence());
        for note in self.notes() {
            let _ = writeln!(text, "note: {}", harmless(&note));
        }
        text
    }

    fn consequence(&self) -> String {
        format!(
            "keep below {}: a run above {:.0} % of the ceiling is DEGRADED, above {:.0} % ({}) INVALID",
            per_s(self.figures.degraded_above_per_s()),
            DEGRADED_ABOVE * 100.0,
            INVALID_ABOVE * 100.0,
            per_s(self.figures.invalid_above_per_s()),
        )
    }

    fn notes(&self) -> Vec<String> {
        let instead = self.instead.map(|why| format!("{why}; measured with one GET and a check"));
        let shared =
            "the null server was on this machine too: against a target elsewhere rhaid can do more"
                .to_owned();
        instead.into_iter().chain(self.figures.notes()).chain([shared]).collect()
    }

    /// The same, whole, as one value.
    pub(super) fn json(&self) -> String {
        let Figures { threads, ceiling, floor, lags } = self.figures;
        let value = json!({
            "version": self.version,
            "measured_at_ms": self.measured_at_ms,
            "machine": {
                "key": self.machine.key,
                "host": self.machine.host,
                "cores": self.machine.cores,
                "os": self.machine.os,
            },
            "threads": threads,
            "script": self.script.map(|(name, _)| name),
            "script_hash": self.script.map(|(_, hash)| hash),
            "instead_of_script": self.instead,
            "ceiling_per_s": ceiling.per_s(),
            "ceiling": {
                "vus": ceiling.vus,
                "mean_per_s": ceiling.mean_per_s(),
                "max_per_s": ceiling.max_per_s(),
                "seconds_per_s": ceiling.seconds,
                "requests_per_iteration": ceiling.requests_per_iteration,
                "busy_ratio": ceiling.busy_ratio,
            },
            "floor_us": us(floor.service_time),
            "floor_response_time_us": us(floor.response_time),
            "lag": lags.iter().map(lag).collect::<Vec<_>>(),
            "degraded_above_per_s": self.figures.degraded_above_per_s(),
            "invalid_above_per_s": self.figures.invalid_above_per_s(),
            "notes": self.notes(),
        });
        format!("{value:#}\n")
    }
}

fn lag(lag: &Lag) -> Value {
    json!({
        "rate_per_s": lag.rate.as_per_second(),
        "p50_us": us(lag.p50),
        "p99_us": us(lag.p99),
        "max_us": us(lag.max),
        "dropped": lag.dropped,
    })
}

fn us(time: Option<Duration>) -> Option<f64> {
    time.map(|time| time.as_secs_f64() * 1e6)
}

fn time(time: Option<Duration>) -> String {
    time.map_or_else(|| "n/a".to_owned(), show_duration)
}

/// Whole ones: the decimals of a throughput are noise.
fn per_s(rate: f64) -> String {
    format!("{}/s", show_count(rate.round() as u64))
}

fn count(count: u64, noun: &str) -> String {
    crate::cli::printer::plural(count, noun)
}

#[cfg(test)]
mod tests {
    use super::super::figures::tests::{ceiling, figures};
    use super::*;

    fn machine() -> Machine {
        Machine {
            key: "lab/0123456789abcdef/2".to_owned(),
            host: "lab".to_owned(),
            cores: 2,
            os: "Debian 13, Linux 6.12, x86_64".to_owned(),
        }
    }

    fn told<'a>(machine: &'a Machine, figures: &'a Figures) -> Told<'a> {
        let script = Some(("scripts/a.rhai", "89abcdef01234567"));
        Told { machine, figures, script, instead: None, version: "0.1.0", measured_at_ms: 5 }
    }

    #[test]
    fn the_figures_stand_below_each_other_and_end_in_what_follows() {
        let (machine, figures) = (machine(), figures(ceiling(&[15_000.0, 18_400.0, 18_300.0])));
        let text = told(&machine, &figures).text();
        let expected = "\
selftest · scripts/a.rhai · 2 threads · lab, 2 cores, Debian 13, Linux 6.12, x86_64

  ceiling  18,350/s   requests, 50 users without think time; mean of all seconds 17,233/s, best 18,400/s
  floor    118µs      p50 of http_req_duration, one user; response time 120µs
  lag      120µs      p99 at 1,000/s iterations; p50 35.0µs, max 1.20ms
  lag      310µs      p99 at 9,200/s iterations; p50 35.0µs, max 1.20ms

keep below 12,845/s: a run above 70 % of the ceiling is DEGRADED, above 90 % (16,515/s) INVALID
";
        assert!(text.starts_with(expected), "{text}");
        assert!(text.trim_end().ends_with("rhaid can do more"), "{text}");
    }

    #[test]
    fn a_script_that_was_not_measured_is_said_first() {
        let (machine, figures) = (machine(), figures(ceiling(&[18_400.0])));
        let instead = Some("the script makes no request");
        let told = Told { script: None, instead, ..told(&machine, &figures) };
        let text = told.text();
        assert!(text.starts_with("selftest · one GET and a check · "), "{text}");
        let note = "note: the script makes no request; measured with one GET and a check\n";
        assert!(text.contains(note), "{text}");
        let value: Value = serde_json::from_str(&told.json()).expect("JSON");
        assert_eq!(value["instead_of_script"], "the script makes no request");
        assert_eq!((&value["script"], &value["script_hash"]), (&Value::Null, &Value::Null));
    }

    #[test]
    fn json_has_numbers_with_their_units_and_null_for_what_is_not_known() {
        let (machine, mut figures) = (machine(), figures(ceiling(&[18_400.0])));
        figures.lags[0].p99 = None;
        let value: Value = serde_json::from_str(&told(&machine, &figures).json()).expect("JSON");
        assert_eq!(value["ceiling_per_s"], 18_400.0);
        assert_eq!(
            (&value["floor_us"], &value["lag"][1]["p99_us"]),
            (&json!(118.0), &json!(310.0))
        );
        assert_eq!(value["lag"][0]["p99_us"], Value::Null);
        assert_eq!(value["machine"]["cores"], 2);
        assert_eq!(value["script_hash"], "89abcdef01234567");
    }
}
