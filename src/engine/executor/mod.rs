//! The ways to start iterations: closed models in [`closed`], open ones in [`open`]. Both know only [`VirtualUser`].

mod closed;
mod open;

#[cfg(test)]
mod tests;

use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::task::JoinSet;

use self::closed::Claim;
use super::recorder::{IterationParts, Recorder};
use super::script_user::Shape;
use super::steer::Helm;
use super::stop::{Stop, StopLevel};
use super::timer::Timer;
use super::vu::{IterationEnd, VirtualUser, VuFactory};
use crate::clock::RunClock;
use crate::pacing::Shard;
use crate::plan::{Executor, Scenario};

/// One worker's part of one scenario.
pub(super) struct ScenarioRun<V> {
    pub(super) shape: Rc<Shape>,
    pub(super) recorder: Rc<Recorder>,
    pub(super) clock: RunClock,
    pub(super) timer: Timer,
    pub(super) stop: Rc<Stop>,
    /// How its load departs from the plan.
    pub(super) helm: Rc<Helm>,
    pub(super) shard: Shard,
    /// Id of the scenario's first user in the whole run.
    pub(super) first_vu_id: u64,
    pub(super) make: VuFactory<V>,
    /// Iterations claimed so far by all workers, for shared iterations.
    pub(super) claimed: Arc<AtomicU64>,
    /// The id of the run's next user that the plan does not have.
    pub(super) extra_ids: Arc<AtomicU64>,
    pub(super) seed: u64,
}

/// Runs one worker's part of a scenario: waits for its start, runs its executor, stops gracefully, then for good.
pub(super) async fn run_scenario<V: VirtualUser>(mut run: ScenarioRun<V>, scenario: &Scenario) {
    if !may_grow(&scenario.executor) {
        // A worker without a user could neither start what is its part nor tell when the others are done.
        run.shard.count = run.shard.count.min(scenario.executor.max_vus().max(1));
    }
    if run.shard.index >= run.shard.count {
        return;
    }
    let run = Rc::new(run);
    wait_until(&run, scenario.start_time).await;
    if run.stop.level() > StopLevel::Running {
        return;
    }
    let mut users = JoinSet::new();
    let mut crew = None;
    match &scenario.executor {
        Executor::ConstantVus { .. } | Executor::RampingVus { .. } => {
            closed::changing_vus(&run, &mut users, scenario).await;
        }
        Executor::SharedIterations { vus, iterations, max_duration } => {
            closed::begin_all(&run, &mut users, *vus, Claim::Shared(*iterations)).await;
            wait_for_users(&run, &mut users, scenario.start_time + *max_duration).await;
        }
        Executor::PerVuIterations { vus, iterations, max_duration } => {
            closed::begin_all(&run, &mut users, *vus, Claim::Own(*iterations)).await;
            wait_for_users(&run, &mut users, scenario.start_time + *max_duration).await;
        }
        Executor::ConstantArrivalRate { pre_allocated_vus, max_vus, .. }
        | Executor::RampingArrivalRate { pre_allocated_vus, max_vus, .. } => {
            let made = open::Crew::new(&run, *pre_allocated_vus, *max_vus);
            made.follow(&mut users, scenario).await;
            crew = Some(made);
        }
    }
    finish(&run, &mut users, scenario.graceful_stop).await;
    if let Some(crew) = crew {
        crew.drop_backlog();
    }
    if let Executor::SharedIterations { iterations, .. } = &scenario.executor {
        drop_unclaimed(&run, *iterations);
    }
}

/// Whether users may come that the plan does not have, so that a worker without one has to be there.
fn may_grow(executor: &Executor) -> bool {
    matches!(executor, Executor::ConstantVus { .. } | Executor::RampingVus { .. })
}

/// How many ids the users of a scenario take, over all workers.
pub(super) fn ids_of(executor: &Executor) -> u64 {
    match executor {
        // Whoever comes after others have left is a new user.
        Executor::RampingVus { start_vus, stages } => closed::users_of_ramp(*start_vus, stages),
        _ => executor.max_vus(),
    }
}

/// Waits for a moment of the run, or for a stop.
async fn wait_until<V>(run: &ScenarioRun<V>, at: Duration) {
    tokio::select! {
        biased;
        () = run.stop.reached(StopLevel::Graceful) => {}
        () = run.timer.sleep_until(run.clock.instant(at)) => {}
    }
}

/// Waits for all users to end by themselves, for a moment of the run, or for a stop.
async fn wait_for_users<V>(run: &ScenarioRun<V>, users: &mut JoinSet<()>, at: Duration) {
    tokio::select! {
        biased;
        () = run.stop.reached(StopLevel::Graceful) => {}
        () = run.timer.sleep_until(run.clock.instant(at)) => {}
        () = all_ended(users) => {}
    }
}

/// No new iterations; running ones may end within `grace`; then they are cut off. Returns when every user is gone.
async fn finish<V>(run: &ScenarioRun<V>, users: &mut JoinSet<()>, grace: Duration) {
    run.stop.raise(StopLevel::Graceful);
    tokio::select! {
        biased;
        () = all_ended(users) => return,
        () = tokio::time::sleep(grace) => {}
        () = run.stop.reached(StopLevel::Now) => {}
    }
    run.stop.raise(StopLevel::Now);
    all_ended(users).await;
}

async fn all_ended(users: &mut JoinSet<()>) {
    // A user's task does not panic: scripts are contained in their coroutine. If one did, the others still go on.
    while users.join_next().await.is_some() {}
}

/// Shared iterations that nobody began: the first worker that gets here counts them all as dropped.
fn drop_unclaimed<V>(run: &ScenarioRun<V>, iterations: u64) {
    let claimed = run.claimed.swap(iterations, Ordering::Relaxed);
    let left = iterations.saturating_sub(claimed);
    if left > 0 {
        drop_planned(run, left);
    }
}

fn drop_planned<V>(run: &ScenarioRun<V>, count: u64) {
    let now = run.clock.now();
    let labels = labels_before(run, now);
    run.recorder.planned(&labels, now, count);
    run.recorder.dropped(&labels, now, count);
}

fn labels<'a, V>(run: &'a ScenarioRun<V>, task: &'a Arc<str>, due: Duration) -> IterationParts<'a> {
    let shape = &*run.shape;
    IterationParts { scenario: &shape.name, task, phase: shape.phase_at(due) }
}

/// The labels of what has no task yet.
fn labels_before<V>(run: &ScenarioRun<V>, due: Duration) -> IterationParts<'_> {
    labels(run, &run.shape.no_task, due)
}

/// Runs one iteration and records it; says when it ended. The iteration is already counted as planned and as started, and begins
/// now, at `started_at`.
async fn iterate<V: VirtualUser>(
    run: &ScenarioRun<V>,
    user: &mut V,
    stop: &Stop,
    scheduled_at: Duration,
    started_at: Duration,
) -> Duration {
    let (end, task) = user.iterate(scheduled_at, stop).await;
    let ended_at = run.clock.now();
    let took = ended_at.saturating_sub(started_at);
    run.recorder.ended(&labels(run, &run.shape.tasks[task], scheduled_at), took, |tally| {
        match end {
            IterationEnd::Completed => tally.stats.completed += 1,
            IterationEnd::Failed => tally.stats.failed += 1,
            IterationEnd::Interrupted => tally.stats.interrupted += 1,
        }
        let response_time = ended_at.saturating_sub(scheduled_at);
        if end == IterationEnd::Interrupted {
            tally.stats.record_unseen(response_time, 1);
        } else {
            tally.took(response_time, took);
        }
    });
    // An iteration that waited for nothing must not keep its thread from everybody else.
    tokio::task::consume_budget().await;
    ended_at
}

/// The end of a user: it says goodbye, unless it is too late for that.
async fn goodbye<V: VirtualUser>(run: &ScenarioRun<V>, user: &mut V, stop: &Stop) {
    if stop.level() < StopLevel::Now {
        user.finish(stop).await;
    }
    run.recorder.vu_ended();
}

/// The ids of this worker's users among `vus`.
fn own_users<V>(run: &ScenarioRun<V>, vus: u64) -> impl Iterator<Item = u64> + use<V> {
    let (shard, first) = (run.shard, run.first_vu_id);
    (0..shard.share(vus)).map(move |local| first + shard.global_index(local))
}
