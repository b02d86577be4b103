//! What many users cost: memory for each of them.

use std::time::Duration;

use rustix::process::Signal;

use crate::support::{Rhaid, poll, resident_kib};

/// Within this all users are there, or gone again.
const SOON: Duration = Duration::from_secs(20);

/// Resident KiB of a process with `users` sleeping users.
fn resident_with(users: u32, present: &str) -> u64 {
    let rhaid = Rhaid::new();
    let text = "let options = #{ load: #{ vus: 1, duration: \"60s\" } };\nfn rest(user) { user.sleep(\"1h\"); }\n";
    rhaid.script("rest.rhai", text);
    let mut rhaid = rhaid.args(["run", "rest.rhai", "-u", &users.to_string(), "-d", "60s"]);
    let running = rhaid.spawn();
    let seen = poll(SOON, || running.stderr().contains(present).then_some(()));
    assert!(seen.is_some(), "{users} users do not come: {}", running.stderr());
    let resident = resident_kib(running.pid());
    running.signal(Signal::INT);
    let heard = poll(SOON, || running.stderr().contains("stopping").then_some(()));
    assert!(heard.is_some(), "the first interrupt is answered");
    running.signal(Signal::INT);
    let ended = running.wait_within(SOON);
    assert_eq!(ended.code, Some(105), "{}", ended.stderr);
    let totals = &rhaid.record()["totals"];
    assert_eq!(totals["started"].as_u64(), Some(users.into()), "{totals}");
    resident
}

#[test]
fn a_sleeping_user_takes_less_than_fifty_kilobytes() {
    let (few, many) = (resident_with(200, "  200 VUs  "), resident_with(2000, "  2,000 VUs  "));
    let each = many.saturating_sub(few) as f64 / 1800.0;
    assert!(few > 0 && each < 50.0, "{few} KiB for 200 users, {many} KiB for 2,000: {each} each");
}
