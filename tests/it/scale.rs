//! What many users cost: memory for each of them.

use std::time::Duration;

use rustix::process::Signal;

use crate::support::{Rhaid, poll, resident_kib};

/// Within this all users are there, or gone again.
const SOON: Duration = Duration::from_secs(120);

/// Resident KiB of a process with `users` sleeping users.
fn resident_with(users: u32, present: &str) -> u64 {
    let rhaid = Rhaid::new();
    let text = "let options = #{ load: #{ vus: 1, duration: \"10m\" } };\nfn rest(user) { user.sleep(\"1h\"); }\n";
    rhaid.script("rest.rhai", text);
    let mut rhaid = rhaid.args(["run", "rest.rhai", "-u", &users.to_string(), "-d", "10m"]);
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
    // All of them were there until the end, and nothing is unaccounted for.
    for name in ["planned", "started", "interrupted"] {
        assert_eq!(totals[name].as_u64(), Some(users.into()), "{name} of {totals}");
    }
    resident
}

#[test]
fn more_sleeping_users_than_mappings_are_there_and_take_less_than_fifty_kilobytes_each() {
    // Two for each stack was more than the system's usual 65,530. Where guards split mappings it still is.
    let (many, shown) = if rhaid::script::stacks_split_mappings() {
        (2_000, "  2,000 VUs  ")
    } else {
        (35_000, "  35,000 VUs  ")
    };
    let (few_kib, many_kib) = (resident_with(200, "  200 VUs  "), resident_with(many, shown));
    let each = many_kib.saturating_sub(few_kib) as f64 / f64::from(many - 200);
    assert!(few_kib > 0 && each < 50.0, "{few_kib} KiB, {many_kib} KiB: {each} each");
}
