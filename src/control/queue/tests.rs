//! Runs that wait, go on and end, made by a launcher that does what the test says.

use std::sync::mpsc as std_mpsc;

use super::*;
use crate::control::config::Caps;
use crate::control::launcher::{MachineUse, ScriptFinding};
use crate::plan::Arrival;
use crate::record::fixture;
use crate::units::Rate;

/// Tells each run that begins, and lets it end when it is asked to stop.
struct Scripted {
    begun: std_mpsc::SyncSender<String>,
}

impl Launcher for Scripted {
    fn check(&self, _launch: &Launch) -> Result<Plan, LaunchError> {
        Ok(fixture::plan())
    }

    fn launch(&self, _launch: &Launch, mut link: RunLink) -> Result<LaunchEnd, LaunchError> {
        self.begun.send(link.run_id).expect("the test looks");
        while let Some(order) = link.orders.blocking_recv() {
            if order == Order::Stop {
                break;
            }
        }
        let message = "it was stopped".to_owned();
        Err(LaunchError { message, hint: None, exit_code: 105 })
    }

    fn check_script(&self, _: &str, _: crate::plan::Confinement) -> Vec<ScriptFinding> {
        Vec::new()
    }

    fn machine(&self) -> MachineUse {
        MachineUse::default()
    }
}

/// A server whose runs nobody makes until the test does.
fn server(queued: usize) -> (Arc<Control>, std_mpsc::Receiver<String>) {
    let (begun, begins) = std_mpsc::sync_channel(1_000);
    let config = ControlConfig {
        token: None,
        hosts: Vec::new(),
        database: "/nowhere/rhaid.db".into(),
        script_root: None,
        default_target: None,
        reach: crate::reach::Reach::default(),
        env: Vec::new(),
        caps: Caps { queued, ..Caps::default() },
    };
    (Control::new(config, Box::new(Scripted { begun })), begins)
}

fn launch(test_type: TestType) -> Launch {
    Launch {
        test_type,
        name: None,
        script: None,
        target_url: Some("http://127.0.0.1:1/".to_owned()),
        users: None,
        rate_per_s: None,
        duration: None,
        error_threshold: None,
        slo: None,
        tags: std::collections::BTreeMap::new(),
        caps: Caps::default(),
        confinement: crate::plan::Confinement::default(),
    }
}

fn enqueue(control: &Control) -> String {
    control.enqueue(launch(TestType::Load), &fixture::plan()).expect("room")
}

fn state(control: &Control, run_id: &str) -> State {
    control.entry(run_id).expect("remembered").state
}

/// The last state that those who watch are told.
fn told_end(control: &Control, run_id: &str) -> Option<serde_json::Value> {
    let messages = control.entry(run_id)?.feed.after(0, true);
    let last: serde_json::Value = serde_json::from_str(&messages.last()?.text).ok()?;
    (last["type"] == "end").then(|| last["data"]["state"].clone())
}

#[test]
fn one_run_goes_on_and_the_others_wait_for_their_turn() {
    let (control, begins) = server(20);
    let runs: Vec<String> = (0..3).map(|_| enqueue(&control)).collect();
    std::thread::scope(|scope| {
        scope.spawn(|| control.make_runs());
        for (place, run) in runs.iter().enumerate() {
            assert_eq!(
                begins.recv().as_ref(),
                Ok(run),
                "in the order in which they were asked for"
            );
            assert_eq!(state(&control, run), State::Running);
            assert!(runs[place + 1..].iter().all(|other| state(&control, other) == State::Queued));
            control.order(run, Order::Stop).expect("it takes orders");
        }
        control.close();
    });
    for run in &runs {
        let entry = control.entry(run).expect("remembered");
        assert_eq!((entry.state, entry.exit_code), (State::Error, Some(105)));
        assert_eq!(told_end(&control, run), Some("ERROR".into()));
        let refused = control.order(run, Order::Stop).expect_err("it has ended");
        assert_eq!(refused.code, "conflict");
    }
}

#[test]
fn no_more_runs_wait_than_may_and_one_that_is_stopped_makes_room() {
    let (control, _begins) = server(2);
    let (first, second) = (enqueue(&control), enqueue(&control));
    let refused = control.enqueue(launch(TestType::Load), &fixture::plan()).expect_err("full");
    assert_eq!(refused.code, "queue_full");
    assert_eq!(control.order(&first, Order::Stop), Ok(State::Stopped));
    assert_eq!(told_end(&control, &first), Some("STOPPED".into()));
    assert_eq!(enqueue(&control).len(), second.len());
    let refused = control.order(&second, Order::Pause).expect_err("it has not begun");
    assert_eq!(refused.code, "conflict");
    control.forget(&first);
    control.forget(&second);
    assert!(control.entry(&first).is_none() && control.entry(&second).is_some());
}

#[test]
fn a_server_that_ends_stops_the_run_that_goes_on_and_forgets_those_that_wait() {
    let (control, begins) = server(20);
    let (first, second) = (enqueue(&control), enqueue(&control));
    std::thread::scope(|scope| {
        scope.spawn(|| control.make_runs());
        assert_eq!(begins.recv(), Ok(first.clone()));
        control.close();
    });
    assert_eq!(told_end(&control, &first), Some("ERROR".into()));
    assert_eq!(told_end(&control, &second), Some("STOPPED".into()));
    assert!(begins.try_recv().is_err(), "it never began");
    assert!(control.enqueue(launch(TestType::Load), &fixture::plan()).is_err());
}

#[test]
fn a_run_that_takes_no_orders_keeps_nobody_waiting_and_its_queue_is_bounded() {
    let (control, _begins) = server(20);
    let run = enqueue(&control);
    let (_, _, link) = control.next().expect("its turn");
    let given = (0..ORDERS_AHEAD).map(|users| control.order(&run, Order::Users(users as u64)));
    assert!(given.into_iter().all(|answer| answer == Ok(State::Running)));
    let refused = control.order(&run, Order::Pause).expect_err("nobody takes them");
    assert_eq!((refused.code, state(&control, &run)), ("conflict", State::Running));
    drop(link);
}

#[test]
fn only_so_many_runs_that_have_ended_are_remembered() {
    let (control, _begins) = server(20);
    let runs: Vec<String> = (0..2 * REMEMBERED)
        .map(|_| {
            let run = enqueue(&control);
            control.order(&run, Order::Stop).expect("it waits");
            run
        })
        .collect();
    let last = enqueue(&control);
    let kept: Vec<String> = control.entries().into_iter().map(|entry| entry.run_id).collect();
    assert_eq!(kept.len(), REMEMBERED + 1);
    assert_eq!(kept[..REMEMBERED], runs[REMEMBERED..]);
    assert_eq!(kept.last(), Some(&last));
}

#[test]
fn what_can_be_changed_depends_on_who_says_what_the_load_is() {
    let second = Duration::from_secs(1);
    let users = Executor::ConstantVus { vus: 1, duration: second };
    let rate = Executor::ConstantArrivalRate {
        rate: Rate::per_second(1.0).expect("a rate"),
        duration: second,
        arrival: Arrival::Constant,
        pre_allocated_vus: 1,
        max_vus: 1,
    };
    let own = Executor::PerVuIterations { vus: 1, iterations: 1, max_duration: second };
    for (test_type, executor, can) in [
        (TestType::Load, users.clone(), [true, true, true, false]),
        (TestType::Load, rate.clone(), [true, true, false, true]),
        (TestType::Load, own, [true, true, false, false]),
        (TestType::Stress, rate, [true, false, false, false]),
        (TestType::Benchmark, users, [true, false, false, false]),
    ] {
        let mut plan = Plan { test_type, ..fixture::plan() };
        plan.scenarios.truncate(1);
        plan.scenarios[0].executor = executor;
        let knobs = Knobs::of(&plan);
        let orders = [Order::Stop, Order::Pause, Order::Users(2), Order::Rate(2.0)];
        assert_eq!(orders.map(|order| knobs.check(order).is_ok()), can, "{plan:?}");
    }
}
