//! `rhaid bench`: each endpoint alone, one after the other, and what each is like.

mod lead;
mod measure;
mod settings;
mod urls;

use std::time::Duration;

use super::CliError;
use super::args::{BenchArgs, GlobalArgs};
use super::conclusion::conclude;
use super::execution::{Follower, execute, ready};
use super::exit::{Ending, ExitCode};
use super::limits::check_limits;
use super::prepare::prepare;
use super::printer::Printer;
use crate::plan::{Executor, Plan, TestType, ThinkTime};
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
    let run = &settings.run;
    let (mut prepared, target) = ready(run, |wishes| match settings.urls.as_slice() {
        [] => prepare(&run.source, wishes, &run.env, printer),
        urls => prepare_urls(urls, wishes, printer),
    })?;
    adapt(&mut prepared.plan, settings.vus, settings.length);
    check_limits(&prepared.plan, run.vu_stack_bytes, printer);
    let plan = prepared.plan.clone();
    let mut lead = BenchLead::new(&plan, settings, printer);
    let mut ended = execute(run, prepared, target, Some(&mut lead), follower)?;
    let (endpoints, validity) = lead.finding();
    ended.record.findings.endpoints = endpoints;
    ended.record.findings.validity = Some(validity);
    let code = ended.exit_code(Ending::default());
    conclude(run, ended, code, None, printer)
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
