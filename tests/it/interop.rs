//! What rhaid writes, read by programs that nobody here wrote.

use std::process::Command;

use crate::support::{Rhaid, TargetApi, missing_unless, succeeds};

/// Prints the counts and medians of a histogram log, a line a tag, as the Python port of HdrHistogram sees them.
const READ_LOG: &str = r#"
import sys
from hdrh.histogram import HdrHistogram
from hdrh.log import HistogramLogReader

# Nanoseconds up to an hour, as many digits as the log has.
reader = HistogramLogReader(sys.argv[1], HdrHistogram(1, 3_600_000_000_000, 3))
found = {}
while True:
    histogram = reader.get_next_interval_histogram()
    if histogram is None:
        break
    count, largest = found.get(histogram.get_tag(), (0, 0))
    found[histogram.get_tag()] = (count + histogram.get_total_count(), max(largest, histogram.get_max_value()))
for tag, (count, largest) in sorted(found.items()):
    print(tag, count, largest)
"#;

/// A Python with the package `hdrhistogram`; the one that `RHAID_PYTHON` names comes first.
fn python_with_hdrhistogram() -> Option<String> {
    let named = std::env::var("RHAID_PYTHON").ok();
    let found = named
        .into_iter()
        .chain(["python3".to_owned()])
        .find(|python| succeeds(Command::new(python).args(["-c", "import hdrh.log"])));
    missing_unless(found.is_some(), "no Python with the package hdrhistogram (see RHAID_PYTHON)");
    found
}

/// AT-8.3.
#[test]
fn another_implementation_reads_the_same_counts_from_a_histogram_log() {
    let Some(python) = python_with_hdrhistogram() else { return };
    let target = TargetApi::start(&[]);
    let url = format!("{}/api/health", target.url());
    let load = ["--rate", "300/s", "-d", "3s", "-o", "hlog=run.hlog"];
    let mut rhaid = Rhaid::new().args(["run", &url]).args(load);
    let ended = rhaid.run();
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    let read = Command::new(python)
        .args(["-c", READ_LOG])
        .arg(rhaid.path("run.hlog"))
        .output()
        .expect("Python starts");
    let listed = String::from_utf8_lossy(&read.stdout).into_owned();
    assert!(read.status.success(), "{}", String::from_utf8_lossy(&read.stderr));
    let record = rhaid.record();
    let step = &record["steps"][0];
    let count = step["count"].as_u64().expect("a count");
    for (tag, field) in [("response", "http_req_response_time"), ("service", "http_req_duration")] {
        let line = listed.lines().find(|line| line.starts_with(tag)).expect("both tags are there");
        let fields: Vec<&str> = line.split_whitespace().collect();
        assert_eq!(fields[0], format!("{tag}:GET_/api/health"));
        assert_eq!(fields[1], count.to_string(), "{listed}");
        let largest_ms = fields[2].parse::<f64>().expect("nanoseconds") / 1e6;
        let max_ms = step[field]["max"].as_f64().expect("a time");
        assert!((largest_ms / max_ms - 1.0).abs() < 0.002, "{largest_ms} for {max_ms}");
    }
    assert_eq!(target.received(), count);
}
