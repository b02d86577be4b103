//! Both transports against servers that nobody here wrote: nginx, Apache's httpd, nghttpd and httpbin.
//!
//! The scripts beside this file hold every answer against what it has to be; here the counts are held against the servers' own
//! logs. `direct` and `reqwest` run the same suite, so what one can do the other can.

mod servers;

use serde_json::Value;

use self::servers::Server;
use crate::support::{Ended, Rhaid};

/// Both that can be asked for, and what carries a run that leaves it open.
const TRANSPORTS: [&str; 3] = ["direct", "reqwest", "auto"];

/// What is run: a script's text with values for its `env`, or a URL.
struct Load<'a> {
    script: Option<&'a str>,
    target: String,
    args: Vec<String>,
}

impl<'a> Load<'a> {
    fn script(text: &'a str, port: u16) -> Self {
        let target = format!("http://127.0.0.1:{port}");
        Self { script: Some(text), target, args: Vec::new() }
    }

    fn url(url: String) -> Self {
        Self { script: None, target: url, args: Vec::new() }
    }

    fn args(mut self, args: &[&str]) -> Self {
        self.args.extend(args.iter().map(|arg| (*arg).to_owned()));
        self
    }

    fn run(&self, transport: &str) -> (Rhaid, Ended) {
        let rhaid = Rhaid::new();
        let rhaid = match self.script {
            Some(text) => {
                let script = rhaid.script("suite.rhai", text);
                rhaid.args(["run", &script, "--target", &self.target])
            }
            None => rhaid.args(["run", &self.target]),
        };
        let mut rhaid = rhaid.args(["--transport", transport]).args(&self.args);
        let ended = rhaid.run();
        (rhaid, ended)
    }
}

fn total(record: &Value, name: &str) -> u64 {
    record["totals"][name].as_u64().unwrap_or_else(|| panic!("totals.{name}"))
}

/// Who has to carry a run with this plan.
fn carrier<'a>(plan: &Value, asked: &'a str) -> &'a str {
    let is_tls = plan["target"].as_str().expect("a target").starts_with("https:");
    match (asked, plan["http"]["version"].as_str().expect("a version")) {
        ("auto", "http1") => "direct",
        ("auto", "http2") => "reqwest",
        ("auto", _) if is_tls => "reqwest",
        ("auto", _) => "direct",
        (asked, _) => asked,
    }
}

/// Checks that nothing was lost or counted twice on this side, and that the record names who carried the run.
#[track_caller]
fn accounted((rhaid, ended): &(Rhaid, Ended), transport: &str) -> Value {
    assert_eq!(ended.code, Some(0), "{}\n{}", ended.stdout, ended.stderr);
    let record = rhaid.record();
    let of = |name| total(&record, name);
    assert_eq!(of("planned"), of("started") + of("dropped"), "{}", record["totals"]);
    assert_eq!(of("sent"), of("requests"), "{}", record["totals"]);
    assert_eq!(of("requests"), rhaid.stored_requests(), "{}", record["totals"]);
    let carrier = carrier(&record["plan"], transport);
    assert_eq!(record["generator"]["transport"], carrier, "{}", record["generator"]);
    assert!(ended.stdout.contains(&format!("by {carrier}")), "{}", ended.stdout);
    record
}

/// Runs a script whose checks have all to hold, of which there are at least `checks`.
#[track_caller]
fn conforms(load: &Load<'_>, transport: &str, checks: usize) -> Value {
    let load = load.run(transport);
    let record = accounted(&load, transport);
    let said = format!("{}\n{}", load.1.stdout, load.1.stderr);
    let made = record["checks"].as_array().expect("checks");
    let broken: Vec<_> = made.iter().filter(|check| check["fails"] != 0).collect();
    assert!(broken.is_empty(), "{broken:#?}\n{said}");
    assert!(made.len() >= checks, "{} checks\n{said}", made.len());
    assert_eq!(total(&record, "failed_iterations"), 0, "{said}");
    record
}

/// The connections of a log, each with how many requests came on it. Both servers number them.
fn requests_of_connections(lines: &[String]) -> Vec<u64> {
    let mut counts = std::collections::BTreeMap::new();
    for line in lines {
        *counts.entry(line.split(' ').next().expect("a connection")).or_insert(0) += 1;
    }
    counts.into_values().collect()
}

fn nginx_conforms(transport: &str) {
    let Some(nginx) = Server::nginx() else { return };
    let suite = include_str!("conformance/nginx.rhai");
    let record = conforms(&Load::script(suite, nginx.port(0)), transport, 59);
    let requests = total(&record, "requests");
    let lines = nginx.logged(requests, |_| true);
    assert_eq!(lines.len() as u64, requests, "nginx has received what was sent");
    // One user, one request at a time: a connection is left only when nginx closes it, as it does after a refusal.
    let connections = requests_of_connections(&lines).len();
    assert!(connections <= 12, "{connections} connections");
}

#[test]
fn nginx_and_direct_understand_each_other() {
    nginx_conforms("direct");
}

#[test]
fn nginx_and_reqwest_understand_each_other() {
    nginx_conforms("reqwest");
}

fn apache_conforms(transport: &str) {
    let Some(apache) = Server::apache() else { return };
    let suite = include_str!("conformance/apache.rhai");
    let record = conforms(&Load::script(suite, apache.port(0)), transport, 40);
    let requests = total(&record, "requests");
    let lines = apache.logged(requests, |_| true);
    assert_eq!(lines.len() as u64, requests, "httpd has received what was sent");
}

#[test]
fn httpd_and_direct_understand_each_other() {
    apache_conforms("direct");
}

#[test]
fn httpd_and_reqwest_understand_each_other() {
    apache_conforms("reqwest");
}

fn httpbin_conforms(transport: &str) {
    let Some(httpbin) = Server::httpbin() else { return };
    let suite = include_str!("conformance/httpbin.rhai");
    let record = conforms(&Load::script(suite, httpbin.port(0)), transport, 37);
    // The one that was given up before its answer counts as failed, and so does the one in the middle of it.
    assert_eq!(total(&record, "failed"), 2, "{}", record["errors"]);
    let requests = total(&record, "requests");
    let lines = httpbin.logged(requests, |_| true);
    assert_eq!(lines.len() as u64, requests, "httpbin has received what was sent");
}

#[test]
fn httpbin_and_direct_understand_each_other() {
    httpbin_conforms("direct");
}

#[test]
fn httpbin_and_reqwest_understand_each_other() {
    httpbin_conforms("reqwest");
}

/// A hundred users, who keep their connections for as long as the server does.
#[test]
fn a_hundred_users_keep_a_hundred_connections() {
    let Some(nginx) = Server::nginx() else { return };
    let mut known = 0;
    for transport in TRANSPORTS {
        let url = format!("http://127.0.0.1:{}/hello.txt", nginx.port(0));
        let load = Load::url(url).args(&["-u", "100", "-i", "20", "--per-vu"]);
        let record = accounted(&load.run(transport), transport);
        assert_eq!((total(&record, "requests"), total(&record, "failed")), (2000, 0));
        let lines = nginx.logged(known + 2000, |_| true).split_off(known as usize);
        known += 2000;
        assert_eq!(lines.len(), 2000, "{transport}");
        assert_eq!(requests_of_connections(&lines), [20; 100], "{transport}");
    }
}

/// Servers close when they like: after a number of requests, or after a while. Nobody loses a request to it.
#[test]
fn connections_that_a_server_closes_cost_no_request() {
    let (Some(nginx), Some(apache)) = (Server::nginx(), Server::apache()) else { return };
    for transport in TRANSPORTS {
        for (server, port, each, most) in
            [(&nginx, 2, 1, 1), (&nginx, 3, 10, 10), (&apache, 2, 10, 11)]
        {
            let before = server.logged(0, |_| true).len();
            let url = format!("http://127.0.0.1:{}/hello.txt", server.port(port));
            let load = Load::url(url).args(&["-u", "5", "-i", "40", "--per-vu"]);
            let record = accounted(&load.run(transport), transport);
            assert_eq!(total(&record, "failed"), 0, "{transport} {port}: {}", record["errors"]);
            let lines = server.logged(before as u64 + 200, |_| true).split_off(before);
            assert_eq!(lines.len(), 200, "{transport} {port}");
            if server.port(port) == nginx.port(port) {
                let counts = requests_of_connections(&lines);
                let fair = counts.len() == 200 / each && counts.iter().all(|count| *count <= most);
                assert!(fair, "{transport} {port}: {counts:?}");
            }
        }
    }
}

/// The servers close idle connections after 200 ms without a word; users come back at once, or long after that.
#[test]
fn connections_that_a_server_closes_while_users_think_cost_no_request() {
    let (Some(nginx), Some(apache)) = (Server::nginx(), Server::apache()) else { return };
    let script = "fn journey(user) {
        user.get(\"/hello.txt\");
        if user.iteration % 3 == 2 { user.sleep(0.8); }
    }";
    for transport in ["direct", "reqwest"] {
        let before = nginx.logged(0, |_| true).len();
        for port in [nginx.port(4), apache.port(3)] {
            let load = Load::script(script, port).args(&["-u", "10", "-i", "9", "--per-vu"]);
            let record = accounted(&load.run(transport), transport);
            assert_eq!(total(&record, "requests"), 90);
            // On a machine that stands still for so long, one may leave while the server hangs up; sending it again would hide it.
            assert!(total(&record, "failed") <= 3, "{transport}: {}", record["errors"]);
        }
        let lines = nginx.logged(before as u64 + 87, |_| true).split_off(before);
        // More than the ten that would do if none were closed, and fewer than if none were kept.
        let counts = requests_of_connections(&lines);
        assert!((11..=80).contains(&counts.len()), "{transport}: {counts:?}");
    }
}

/// TLS with certificates of an authority of the test's own. A user that connects anew resumes its session.
#[test]
fn tls_is_spoken_with_both_servers_and_sessions_are_resumed() {
    let (Some(nginx), Some(apache)) = (Server::nginx(), Server::apache()) else { return };
    let script = "fn journey(user) {
        let r = user.get(\"/hello.txt\");
        check(r, \"hello\", r.body == \"hello\");
        let r = user.get(\"/big.bin\");
        check(r, \"big\", r.body.len == 3000000);
    }";
    for transport in TRANSPORTS {
        for server in [&nginx, &apache] {
            let mut load = Load::script(script, 0).args(&["--ca-file", &server.authority()]);
            load.target = format!("https://localhost:{}", server.port(1));
            let before = server.logged(0, |_| true).len();
            conforms(&load.args(&["-i", "4", "--http", "1.1"]), transport, 2);
            let lines = server.logged(before as u64 + 8, |_| true).split_off(before);
            assert_eq!(lines.len(), 8, "{transport}: {lines:?}");
        }
        let resuming = "let options = #{ no_connection_reuse: true };
        fn journey(user) {
            let r = user.get(\"/resumed\");
            check(r, \"resumed\", r.body == if user.iteration == 0 { \".\" } else { \"r\" });
        }";
        let mut load = Load::script(resuming, 0).args(&["--ca-file", &nginx.authority()]);
        load.target = format!("https://localhost:{}", nginx.port(1));
        conforms(&load.args(&["-i", "4", "--http", "1.1"]), transport, 1);
    }
}

#[test]
fn a_certificate_of_nobody_we_know_is_refused() {
    let Some(nginx) = Server::nginx() else { return };
    for transport in TRANSPORTS {
        let load = Load::url(format!("https://localhost:{}/hello.txt", nginx.port(1)));
        let record = accounted(&load.args(&["-i", "3"]).run(transport), transport);
        assert_eq!(total(&record, "failed"), 3);
        assert_eq!(record["errors"][0]["kind"], "tls", "{}", record["errors"]);
    }
    assert_eq!(nginx.logged(0, |_| true), [""; 0], "nothing was sent");
}

/// HTTP/2 is reqwest's. `direct` says so before any load where it can know. A server that speaks nothing else over TLS shakes
/// hands with it and hangs up.
#[test]
fn http_2_is_carried_by_reqwest_and_refused_by_direct() {
    let (Some(plain), Some(tls)) = (Server::nghttpd(false), Server::nghttpd(true)) else { return };
    let suite = include_str!("conformance/nghttpd.rhai");
    for transport in ["reqwest", "auto"] {
        let received = |server: &Server, expected| {
            let is_request = |line: &str| line.contains("recv") && line.contains(":method");
            server.logged(expected, is_request).len() as u64
        };
        let load = Load::script(suite, plain.port(0)).args(&["--http", "2"]);
        let before = received(&plain, 0);
        let requests = total(&conforms(&load, transport, 10), "requests");
        assert_eq!(received(&plain, before + requests) - before, requests, "{transport}");
        let mut load = Load::script(suite, 0).args(&["--ca-file", &tls.authority()]);
        load.target = format!("https://localhost:{}", tls.port(0));
        conforms(&load, transport, 10);
    }
    let (_, ended) = Load::script(suite, plain.port(0)).args(&["--http", "2"]).run("direct");
    assert_eq!(ended.code, Some(104), "{}", ended.stdout);
    assert!(ended.stderr.contains("it does not speak HTTP/2; auto chooses"), "{}", ended.stderr);
    let url = format!("https://localhost:{}/hello.txt", tls.port(0));
    let load = Load::url(url).args(&["--ca-file", &tls.authority(), "-i", "2"]);
    let record = accounted(&load.run("direct"), "direct");
    assert_eq!((total(&record, "requests"), total(&record, "failed")), (2, 2));
    assert_eq!(record["errors"][0]["kind"], "closed_early", "{}", record["errors"]);
}
