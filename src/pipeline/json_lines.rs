//! A file with one JSON object a second: what the progress line shows, for other programs.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use serde_json::json;

use super::output::{Output, OutputError, RunHead};
use super::snapshot::Snapshot;
use crate::metric::{Histogram, Quantile};
use crate::record::RunRecord;

/// Version of the lines.
const LINES_VERSION: u32 = 1;

/// Writes snapshots as lines. A line that cannot be written is counted and told at the end.
#[derive(Debug)]
pub struct JsonLines {
    path: PathBuf,
    file: Option<BufWriter<File>>,
    failures: u64,
}

impl JsonLines {
    /// For the file at `path`, which is created at the start of the run.
    #[must_use]
    pub fn new(path: &Path) -> Self {
        Self { path: path.to_owned(), file: None, failures: 0 }
    }

    fn write(&mut self, line: &serde_json::Value) {
        let Some(file) = &mut self.file else { return };
        let written = writeln!(file, "{line}").and_then(|()| file.flush());
        self.failures += u64::from(written.is_err());
    }

    fn error(&self, reason: String) -> OutputError {
        OutputError { output: self.path.display().to_string(), reason }
    }
}

impl Output for JsonLines {
    fn start(&mut self, head: &RunHead) -> Result<(), OutputError> {
        let file = File::create(&self.path)
            .map_err(|error| self.error(format!("{error}; name another file with --out")))?;
        self.file = Some(BufWriter::new(file));
        self.write(&json!({
            "v": LINES_VERSION, "type": "start", "run_id": head.run_id, "name": head.name,
            "started_at_ms": head.started_at_ms,
        }));
        Ok(())
    }

    fn snapshot(&mut self, snapshot: &Arc<Snapshot>) {
        let (requests, failed) = snapshot.window_counts();
        let times = snapshot.window_response_time();
        let steps: Vec<_> = snapshot
            .points
            .iter()
            .map(|point| {
                json!({
                    "name": &*point.step, "phase": &*point.phase, "count": point.count, "failed": point.failed,
                    "http_req_duration": quantiles(&point.service_time),
                    "http_req_response_time": quantiles(&point.response_time),
                })
            })
            .collect();
        self.write(&json!({
            "v": LINES_VERSION, "type": "snapshot", "seq": snapshot.seq, "at_ms": milliseconds(snapshot.at),
            "interval_ms": milliseconds(snapshot.interval), "phase": &*snapshot.phase, "vus": snapshot.vus,
            "in_flight": snapshot.in_flight, "backlog": snapshot.backlog, "requests": requests, "failed": failed,
            "throughput_per_s": snapshot.window_throughput_per_s(),
            "http_req_response_time": quantiles(&times), "steps": steps, "totals": snapshot.totals,
        }));
    }

    fn finish(&mut self, record: &mut RunRecord) -> Result<(), OutputError> {
        self.write(&json!({
            "v": LINES_VERSION, "type": "end", "run_id": record.run_id, "status": record.status.as_str(),
            "exit_code": record.exit_code, "totals": record.totals,
        }));
        self.file = None;
        if self.failures > 0 {
            return Err(self.error(format!("{} lines could not be written", self.failures)));
        }
        Ok(())
    }
}

fn milliseconds(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}

fn quantiles(times: &Histogram) -> serde_json::Value {
    let at = |quantile| times.supported_quantile(quantile).map(milliseconds);
    json!({ "p50": at(Quantile::P50), "p95": at(Quantile::P95), "p99": at(Quantile::P99) })
}
