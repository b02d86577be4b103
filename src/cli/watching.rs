//! What is watched beside a run: resources of generator and target, the generator's limits, hiccups of the system.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::sync::mpsc;

use crate::metric::{GeneratorHealth, Histogram};
use crate::record::{ResourceOwner, ResourceSample};
use crate::watch::{HiccupWatch, LimitWatch, Owner, ResourceWatch, TargetProcess};

/// Seconds that may wait; a slow second loses none of them.
const SECONDS_AHEAD: usize = 64;

/// What there is to watch besides this process.
#[derive(Debug, Clone, Default)]
pub struct Watched {
    /// The target's process, when it runs on this machine.
    pub target: Option<TargetProcess>,
    /// The target's addresses.
    pub destinations: Vec<SocketAddr>,
}

/// One second of it.
#[derive(Debug)]
pub(super) struct WatchedSecond {
    /// Their time is not set.
    pub(super) resources: Vec<ResourceSample>,
    pub(super) health: GeneratorHealth,
    /// By how much sleeps of a thread that does nothing else were too long.
    pub(super) hiccups: Histogram,
}

/// Samples each second on a thread of its own: looking at a large process takes milliseconds.
pub(super) fn watch(watched: Watched) -> mpsc::Receiver<WatchedSecond> {
    let (tell, told) = mpsc::channel(SECONDS_AHEAD);
    std::thread::spawn(move || {
        let mut resources = ResourceWatch::new(watched.target);
        let mut limits = LimitWatch::new(&watched.destinations);
        let mut hiccups = HiccupWatch::start();
        let Ok(runtime) = tokio::runtime::Builder::new_current_thread().enable_time().build()
        else {
            return;
        };
        runtime.block_on(async {
            let mut seconds = tokio::time::interval(Duration::from_secs(1));
            seconds.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Skip);
            seconds.tick().await;
            loop {
                tokio::select! {
                    biased;
                    () = tell.closed() => return,
                    _ = seconds.tick() => {}
                }
                let second = WatchedSecond {
                    resources: resources.sample().into_iter().map(sample).collect(),
                    health: limits.sample(),
                    hiccups: hiccups.take(),
                };
                if tell.send(second).await.is_err() {
                    return;
                }
            }
        });
    });
    told
}

fn sample((owner, usage): (Owner, crate::metric::resource::ResourceUse)) -> ResourceSample {
    let owner = match owner {
        Owner::Generator => ResourceOwner::Generator,
        Owner::Target => ResourceOwner::Target,
    };
    ResourceSample { owner, at: Duration::ZERO, usage }
}
