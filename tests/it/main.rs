//! The one integration binary. A new file gets a line here that says what belongs in it.

/// What is counted is what happened: record, database and service agree under every executor and fault.
mod accuracy;
/// What `rhaid bench` measures, prints, keeps and remembers.
mod bench;
/// What `rhaid check` finds and shows.
mod check;
/// Manners of the command line: what is refused and how it is said, where options come from, what goes where.
mod cli;
/// Both transports against servers of others: nginx, httpd, nghttpd, httpbin.
mod conformance;
/// The program as it is built for others.
mod deploy;
/// What rhaid writes, read by programs of others.
mod interop;
/// How runs begin and end: kills, broken scripts, services started for a run.
mod lifecycle;
/// The comparison with other tools.
mod peers;
/// What is said after a spike.
mod recovery;
/// Runs kept, shown again, compared and deleted; the record against its schema.
mod report;
/// What many users cost.
mod scale;
/// The scaling experiment: throughput over replicas, and replicas behind nginx.
mod scaling;
/// Every journey in `scripts/` becomes a plan and runs: examples cannot rot.
mod scripts;
/// What `rhaid selftest` measures, shows, keeps and leaves behind.
mod selftest;
/// The control API: runs by request, the live feed, who may ask.
mod serve;
/// What the control API refuses while runs are made: hosts, files and variables that nobody allowed.
mod serve_guard;
/// What the target and its machine have in use: seen, scraped, stored, shown.
mod sources;
/// What is reported of a target that freezes.
mod stall;
/// Searches for the breaking point, and sweeps.
mod stress;
/// Starts the program, the sample service and a faulty one for the tests here.
mod support;
/// Laws of the source tree that no compiler knows: who imports whom, sizes, words, names, what lies where.
mod tidy;
/// Runs that must not be trusted, and what they say of themselves.
mod trust;
