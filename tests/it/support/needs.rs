//! What tests need of the machine besides the program itself.

use std::process::{Command, Stdio};

/// Whether a program is there; says so if not, and fails where everything has to be. `version` is an option with which it
/// ends well at once.
pub(crate) fn is_installed(program: &str, version: &str) -> bool {
    let is_there = succeeds(Command::new(program).arg(version));
    missing_unless(is_there, &format!("{program} is not installed"));
    is_there
}

/// Whether a command can be run and ends well.
pub(crate) fn succeeds(command: &mut Command) -> bool {
    let status = command.stdout(Stdio::null()).stderr(Stdio::null()).status();
    status.is_ok_and(|status| status.success())
}

/// Says that a test is left out for want of something, and fails where everything has to be there.
pub(crate) fn missing_unless(is_there: bool, why: &str) {
    let is_required = std::env::var("RHAID_REQUIRE_SERVICES").is_ok_and(|value| value == "1");
    assert!(is_there || !is_required, "{why}");
    if !is_there {
        skipped(why);
    }
}

/// Says that a test is left out.
pub(super) fn skipped(why: &str) {
    #[expect(clippy::print_stderr, reason = "a skipped test says so")]
    {
        eprintln!("SKIPPED: {why}");
    }
}
