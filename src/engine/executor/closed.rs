//! Closed models: a user's next iteration waits for its last one.

use std::rc::Rc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::task::JoinSet;

use super::{ScenarioRun, drop_planned, goodbye, iterate, labels, own_users};
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
    let mut alive: Vec<Rc<Stop>> = Vec::new();
    // Users of all workers: how many there are, and how many have ever come.
    let (mut present, mut come) = (0, 0);
    for (at, vus) in VuSchedule::new(start_vus, stages).changes() {
        super::wait_until(run, scenario.start_time + at).await;
        if run.stop.level() > StopLevel::Running {
            return;
        }
        for stop in alive.drain(alive.len().min(run.shard.share(vus) as usize)..) {
            stop.raise(StopLevel::Graceful);
        }
        for place in (present..vus).filter(|place| place % run.shard.count == run.shard.index) {
            let stop = Stop::within(run.stop.clone());
            alive.push(stop.clone());
            let id = run.first_vu_id + come + (place - present);
            users.spawn_local(live_until_cut(run.clone(), id, stop, scenario.graceful_stop));
        }
        come += vus.saturating_sub(present);
        present = vus;
        while users.try_join_next().is_some() {}
    }
    let length = stages.iter().map(|stage| stage.duration).sum::<Duration>();
    super::wait_until(run, scenario.start_time + length).await;
}

/// The life of a user that may have to leave before the others do. It has as long for its iteration as they have.
async fn live_until_cut<V: VirtualUser>(
    run: ScenarioRun<V>,
    id: u64,
    stop: Rc<Stop>,
    grace: Duration,
) {
    let cut = async {
        stop.reached(StopLevel::Graceful).await;
        tokio::time::sleep(grace).await;
        stop.raise(StopLevel::Now);
        std::future::pending::<()>().await;
    };
    tokio::select! {
        biased;
        () = live(run, id, stop.clone(), Claim::Unlimited) => {}
        () = cut => {}
    }
}

/// All users who ever come under a schedule.
pub(super) fn users_of_ramp(start_vus: u64, stages: &[Stage]) -> u64 {
    let mut before = 0;
    let changes = VuSchedule::new(start_vus, stages).changes();
    changes.map(|(_, vus)| vus.saturating_sub(std::mem::replace(&mut before, vus))).sum()
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
        run.recorder.planned(labels(&run, &"".into(), scheduled_at), scheduled_at, 1);
        iterate(&run, &mut user, &stop, scheduled_at).await;
        let ended = run.clock.now();
        due = match run.shape.think_time {
            ThinkTime::Pacing(interval) => pacing::pacing_next(due, ended, interval),
            other => ended + pacing::pause(&other, user.uniform()),
        };
        if due > ended && has_more(&run, claim, begun) {
            tokio::select! {
                biased;
                () = stop.reached(StopLevel::Graceful) => {}
                () = run.timer.sleep_until(run.clock.instant(due)) => {}
            }
        }
    }
    if let Claim::Own(own) = claim
        && begun < own
    {
        drop_planned(&run, own - begun);
    }
    goodbye(&run, &mut user, &stop).await;
}

/// Whether there is an iteration left to take. Somebody else may take it first.
fn has_more<V>(run: &ScenarioRun<V>, claim: Claim, begun: u64) -> bool {
    match claim {
        Claim::Unlimited => true,
        Claim::Own(own) => begun < own,
        Claim::Shared(total) => run.claimed.load(Ordering::Relaxed) < total,
    }
}

/// Takes an iteration, unless none is left.
fn take<V>(run: &ScenarioRun<V>, claim: Claim, begun: u64) -> bool {
    match claim {
        Claim::Unlimited | Claim::Own(_) => has_more(run, claim, begun),
        Claim::Shared(total) => run
            .claimed
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |claimed| {
                (claimed < total).then_some(claimed + 1)
            })
            .is_ok(),
    }
}
