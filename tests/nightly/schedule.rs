//! Punctuality: how late requests leave when nothing but the generator can be the cause (AT-1.5).

use crate::support::{Rhaid, TargetApi};

#[test]
fn requests_leave_within_a_tenth_of_a_millisecond_at_ten_thousand_a_second() {
    let target = TargetApi::start(&["--threads", "1"]);
    let url = format!("{}/api/health", target.url());
    for rate in ["1000/s", "10000/s"] {
        let load = ["--rate", rate, "-d", "20s", "--arrival", "constant", "--no-db"];
        let mut rhaid = Rhaid::new().args(["run", &url]).args(load);
        let ended = rhaid.run();
        assert_eq!(ended.code, Some(0), "{}", ended.stderr);
        let record = rhaid.record();
        let lag = &record["totals"]["schedule_lag"];
        let ms = |field: &str| lag[field].as_f64().expect("enough samples");
        assert!(ms("p50") < 0.1, "{rate}: {lag}");
        assert!(ms("p99") < 1.0, "{rate}: {lag}");
        assert!(ended.stdout.contains("lag p50"), "it is printed: {}", ended.stdout);
    }
}
