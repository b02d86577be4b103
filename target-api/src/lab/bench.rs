//! The lab at work: the model on the true clock, and those who wait for it.
//!
//! One thread sleeps until the next request is due, as a runtime's timer is a millisecond coarse and
//! rounds up, which would make an exponential service of 10 ms one of 11 ms. Its lateness is in the
//! log, and the model's schedule does not contain it.

use std::collections::HashMap;
use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::time::Duration;

use serde_json::{Map, Value};
use tokio::sync::oneshot;

use super::config::{ConfigError, LabConfig, Scope};
use super::leak::Leak;
use super::log::{Excerpt, Log};
use super::model::{Finished, Model};
use crate::clock::Stopwatch;

/// How often memory leaks that leaks by the second.
const LEAK_EVERY: Duration = Duration::from_millis(50);

/// The lab of a running service.
///
/// Its timer thread ends with it.
#[derive(Debug)]
pub(crate) struct Lab(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    bench: Mutex<Bench>,
    /// Wakes the timer thread when something is due earlier than it knows.
    alarm: Condvar,
    /// Apart from the bench, as taking memory takes time.
    leak: Mutex<Leak>,
    /// Whether `scope` is `all`; read by every request of the service, so without the lock.
    covers_all: AtomicBool,
}

#[derive(Debug)]
struct Bench {
    /// The lab's clock.
    since_zero: Stopwatch,
    /// How often the lab was restarted. What belongs to an earlier era is in no log.
    era: u64,
    model: Model,
    log: Log,
    /// Those who wait, by their place in the order of arrivals.
    waiting: HashMap<u64, oneshot::Sender<Passage>>,
    /// Until when memory has leaked by the second.
    leaked_until: Duration,
    is_stopping: bool,
}

/// A request that is through the lab; dropped it is in the log.
///
/// So a request whose client has gone away is logged when the model is done with it.
#[derive(Debug)]
pub(super) struct Passage {
    pub(super) finished: Finished,
    /// Processor time to use before the answer.
    pub(super) cpu: Option<Duration>,
    era: u64,
    inner: Arc<Inner>,
}

impl Drop for Passage {
    fn drop(&mut self) {
        let mut bench = self.inner.lock();
        if bench.era == self.era {
            let now = bench.now();
            bench.log.answer(&self.finished, now);
        }
    }
}

/// Everything about the lab at one moment.
#[derive(Debug)]
pub(super) struct Findings {
    pub(super) config: LabConfig,
    /// The lab's clock.
    pub(super) uptime: Duration,
    pub(super) excerpt: Excerpt,
    pub(super) max_queue: usize,
    /// Slot-time spent at work.
    pub(super) busy_time: Duration,
    pub(super) leaked_bytes: u64,
}

/// Passages, each with the one who waits for it. To be handed over without the lock: a passage that
/// nobody waits for any more takes it when it is dropped.
type Deliveries = Vec<(oneshot::Sender<Passage>, Passage)>;

impl Lab {
    /// Starts the lab and its timer thread.
    ///
    /// # Errors
    ///
    /// When the system has no thread left.
    pub(crate) fn start(config: LabConfig) -> io::Result<Self> {
        let inner = Arc::new(Inner {
            covers_all: AtomicBool::new(config.scope == Scope::All),
            bench: Mutex::new(Bench {
                since_zero: Stopwatch::start(),
                era: 0,
                model: Model::new(config),
                log: Log::default(),
                waiting: HashMap::new(),
                leaked_until: Duration::ZERO,
                is_stopping: false,
            }),
            alarm: Condvar::new(),
            leak: Mutex::default(),
        });
        let timer = Arc::clone(&inner);
        std::thread::Builder::new()
            .name("lab-timer".to_owned())
            .spawn(move || keep_time(&timer))?;
        Ok(Self(inner))
    }

    /// Whether requests other than those to `/lab/work` pass through the lab.
    pub(super) fn covers_all(&self) -> bool {
        self.0.covers_all.load(Ordering::Relaxed)
    }

    /// A request arrives, and is through once the lab is done with it.
    ///
    /// The lab is not told when the caller gives up: what was begun is done.
    pub(super) async fn pass(&self) -> Passage {
        let through = self.arrive();
        through.await.expect("the timer hands over every request, and lives as long as the lab")
    }

    fn arrive(&self) -> oneshot::Receiver<Passage> {
        let (sender, through) = oneshot::channel();
        let mut bench = self.0.lock();
        let now = bench.now();
        // What is due before it frees slots first.
        let mut deliveries = bench.collect(now, &self.0);
        let before = bench.model.next_due_at();
        bench.log.arrive(now);
        let index = bench.model.arrive(now);
        bench.waiting.insert(index, sender);
        deliveries.extend(bench.collect(now, &self.0));
        let is_earlier = bench
            .model
            .next_due_at()
            .is_some_and(|after| before.is_none_or(|before| after < before));
        let leak = bench.model.config().leak.map_or(0, |leak| leak.bytes_per_request);
        drop(bench);
        if is_earlier {
            self.0.alarm.notify_one();
        }
        deliver(deliveries);
        if leak > 0 {
            self.0.lock_leak().grow(leak);
        }
        through
    }

    pub(super) fn config(&self) -> LabConfig {
        self.0.lock().model.config().clone()
    }

    /// Changes the knobs that `patch` names, all or none of them.
    ///
    /// # Errors
    ///
    /// What is wrong with the patch.
    pub(super) fn reconfigure(&self, patch: Map<String, Value>) -> Result<LabConfig, ConfigError> {
        let mut bench = self.0.lock();
        let now = bench.now();
        let config = bench.model.config().patched(patch, now)?;
        let deliveries = bench.collect(now, &self.0);
        self.0.covers_all.store(config.scope == Scope::All, Ordering::Relaxed);
        if bench.model.config().leak != config.leak {
            bench.leaked_until = now;
        }
        bench.model.reconfigure(config.clone(), now);
        drop(bench);
        self.0.alarm.notify_one();
        deliver(deliveries);
        Ok(config)
    }

    /// Sets the lab's clock to zero, empties its log, frees what it leaked, and draws from the
    /// beginning again. What is in the lab is through at once, and in no log.
    pub(super) fn restart(&self) -> LabConfig {
        let mut bench = self.0.lock();
        let now = bench.now();
        let mut deliveries = bench.collect(now, &self.0);
        let config = bench.model.config().clone();
        let leftovers = bench.model.abandon(now);
        deliveries.extend(bench.passages(leftovers, &self.0));
        bench.era += 1;
        bench.since_zero = Stopwatch::start();
        bench.model = Model::new(config.clone());
        bench.log = Log::default();
        bench.leaked_until = Duration::ZERO;
        drop(bench);
        *self.0.lock_leak() = Leak::default();
        self.0.alarm.notify_one();
        deliver(deliveries);
        config
    }

    pub(super) fn findings(&self) -> Findings {
        // Looked at first, so that no more has leaked than the clock and the arrivals account for.
        let leaked_bytes = self.0.lock_leak().bytes();
        let mut bench = self.0.lock();
        let now = bench.now();
        let deliveries = bench.collect(now, &self.0);
        let findings = Findings {
            config: bench.model.config().clone(),
            uptime: now,
            excerpt: bench.log.excerpt(),
            max_queue: bench.model.max_queue(),
            busy_time: bench.model.busy_time(now),
            leaked_bytes,
        };
        drop(bench);
        deliver(deliveries);
        findings
    }
}

impl Drop for Lab {
    fn drop(&mut self) {
        self.0.lock().is_stopping = true;
        self.0.alarm.notify_one();
    }
}

impl Inner {
    fn lock(&self) -> MutexGuard<'_, Bench> {
        self.bench.lock().expect("nothing panics at the bench")
    }

    fn lock_leak(&self) -> MutexGuard<'_, Leak> {
        self.leak.lock().expect("nothing panics while memory leaks")
    }
}

impl Bench {
    /// The lab's clock. Read with the bench locked, it never runs backwards.
    fn now(&self) -> Duration {
        self.since_zero.elapsed()
    }

    /// Takes what is due until `now` out of the model.
    fn collect(&mut self, now: Duration, inner: &Arc<Inner>) -> Deliveries {
        let finished: Vec<_> = std::iter::from_fn(|| self.model.finish(now)).collect();
        self.passages(finished, inner)
    }

    fn passages(&mut self, finished: Vec<Finished>, inner: &Arc<Inner>) -> Deliveries {
        let cpu = self.model.config().cpu.map(|cpu| cpu.0).filter(|cpu| !cpu.is_zero());
        let era = self.era;
        let passage = |finished: Finished| {
            let sender = self.waiting.remove(&finished.index);
            let sender = sender.expect("whoever arrives waits until taken out here");
            (sender, Passage { finished, cpu, era, inner: Arc::clone(inner) })
        };
        finished.into_iter().map(passage).collect()
    }

    /// Bytes that have leaked by the second since this was last asked.
    fn leak_due(&mut self, now: Duration) -> u64 {
        let rate = self.model.config().leak.map_or(0, |leak| leak.bytes_per_second);
        if rate == 0 {
            return 0;
        }
        let bytes = (now - self.leaked_until).as_nanos() * u128::from(rate) / 1_000_000_000;
        let bytes = u64::try_from(bytes).expect("16 MiB/s need a thousand years to fill it");
        // Only whole bytes are taken; the time of the broken one is left for the next look.
        let taken = u128::from(bytes) * 1_000_000_000 / u128::from(rate);
        self.leaked_until += Duration::from_nanos_u128(taken);
        bytes
    }
}

fn deliver(deliveries: Deliveries) {
    for (sender, passage) in deliveries {
        // Whoever does not wait any more is logged when the passage is dropped.
        let _ = sender.send(passage);
    }
}

/// The timer thread: sleeps until something is due, and hands it over.
fn keep_time(inner: &Arc<Inner>) {
    sharpen_timer();
    let mut bench = inner.lock();
    while !bench.is_stopping {
        let now = bench.now();
        let deliveries = bench.collect(now, inner);
        let leaked = bench.leak_due(now);
        if !deliveries.is_empty() || leaked > 0 {
            drop(bench);
            deliver(deliveries);
            if leaked > 0 {
                inner.lock_leak().grow(leaked);
            }
            bench = inner.lock();
            continue;
        }
        let leaks = bench.model.config().leak.is_some_and(|leak| leak.bytes_per_second > 0);
        let due = bench.model.next_due_at().map(|due| due.saturating_sub(now));
        let sleep = due.into_iter().chain(leaks.then_some(LEAK_EVERY)).min();
        bench = match sleep {
            None => inner.alarm.wait(bench).expect("nothing panics at the bench"),
            Some(sleep) => {
                let woken = inner.alarm.wait_timeout(bench, sleep);
                woken.expect("nothing panics at the bench").0
            }
        };
    }
}

/// Asks the system to wake this thread when it wants to be woken, and not up to 50 µs later to save
/// power. A refusal costs just that.
#[cfg(target_os = "linux")]
fn sharpen_timer() {
    let _ = rustix::thread::set_current_timer_slack(std::num::NonZeroU64::new(1));
}

/// Elsewhere the system's timer is as it is.
#[cfg(not(target_os = "linux"))]
fn sharpen_timer() {}
