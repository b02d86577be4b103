//! A histogram log (`.hlog`): the distributions of each step and interval, for HdrHistogram's tools in any language.
//!
//! The format is version 1.3 of <https://github.com/HdrHistogram/HdrHistogram>: comment lines, a legend, then
//! `Tag=…,start,length,max,HISTFAAA…` with seconds, milliseconds and base64 of the V2 deflate encoding of nanoseconds. Each
//! step has two tags, `response:STEP` and `service:STEP`.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::output::{Output, OutputError, RunHead};
use super::snapshot::Snapshot;
use crate::clock;
use crate::metric::Histogram;
use crate::record::RunRecord;

/// Writes intervals as lines. A line that cannot be written is counted and told at the end.
#[derive(Debug)]
pub struct HistogramLog {
    path: PathBuf,
    file: Option<BufWriter<File>>,
    failures: u64,
}

impl HistogramLog {
    /// For the file at `path`, which is created at the start of the run.
    #[must_use]
    pub fn new(path: &Path) -> Self {
        Self { path: path.to_owned(), file: None, failures: 0 }
    }

    fn error(&self, reason: String) -> OutputError {
        OutputError { output: self.path.display().to_string(), reason }
    }
}

impl Output for HistogramLog {
    fn start(&mut self, head: &RunHead) -> Result<(), OutputError> {
        let created = File::create(&self.path).and_then(|file| {
            let mut file = BufWriter::new(file);
            write_head(&mut file, head)?;
            Ok(file)
        });
        let file = created
            .map_err(|error| self.error(format!("{error}; name another file with --out")))?;
        self.file = Some(file);
        Ok(())
    }

    fn snapshot(&mut self, snapshot: &Arc<Snapshot>) {
        let Some(file) = &mut self.file else { return };
        let mut tags: BTreeMap<String, Histogram> = BTreeMap::new();
        for point in &snapshot.points {
            for (kind, times) in
                [("response", &point.response_time), ("service", &point.service_time)]
            {
                tags.entry(tag(kind, &point.step)).or_default().merge(times);
            }
        }
        let start = snapshot.at.saturating_sub(snapshot.interval);
        for (tag, times) in &tags {
            let line = line(tag, (start, snapshot.interval), times);
            self.failures += u64::from(writeln!(file, "{line}").is_err());
        }
        self.failures += u64::from(file.flush().is_err());
    }

    fn finish(&mut self, _record: &mut RunRecord) -> Result<(), OutputError> {
        self.file = None;
        if self.failures > 0 {
            return Err(self.error(format!("{} lines could not be written", self.failures)));
        }
        Ok(())
    }
}

fn write_head(file: &mut impl Write, head: &RunHead) -> io::Result<()> {
    let seconds = head.started_at_ms as f64 / 1e3;
    let wall = clock::show_wall_ms(head.started_at_ms);
    writeln!(file, "#[Logged by rhaid {}]", head.generator.version)?;
    writeln!(file, "#[Histogram log format version 1.3]")?;
    writeln!(file, "#[StartTime: {seconds:.3} (seconds since epoch), {wall} UTC]")?;
    // Without it readers guess whether the lines' times are absolute.
    writeln!(file, "#[BaseTime: {seconds:.3} (seconds since epoch)]")?;
    let legend =
        ["StartTimestamp", "Interval_Length", "Interval_Max", "Interval_Compressed_Histogram"];
    writeln!(file, "\"{}\"", legend.join("\",\""))
}

fn line(tag: &str, (start, length): (Duration, Duration), times: &Histogram) -> String {
    let max_ms = times.max().unwrap_or_default().as_secs_f64() * 1e3;
    let encoded = STANDARD.encode(times.to_v2_deflate());
    let (start_s, length_s) = (start.as_secs_f64(), length.as_secs_f64());
    format!("Tag={tag},{start_s:.3},{length_s:.3},{max_ms:.3},{encoded}")
}

/// A tag ends at the first comma, and some readers end it at white space.
fn tag(kind: &str, step: &str) -> String {
    let step: String =
        step.chars().map(|c| if c == ',' || c.is_whitespace() { '_' } else { c }).collect();
    format!("{kind}:{step}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metric::Quantile;

    #[test]
    fn a_line_has_the_fields_that_readers_expect_and_the_same_distribution() {
        let mut times = Histogram::new();
        (1..=2000).for_each(|ms| times.record(Duration::from_millis(ms)));
        let span = (Duration::from_secs(3), Duration::from_secs(1));
        let line = line(&tag("response", "GET /a, b"), span, &times);
        let fields: Vec<&str> = line.split(',').collect();
        assert_eq!(fields[..4], ["Tag=response:GET_/a__b", "3.000", "1.000", "2000.000"]);
        assert!(fields[4].starts_with("HISTFAAA"), "{}", fields[4]);
        let bytes = STANDARD.decode(fields[4]).expect("base64");
        let back = Histogram::from_v2_deflate(&bytes).expect("V2 deflate");
        assert_eq!(back.count(), 2000);
        assert_eq!(back.quantile(Quantile::P50), times.quantile(Quantile::P50));
    }
}
