//! In real time: what is asserted is order, counts and ratios, which a busy machine does not change.

use std::future::poll_fn;
use std::pin::pin;

use rand::{RngExt, SeedableRng};
use rand_pcg::Pcg64Mcg;
use tokio::runtime::{Builder, Handle, LocalOptions};
use tokio::task::JoinSet;

use super::*;

/// Runs a test on a thread like a worker's.
fn on_real_time(test: impl AsyncFnOnce()) {
    let runtime = Builder::new_current_thread()
        .enable_all()
        .build_local(LocalOptions::default())
        .expect("a runtime");
    // A test may poll more sleeps in one go than a task has turns.
    runtime.block_on(coop::unconstrained(test()));
}

fn alarm() -> Alarm {
    Alarm::new().expect("a descriptor")
}

fn us(us: u64) -> Duration {
    Duration::from_micros(us)
}

/// Whether it is over at its next poll, whose waker wakes nobody.
fn is_over(sleep: Pin<&mut Sleep<'_>>) -> bool {
    sleep.poll(&mut Context::from_waker(Waker::noop())).is_ready()
}

/// Sleepers due after `dues`, one task for each, and the order in which they wake. `None` when the first was due before
/// all of them slept.
async fn order_of_waking(dues: &[Duration]) -> Option<Vec<usize>> {
    let (alarm, woken) = (alarm(), Rc::new(RefCell::new(Vec::new())));
    let begun = Instant::now();
    let mut tasks = JoinSet::new();
    for (index, due) in dues.iter().enumerate() {
        let (alarm, woken, due) = (alarm.clone(), woken.clone(), begun + *due);
        tasks.spawn_local(async move {
            alarm.sleep_until(due).await;
            assert!(Instant::now() >= due);
            woken.borrow_mut().push(index);
        });
    }
    while alarm.waiting() < dues.len() && woken.borrow().is_empty() {
        tokio::task::yield_now().await;
    }
    let all_slept = woken.borrow().is_empty();
    while let Some(task) = tasks.join_next().await {
        task.expect("a sleeper that was not early");
    }
    assert_eq!(alarm.waiting(), 0);
    all_slept.then(|| woken.take())
}

#[test]
fn sleepers_wake_in_order_of_due_and_then_of_lying_down() {
    let mut random = Pcg64Mcg::seed_from_u64(1);
    // Two hundred sleepers for fifty moments: many are due together.
    let offsets: Vec<_> = (0..200).map(|_| 100 * random.random_range(0..50_u64)).collect();
    let woken = [20, 200, 2000].into_iter().find_map(|lead_ms| {
        let dues: Vec<_> = offsets.iter().map(|offset| us(lead_ms * 1000 + offset)).collect();
        let mut woken = None;
        on_real_time(async || woken = order_of_waking(&dues).await);
        woken
    });
    let mut expected: Vec<_> = (0..offsets.len()).collect();
    expected.sort_by_key(|index| offsets[*index]);
    assert_eq!(woken.expect("two seconds to spawn two hundred tasks"), expected);
}

#[test]
fn nobody_wakes_early() {
    on_real_time(async || {
        let (alarm, mut random) = (alarm(), Pcg64Mcg::seed_from_u64(2));
        let begun = Instant::now();
        let mut tasks = JoinSet::new();
        for _ in 0..1000 {
            let (alarm, due) = (alarm.clone(), begun + us(random.random_range(0..40_000)));
            tasks.spawn_local(async move {
                alarm.sleep_until(due).await;
                Instant::now() >= due
            });
        }
        assert_eq!(tasks.join_all().await, [true; 1000]);
    });
}

#[test]
fn a_million_dropped_sleeps_leave_nothing() {
    on_real_time(async || {
        let alarm = alarm();
        let due = Instant::now() + Duration::from_secs(3600);
        for _ in 0..10 {
            let mut sleeps: Vec<_> =
                (0..100_000).map(|index| Box::pin(alarm.sleep_until(due + us(index)))).collect();
            assert!(!sleeps.iter_mut().any(|sleep| is_over(sleep.as_mut())));
            assert_eq!(alarm.waiting(), 100_000);
            drop(sleeps);
            assert_eq!(alarm.waiting(), 0);
        }
    });
}

#[test]
fn a_sleeper_takes_less_than_a_hundred_bytes() {
    // A node of the tree is at least half full, and its own fields and edges are less than what its entries take.
    let entry = size_of::<Place>() + size_of::<Waker>();
    assert!(2 * entry < 100, "{entry}");
}

#[test]
fn sleeps_that_were_not_polled_or_are_over_wait_for_nothing() {
    on_real_time(async || {
        let alarm = alarm();
        let far = Instant::now() + Duration::from_secs(3600);
        let never_polled = alarm.sleep_until(far);
        assert!(is_over(pin!(alarm.sleep_until(Instant::now()))));
        assert_eq!(alarm.waiting(), 0);
        drop(never_polled);
        let mut dropped = Box::pin(alarm.sleep_until(Instant::now() + us(500)));
        assert!(!is_over(dropped.as_mut()));
        drop(dropped);
        // The descriptor is still set for the one that went, and for nobody else before this one.
        alarm.sleep_until(Instant::now() + us(1500)).await;
        assert_eq!(alarm.waiting(), 0);
    });
}

#[test]
fn who_lies_down_last_may_be_due_first() {
    on_real_time(async || {
        let alarm = alarm();
        let far = Instant::now() + Duration::from_secs(3600);
        let mut first = pin!(alarm.sleep_until(far));
        assert!(!is_over(first.as_mut()));
        alarm.sleep_until(Instant::now() + us(300)).await;
        assert!(!is_over(first.as_mut()));
        assert_eq!(alarm.waiting(), 1);
    });
}

#[test]
fn the_last_waker_that_polled_is_woken() {
    on_real_time(async || {
        let alarm = alarm();
        let due = Instant::now() + us(2000);
        let mut sleep = pin!(alarm.sleep_until(due));
        is_over(sleep.as_mut());
        poll_fn(|context| sleep.as_mut().poll(context)).await;
        assert!(Instant::now() >= due);
    });
}

#[test]
fn what_is_already_due_still_lets_others_have_their_turn() {
    on_real_time(async || {
        let alarm = alarm();
        let has_run = Rc::new(Cell::new(false));
        let (past, seen) = (Instant::now(), has_run.clone());
        let busy = tokio::task::spawn_local(async move {
            while !seen.get() {
                alarm.sleep_until(past).await;
            }
        });
        tokio::task::spawn_local(async move { has_run.set(true) });
        busy.await.expect("a task that ends once the other has run");
    });
}

#[test]
fn the_last_clone_takes_its_task_along() {
    on_real_time(async || {
        let (alarm, tasks) = (alarm(), || Handle::current().metrics().num_alive_tasks());
        let clone = alarm.clone();
        drop(alarm);
        clone.sleep_until(Instant::now() + us(100)).await;
        assert_eq!(tasks(), 1);
        drop(clone);
        tokio::task::yield_now().await;
        assert_eq!(tasks(), 0);
    });
}

/// Lateness of two hundred sleeps of 1.5 ms each, side by side with tokio's: the medians.
async fn median_lateness() -> (Duration, Duration) {
    let (alarm, mut ours, mut tokios) = (alarm(), Vec::new(), Vec::new());
    for _ in 0..200 {
        let due = Instant::now() + us(1500);
        let (mine, its) = tokio::join!(
            async {
                alarm.sleep_until(due).await;
                due.elapsed()
            },
            async {
                tokio::time::sleep_until(due).await;
                due.elapsed()
            },
        );
        ours.push(mine);
        tokios.push(its);
    }
    ours.sort_unstable();
    tokios.sort_unstable();
    (ours[100], tokios[100])
}

#[test]
fn sleeps_end_at_most_half_as_late_as_tokios() {
    // On a machine with nothing else to do it is a tenth. Something else may come in between, but not always.
    let mut seen = Vec::new();
    for _ in 0..3 {
        on_real_time(async || seen.push(median_lateness().await));
        if seen.last().is_some_and(|(ours, tokios)| *ours * 2 <= *tokios) {
            return;
        }
    }
    panic!("medians of ours and of tokio's: {seen:?}");
}
