//! `rhaid bench`: each endpoint alone, one after the other, and what each is like.

mod lead;
mod measure;
mod settings;
mod urls;

use std::time::Duration;

use super::CliError;
use super::args::{BenchArgs, GlobalArgs};
use super::diagnostics;
use super::execution::{
    EndedRun, Follower, check_limits, execute, reach_target, store, write_files,
};
use super::exit::{Ending, ExitCode};
use super::prepare::{Prepared, prepare};
use super::printer::Printer;
use super::run::text_options;
use super::target::{StartedTarget, find_target};
use crate::engine::EngineError;
use crate::plan::{Executor, Plan, TestType, ThinkTime};
use crate::report::{self, TextOptions};
use crate::watch::is_on_this_machine;
use lead::BenchLead;
pub(super) use settings::BenchSettings;
use urls::prepare_urls;

/// Does what `bench` was asked to do.
///
/// # Errors
/// Whatever keeps the benchmark from starting; see [`ExitCode`].
pub(super) fn bench(
    args: BenchArgs,
    global: &GlobalArgs,
    printer: &Printer,
) -> Result<ExitCode, CliError> {
    let settings = BenchSettings::new(args, global)?;
    bench_with(&settings, Follower { printer, link: None })
}

/// Does what `settings` say.
///
/// # Errors
/// As [`bench`].
pub(super) fn bench_with(
    settings: &BenchSettings,
    follower: Follower<'_>,
) -> Result<ExitCode, CliError> {
    let printer = follower.printer;
    let (mut prepared, target) = ready(settings, printer)?;
    adapt(&mut prepared.plan, settings.vus, settings.length);
    check_limits(&prepared.plan, printer);
    let watched = find_target(target.as_ref(), &prepared.plan);
    let is_local = watched.destinations.iter().any(|address| is_on_this_machine(address.ip()));
    let plan = prepared.plan.clone();
    let mut lead = BenchLead::new(&plan, settings, is_local, printer);
    let mut ended = execute(&settings.run, prepared, target, Some(&mut lead), follower)?;
    let (endpoints, validity) = lead.finding();
    ended.record.findings.endpoints = endpoints;
    ended.record.findings.validity = Some(validity);
    let code = ended.exit_code(Ending::default());
    ended.record.exit_code = Some(code.into());
    let previous = store(&settings.run, &mut ended, printer);
    write_files(&settings.run, &ended.record)?;
    show(settings, &ended, previous, printer);
    if code != ExitCode::Passed {
        printer.talk(&format!("{code}"));
    }
    Ok(code)
}

/// Everything checked and the target answering.
fn ready(
    settings: &BenchSettings,
    printer: &Printer,
) -> Result<(Prepared, Option<StartedTarget>), CliError> {
    let run = &settings.run;
    let mut target = run.start.as_ref().map(StartedTarget::start).transpose()?;
    let mut wishes = run.wishes.clone();
    if let Some(url) = target.as_ref().and_then(|target| target.url.clone()) {
        wishes.target.get_or_insert(url);
    }
    let prepared = match settings.urls.as_slice() {
        [] => prepare(&run.source, &wishes, &run.env, printer)?,
        urls => prepare_urls(urls, &wishes, printer)?,
    };
    reach_target(&prepared.plan, &mut target, run.start.as_ref())?;
    Ok((prepared, target))
}

/// Makes a plan that of a benchmark: nobody pauses, and the users are as many as were asked for.
///
/// The script was resolved for many users, so that no scenario was left out; here they get their shares of those that there
/// are, at least one each. That is what the plan's load says. Each leg has all of the users.
fn adapt(plan: &mut Plan, vus: u64, duration: Duration) {
    plan.test_type = TestType::Benchmark;
    let all = u128::from(plan.max_vus().max(1));
    // Shares of sums and not of each, so that the rounded shares add up to the whole.
    let share =
        |users: u64| u64::try_from(u128::from(users) * u128::from(vus) / all).unwrap_or(u64::MAX);
    let mut before = 0;
    for scenario in &mut plan.scenarios {
        let up_to_here = before + scenario.executor.max_vus();
        let vus = (share(up_to_here) - share(before)).max(1);
        before = up_to_here;
        scenario.executor = Executor::ConstantVus { vus, duration };
        scenario.think_time = ThinkTime::None;
    }
}

fn show(settings: &BenchSettings, ended: &EndedRun, previous: Option<i64>, printer: &Printer) {
    let stored = settings.run.destinations.database.as_ref().filter(|_| ended.record.id > 0);
    let options = TextOptions {
        stored_in: stored.map(|path| path.display().to_string()),
        previous,
        ..text_options(printer)
    };
    printer.data(report::summary(&ended.record, &options));
    match &ended.outcome.failure {
        None => {}
        Some(EngineError::Stage { function, finding }) => {
            let text = diagnostics::render(std::slice::from_ref(finding), printer);
            printer.error(&format!("{function} failed"), None);
            printer.error_rendered(&text);
        }
        Some(error) => printer.error(&error.to_string(), None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::Scenario;
    use crate::record::fixture;

    /// The users of each scenario of a plan in which `shares` stand to each other so.
    fn adapted(shares: &[u64], vus: u64) -> Vec<u64> {
        let mut plan = fixture::plan();
        let duration = Duration::from_secs(1);
        let one = plan.scenarios[0].clone();
        let executor = |vus| Executor::ConstantVus { vus, duration };
        let scenario = |share: &u64| Scenario { executor: executor(*share), ..one.clone() };
        plan.scenarios = shares.iter().map(scenario).collect();
        adapt(&mut plan, vus, duration);
        assert_eq!(plan.test_type, TestType::Benchmark);
        assert!(plan.scenarios.iter().all(|s| s.think_time == ThinkTime::None));
        plan.scenarios.iter().map(|scenario| scenario.executor.max_vus()).collect()
    }

    #[test]
    fn the_plan_of_a_benchmark_has_as_many_users_as_were_asked_for() {
        assert_eq!(adapted(&[100_000], 10), [10]);
        assert_eq!(adapted(&[80_000, 20_000], 10), [8, 2]);
        let thirds = adapted(&[33_334, 33_333, 33_333], 10);
        assert_eq!(thirds.iter().sum::<u64>(), 10, "{thirds:?}");
        assert_eq!(adapted(&[99_999, 1], 1), [1, 1], "no scenario is left out");
    }
}
