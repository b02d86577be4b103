//! Closed models: a user's next iteration waits for its last one.

use std::collections::VecDeque;
use std::rc::Rc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::task::JoinSet;

use super::{ScenarioRun, drop_planned, iterate, labels, own_users};
use crate::engine::stop::{Stop, StopLevel};
use crate::engine::vu::VirtualUser;
use crate::pacing::{self, VuSchedule};
use crate::plan::{Scenario, Stage, ThinkTime};

/// How many iterations a user may begin.
#[derive(Debug, Clone, Copy)]
enum Claim {
    Unlimited,
    /// As long as all users together have begun fewer.
    Shared(u64),
    /// This many of its own.
    Own(u64),
}

pub(super) fn constant_vus<V: VirtualUser>(
    run: &ScenarioRun<V>,
    users: &mut JoinSet<()>,
    vus: u64,
) {
    for id in own_users(run, vus) {
        users.spawn_local(live(run.clone(), id, run.stop.clone(), Claim::Unlimited));
    }
}

pub(super) fn shared_iterations<V: VirtualUser>(
    run: &ScenarioRun<V>,
    users: &mut JoinSet<()>,
    vus: u64,
    iterations: u64,
) {
    for id in own_users(run, vus) {
        users.spawn_local(live(run.clone(), id, run.stop.clone(), Claim::Shared(iterations)));
    }
}

pub(super) fn per_vu_iterations<V: VirtualUser>(
    run: &ScenarioRun<V>,
    users: &mut JoinSet<()>,
    vus: u64,
    iterations: u64,
) {
    for id in own_users(run, vus) {
        users.spawn_local(live(run.clone(), id, run.stop.clone(), Claim::Own(iterations)));
    }
}

/// Follows the schedule: users come and go. Those that go may finish their iteration within the graceful stop.
pub(super) async fn ramping_vus<V: VirtualUser>(
    run: &ScenarioRun<V>,
    users: &mut JoinSet<()>,
    scenario: &Scenario,
    start_vus: u64,
    stages: &[Stage],
) {
    let schedule = VuSchedule::new(start_vus, stages);
    let mut alive: Vec<Rc<Stop>> = Vec::new();
    let mut leaving: VecDeque<(Duration, Rc<Stop>)> = VecDeque::new();
    let mut next_id = run.first_vu_id + run.shard.index;
    let mut changes = schedule.changes().peekable();
    let end = scenario.start_time + stages.iter().map(|stage| stage.duration).sum::<Duration>();
    loop {
        let change = changes.peek().map(|(at, _)| scenario.start_time + *at);
        let cut = leaving.front().map(|(at, _)| *at);
        let Some(at) = [change, cut, Some(end)].into_iter().flatten().min() else { break };
        tokio::select! {
            biased;
            () = run.stop.reached(StopLevel::Graceful) => break,
            () = tokio::time::sleep_until(run.clock.instant(at)) => {}
        }
        while leaving.front().is_some_and(|(cut, _)| *cut <= at) {
            if let Some((_, stop)) = leaving.pop_front() {
                stop.raise(StopLevel::Now);
            }
        }
        while let Some((_, vus)) =
            changes.next_if(|(change, _)| scenario.start_time + *change <= at)
        {
            let wanted = run.shard.share(vus) as usize;
            while alive.len() > wanted {
                let Some(stop) = alive.pop() else { break };
                stop.raise(StopLevel::Graceful);
                leaving.push_back((at + scenario.graceful_stop, stop));
            }
            while alive.len() < wanted {
                let stop = Stop::within(run.stop.clone());
                alive.push(stop.clone());
                users.spawn_local(live(run.clone(), next_id, stop, Claim::Unlimited));
                next_id += run.shard.count;
            }
        }
        if at >= end {
            break;
        }
    }
}

/// The life of one user: iterations with pauses between them, until its claim or the scenario ends.
async fn live<V: VirtualUser>(run: ScenarioRun<V>, id: u64, stop: Rc<Stop>, claim: Claim) {
    run.recorder.vu_started();
    let mut user = (run.make)(id);
    let mut begun = 0_u64;
    let mut due = run.clock.now();
    while stop.level() == StopLevel::Running && take(&run, claim, begun) {
        begun += 1;
        // A closed model has no schedule but the user's own: an iteration is due when it begins, unless it is paced.
        let scheduled_at = match run.shape.think_time {
            ThinkTime::Pacing(_) => due,
            _ => run.clock.now(),
        };
        run.recorder.planned(labels(&run, &"".into(), scheduled_at), 1);
        iterate(&run, &mut user, &stop, scheduled_at).await;
        let ended = run.clock.now();
        due = match run.shape.think_time {
            ThinkTime::Pacing(interval) => pacing::pacing_next(due, ended, interval),
            other => ended + pacing::pause(&other, user.uniform()),
        };
        let is_last = matches!(claim, Claim::Own(own) if begun >= own);
        if due > ended && !is_last {
            tokio::select! {
                biased;
                () = stop.reached(StopLevel::Graceful) => {}
                () = tokio::time::sleep_until(run.clock.instant(due)) => {}
            }
        }
    }
    if let Claim::Own(own) = claim
        && begun < own
    {
        drop_planned(&run, own - begun);
    }
    user.finish(&stop).await;
    run.recorder.vu_ended();
}

fn take<V>(run: &ScenarioRun<V>, claim: Claim, begun: u64) -> bool {
    match claim {
        Claim::Unlimited => true,
        Claim::Own(own) => begun < own,
        Claim::Shared(total) => run
            .claimed
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |claimed| {
                (claimed < total).then_some(claimed + 1)
            })
            .is_ok(),
    }
}
