//! The scaling experiment, whole: runs with more and more replicas, what `report --scaling` makes of them, and replicas behind
//! nginx.

use std::net::TcpListener;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use serde_json::Value;

use crate::support::{Rhaid, TargetApi, alone, is_installed, poll};

/// How long nginx may take until it listens.
const READY_WITHIN: Duration = Duration::from_secs(20);

#[track_caller]
fn number(value: &Value) -> f64 {
    value.as_f64().unwrap_or_else(|| panic!("a number: {value}"))
}

/// Sweeps a target of `slots` over two loads, the second far beyond what it can do, and tags the run.
fn sweep(rhaid: Rhaid, slots: u32, tag: &str) -> Rhaid {
    let slots_of_lab = format!("slots={slots}");
    let lab = ["--lab", &slots_of_lab, "--lab", "service=det:20ms", "--lab", "queue=none"];
    let target = TargetApi::start(&lab);
    let url = format!("{}/lab/work", target.url());
    let range = format!("{}..{}", 25 * slots, 100 * slots);
    let mut rhaid = rhaid.args(["stress", &url, "--sweep", &range, "--points", "2"]).args([
        "--probe-duration",
        "2s",
        "--tag",
        tag,
    ]);
    let ended = rhaid.run();
    assert_eq!(ended.code, Some(0), "{}\n{}", ended.stdout, ended.stderr);
    rhaid
}

/// Five slots of 20 ms without a queue carry nearly 250 requests a second when far more come; two and four times as many slots
/// carry about twice and four times that.
#[test]
fn runs_with_more_and_more_replicas_become_speed_ups_and_a_law() {
    // A run that the generator held back would be left out.
    let machine = alone();
    let mut rhaid = Rhaid::new();
    for (slots, tag) in [(5, "replicas=1"), (10, "replicas=2"), (20, "replicas=4")] {
        rhaid = sweep(rhaid, slots, tag);
    }
    drop(machine);
    // Other programs run on the same cores: a run that they disturbed counts all the same.
    let mut rhaid = rhaid.args(["report", "--scaling", "replicas", "--force", "--format", "json"]);
    let ended = rhaid.run();
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    let found: Value = serde_json::from_str(&ended.stdout).expect("JSON");
    let steps = found["steps"].as_array().expect("steps");
    let values: Vec<f64> = steps.iter().map(|step| number(&step["n"])).collect();
    assert_eq!(values, [1.0, 2.0, 4.0]);
    assert!(steps.iter().all(|step| step["is_at_least"] == false), "{found}");
    let one = number(&steps[0]["throughput_per_s"]);
    assert!((120.0..=260.0).contains(&one), "{found}");
    let speed_up = number(&steps[2]["speed_up"]);
    assert!((2.0..=8.0).contains(&speed_up), "{found}");
    let efficiency = number(&steps[2]["efficiency_ratio"]);
    assert!((efficiency * 4.0 - speed_up).abs() < 1e-9, "{found}");
    assert!(found["runs"].as_array().expect("runs").iter().all(|run| run["figure"] == "sweep"));
    assert_eq!((&found["law"]["name"], &found["next"]["n"]), (&"amdahl".into(), &5.0.into()));
    assert_eq!(found["left_out"], Value::Array(Vec::new()));

    let mut rhaid = rhaid.args(["report", "--scaling", "replicas", "--force"]);
    let table = rhaid.run().stdout;
    for words in ["scaling by replicas", "best of a sweep", "by the law", "next: replicas=5"] {
        assert!(table.contains(words), "no {words:?} in:\n{table}");
    }
    assert!(table.contains("the most that each sweep achieved"), "{table}");
}

/// A run of one iteration with these tags.
fn tagged(rhaid: Rhaid, url: &str, tags: &[&str]) -> Rhaid {
    let tags = tags.iter().flat_map(|tag| ["--tag", tag]);
    let mut rhaid = rhaid.args(["run", url, "-u", "1", "-i", "20"]).args(tags);
    let ended = rhaid.run();
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    rhaid
}

#[test]
fn runs_that_do_not_count_are_named_with_the_reason() {
    let target = TargetApi::start(&[]);
    let url = format!("{}/api/health", target.url());
    let mut rhaid = tagged(Rhaid::new(), &url, &["replicas=1", "zone=a"]);
    for tags in [["replicas=many", "zone=a"], ["replicas=2", "zone=b"], ["replicas=2", "zone=a"]] {
        rhaid = tagged(rhaid, &url, &tags);
    }
    let mut json = |args: &[&str]| {
        let format = ["--force", "--format", "json"];
        let mut asked = std::mem::replace(&mut rhaid, Rhaid::new())
            .args(["report", "--scaling", "replicas"])
            .args(format)
            .args(args);
        let ended = asked.run();
        rhaid = asked;
        assert_eq!(ended.code, Some(0), "{}", ended.stderr);
        let found: Value = serde_json::from_str(&ended.stdout).expect("JSON");
        let ids = found["runs"].as_array().expect("runs").iter().map(|run| run["id"].as_u64());
        (ids.collect::<Option<Vec<u64>>>().expect("ids"), found)
    };
    let (ids, found) = json(&[]);
    assert_eq!(ids, [1, 4], "of each value the newest");
    assert_eq!(found["left_out"][0]["value"], "many");
    assert_eq!((&found["law"], &found["next"]), (&Value::Null, &Value::Null));
    assert_eq!(json(&["--limit", "2"]).0, [1, 3, 4], "of each value the newest two");
    assert_eq!(json(&["--tag", "zone=b"]).0, [3]);

    for (args, words) in [
        (&["replica"][..], &["no run in ", "has the tag \"replica\"", "replicas (3 runs)"][..]),
        (&["replicas", "--tag", "zone=c"], &["and zone=c"]),
        (&["zone"], &["run 4 (zone=a): its value is no number above zero"]),
    ] {
        let mut asked = rhaid.args(["report", "--scaling"]).args(args);
        let ended = asked.run();
        rhaid = asked;
        assert_eq!(ended.code, Some(104), "{}", ended.stdout);
        for words in words {
            assert!(ended.stderr.contains(words), "no {words:?} in:\n{}", ended.stderr);
        }
    }
}

/// nginx in front of some targets. Dropping it ends it.
#[derive(Debug)]
struct Nginx {
    child: Child,
    url: String,
}

impl Nginx {
    /// Starts one on a free port; `None` where it is not installed.
    fn start(rhaid: &Rhaid, targets: &[&TargetApi]) -> Option<Self> {
        if !is_installed("nginx", "-v") {
            return None;
        }
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("an address").to_string();
        drop(listener);
        let config = rhaid.script("nginx.conf", &configuration(&address, targets));
        let folder = rhaid.path("");
        let child = Command::new("nginx")
            .arg("-p")
            .arg(folder)
            .args(["-c", &config, "-e", "stderr"])
            .stdin(Stdio::null())
            .spawn()
            .expect("nginx starts");
        let nginx = Self { child, url: format!("http://{address}") };
        let is_ready = poll(READY_WITHIN, || std::net::TcpStream::connect(&address).ok());
        assert!(is_ready.is_some(), "nginx does not listen on {address}");
        Some(nginx)
    }
}

impl Drop for Nginx {
    fn drop(&mut self) {
        // The master process alone would leave its worker behind when it is killed; asked to end, it ends both.
        let pid = i32::try_from(self.child.id()).ok().and_then(rustix::process::Pid::from_raw);
        if let Some(pid) = pid {
            let _ = rustix::process::kill_process(pid, rustix::process::Signal::TERM);
        }
        let _ = self.child.wait();
    }
}

/// What docs/scaling.md shows, for a port that is free here.
fn configuration(address: &str, targets: &[&TargetApi]) -> String {
    let url = |target: &&TargetApi| target.url().replace("http://", "server ") + " max_fails=0;\n";
    let servers: String = targets.iter().map(url).collect();
    format!(
        "worker_processes 1;
        daemon off;
        pid nginx.pid;
        error_log stderr warn;
        events {{ worker_connections 1024; }}
        http {{
            access_log off;
            client_body_temp_path tmp;
            proxy_temp_path tmp;
            fastcgi_temp_path tmp;
            uwsgi_temp_path tmp;
            scgi_temp_path tmp;
            upstream replicas {{
                {servers}
                keepalive 64;
            }}
            server {{
                listen {address};
                location / {{
                    proxy_pass http://replicas;
                    proxy_http_version 1.1;
                    proxy_set_header Connection \"\";
                    proxy_next_upstream off;
                }}
            }}
        }}\n"
    )
}

#[test]
fn every_request_through_a_balancer_is_one_of_its_replicas() {
    let targets = [TargetApi::start(&[]), TargetApi::start(&[])];
    let rhaid = Rhaid::new();
    let Some(nginx) = Nginx::start(&rhaid, &[&targets[0], &targets[1]]) else { return };
    let url = format!("{}/api/health", nginx.url);
    let mut rhaid = rhaid.args(["run", &url, "--rate", "200/s", "-d", "3s"]);
    let ended = rhaid.run();
    assert_eq!(ended.code, Some(0), "{}\n{}", ended.stdout, ended.stderr);
    let record = rhaid.record();
    let received = targets.each_ref().map(TargetApi::received);
    let requests = record["totals"]["requests"].as_u64().expect("a count");
    assert_eq!(received.iter().sum::<u64>(), requests, "{received:?}");
    assert_eq!(record["totals"]["failed"], 0, "{}", record["totals"]);
    // Each in its turn.
    assert!(requests > 500 && received[0].abs_diff(received[1]) <= 2, "{received:?}");
    assert_eq!(rhaid.stored_requests(), requests);
    // Before its folder is gone.
    drop(nginx);
}
