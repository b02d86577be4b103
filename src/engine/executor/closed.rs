//! Closed models: a user's next iteration waits for its last one.

use std::rc::Rc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::task::JoinSet;

use super::{ScenarioRun, drop_planned, goodbye, iterate, labels_before, own_users};
use crate::engine::stop::{Stop, StopLevel};
use crate::engine::turn::fetched;
use crate::engine::vu::VirtualUser;
use crate::pacing::{self, VuSchedule};
use crate::plan::{Executor, Scenario, Stage, ThinkTime};

/// Users who begin before the others of their thread have a turn.
const BEGUN_AT_ONCE: usize = 64;

/// How many iterations a user may begin.
#[derive(Debug, Clone, Copy)]
pub(super) enum Claim {
    Unlimited,
    /// As long as all users together have begun fewer.
    Shared(u64),
    /// This many of its own.
    Own(u64),
}

/// Lets all users of a scenario begin whose iterations are counted.
pub(super) async fn begin_all<V: VirtualUser>(
    run: &Rc<ScenarioRun<V>>,
    users: &mut JoinSet<()>,
    vus: u64,
    claim: Claim,
) {
    let mut turns = Turns::default();
    for id in own_users(run, vus) {
        users.spawn_local(fetched(live(Rc::clone(run), id, Stops::of(run), claim)));
        turns.begun().await;
    }
}

/// Lets those who are there have their turns while many come: a thousand who begin at once take milliseconds, in which
/// nothing that is due on their thread would leave.
#[derive(Debug, Default)]
struct Turns {
    begun: usize,
}

impl Turns {
    /// Another one has begun.
    async fn begun(&mut self) {
        self.begun += 1;
        if self.begun.is_multiple_of(BEGUN_AT_ONCE) {
            tokio::task::yield_now().await;
        }
    }
}

/// What ends a user.
struct Stops {
    /// No iteration after the one that runs.
    leave: Rc<Stop>,
    /// Cuts off the one that runs.
    cut: Rc<Stop>,
}

impl Stops {
    /// Those of its scenario.
    fn of<V>(run: &ScenarioRun<V>) -> Self {
        Self { leave: run.stop.clone(), cut: run.stop.clone() }
    }
}

/// Follows the plan's number of users, or the one that was told meanwhile. Returns at the scenario's end, or with a stop.
pub(super) async fn changing_vus<V: VirtualUser>(
    run: &Rc<ScenarioRun<V>>,
    users: &mut JoinSet<()>,
    scenario: &Scenario,
) {
    let (schedule, grace) = match &scenario.executor {
        Executor::RampingVus { start_vus, stages } => {
            (VuSchedule::new(*start_vus, stages), Some(scenario.graceful_stop))
        }
        // All of them come at once, and none leaves before the end unless somebody says so.
        other => (VuSchedule::new(other.max_vus(), &[]), None),
    };
    let end = scenario.start_time + scenario.executor.duration().unwrap_or_default();
    let mut changes = schedule.changes().peekable();
    let mut crowd = Crowd { run, grace, alive: Vec::new(), present: 0, come: 0 };
    loop {
        let told = run.helm.now().users;
        if let Some(vus) = told {
            crowd.becomes(users, vus, Ids::Extra).await;
        }
        let planned = changes.peek().copied().filter(|_| told.is_none());
        let next = planned.map_or(end, |(at, _)| scenario.start_time + at);
        tokio::select! {
            biased;
            () = run.stop.reached(StopLevel::Graceful) => return,
            () = run.helm.turned() => continue,
            () = run.timer.sleep_until(run.clock.instant(next)) => {}
        }
        let Some((_, vus)) = planned else { return };
        changes.next();
        crowd.becomes(users, vus, Ids::Planned).await;
        while users.try_join_next().is_some() {}
    }
}

/// Where the ids of users who come are from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ids {
    /// Those that the plan has for them, the same in every run.
    Planned,
    /// Those beyond the plan, in the order of who asks first.
    Extra,
}

/// One worker's users while their number changes.
struct Crowd<'a, V> {
    run: &'a Rc<ScenarioRun<V>>,
    /// How long one who leaves has for the iteration that runs; `None` is until the scenario ends.
    grace: Option<Duration>,
    alive: Vec<Rc<Stop>>,
    /// Users of all workers: how many there are, and how many have ever come by the plan.
    present: u64,
    come: u64,
}

impl<V: VirtualUser> Crowd<'_, V> {
    /// Lets users come or go until there are `vus` of all workers.
    async fn becomes(&mut self, users: &mut JoinSet<()>, vus: u64, ids: Ids) {
        let (run, shard) = (self.run, self.run.shard);
        for stop in self.alive.drain(self.alive.len().min(shard.share(vus) as usize)..) {
            stop.raise(StopLevel::Graceful);
        }
        let mut turns = Turns::default();
        for place in (self.present..vus).filter(|place| place % shard.count == shard.index) {
            let leave = Stop::within(&run.stop);
            self.alive.push(leave.clone());
            let id = match ids {
                Ids::Planned => run.first_vu_id + self.come + (place - self.present),
                Ids::Extra => run.extra_ids.fetch_add(1, Ordering::Relaxed),
            };
            if let Some(grace) = self.grace {
                users.spawn_local(fetched(live_until_cut(Rc::clone(run), id, leave, grace)));
            } else {
                let stops = Stops { leave, cut: run.stop.clone() };
                users.spawn_local(fetched(live(Rc::clone(run), id, stops, Claim::Unlimited)));
            }
            turns.begun().await;
        }
        if ids == Ids::Planned {
            self.come += vus.saturating_sub(self.present);
        }
        self.present = vus;
    }
}

/// The life of a user that may have to leave before the others do. It has as long for its iteration as they have.
async fn live_until_cut<V: VirtualUser>(
    run: Rc<ScenarioRun<V>>,
    id: u64,
    stop: Rc<Stop>,
    grace: Duration,
) {
    let stops = Stops { leave: stop.clone(), cut: stop.clone() };
    let cut = async {
        stop.reached(StopLevel::Graceful).await;
        tokio::time::sleep(grace).await;
        stop.raise(StopLevel::Now);
        std::future::pending::<()>().await;
    };
    tokio::select! {
        biased;
        () = live(run, id, stops, Claim::Unlimited) => {}
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
async fn live<V: VirtualUser>(run: Rc<ScenarioRun<V>>, id: u64, stops: Stops, claim: Claim) {
    run.recorder.vu_started();
    let mut user = (run.make)(id);
    let mut begun = 0_u64;
    let mut now = run.clock.now();
    let mut due = now;
    loop {
        if run.helm.waited_out(&stops.leave).await {
            // What would have been due in a pause is not made up for.
            now = run.clock.now();
            due = due.max(now);
        }
        if stops.leave.level() > StopLevel::Running || !take(&run, claim, begun) {
            break;
        }
        begun += 1;
        // A closed model has no schedule but the user's own: an iteration is due when it begins, unless it is paced.
        let scheduled_at = match run.shape.think_time {
            ThinkTime::Pacing(_) => due,
            _ => now,
        };
        run.recorder.planned_and_started(&labels_before(&run, scheduled_at), scheduled_at);
        let ended = iterate(&run, &mut user, &stops.cut, scheduled_at, now).await;
        now = ended;
        due = match run.shape.think_time {
            ThinkTime::Pacing(interval) => pacing::pacing_next(due, ended, interval),
            other => ended + pacing::pause(&other, user.uniform()),
        };
        if due > ended && has_more(&run, claim, begun) {
            tokio::select! {
                biased;
                () = stops.leave.reached(StopLevel::Graceful) => {}
                () = run.timer.sleep_until(run.clock.instant(due)) => {}
            }
            now = run.clock.now();
        }
    }
    if let Claim::Own(own) = claim
        && begun < own
    {
        drop_planned(&run, own - begun);
    }
    goodbye(&run, &mut user, &stops.cut).await;
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
