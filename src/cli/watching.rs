//! What is watched beside a run: resources of generator and target, the target's machine and pages of metrics, the
//! generator's limits, hiccups of the system.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};

use super::scraping::Scrapes;
use crate::metric::{GeneratorHealth, Histogram, ResourceLevel};
use crate::record::{LevelSample, ResourceOwner, ResourceSample, ScrapeAccount};
use crate::watch::{
    HiccupWatch, LevelWatch, LimitWatch, Owner, ResourceWatch, ScrapePage, TargetProcess,
};

/// Seconds that may wait; a slow second loses none of them.
const SECONDS_AHEAD: usize = 64;

/// What there is to watch besides this process.
#[derive(Debug, Clone, Default)]
pub struct Watched {
    /// The target's process, when it runs on this machine.
    pub target: Option<TargetProcess>,
    /// The target's addresses.
    pub destinations: Vec<SocketAddr>,
    /// Pages of metrics that were asked for.
    pub pages: Vec<ScrapePage>,
    /// The page that the target has if it is the sample service.
    pub own_page: Option<ScrapePage>,
}

/// One second of it.
#[derive(Debug)]
pub(super) struct WatchedSecond {
    /// Their time is not set.
    pub(super) resources: Vec<ResourceSample>,
    /// Their time is how long ago they were taken.
    pub(super) levels: Vec<LevelSample>,
    pub(super) health: GeneratorHealth,
    /// By how much sleeps of a thread that does nothing else were too long.
    pub(super) hiccups: Histogram,
    /// What became of each page of metrics until now.
    pub(super) scrapes: Vec<ScrapeAccount>,
    /// What the user is to be told.
    pub(super) warnings: Vec<String>,
}

/// The watch beside a run.
#[derive(Debug)]
pub(super) struct Watching {
    seconds: mpsc::Receiver<WatchedSecond>,
    finish: Option<oneshot::Sender<()>>,
}

impl Watching {
    /// The next second; `None` once the watch is over.
    ///
    /// # Cancel safety
    /// Safe: a second is either returned or still there.
    pub(super) async fn next(&mut self) -> Option<WatchedSecond> {
        self.seconds.recv().await
    }

    /// Ends the watch; the last part of a second can still be taken with [`Watching::next`].
    pub(super) fn finish(&mut self) {
        // Dropping it is the signal.
        drop(self.finish.take());
    }
}

/// Samples each second on a thread of its own: looking at a large process takes milliseconds.
pub(super) fn watch(watched: Watched) -> Watching {
    let (tell, seconds) = mpsc::channel(SECONDS_AHEAD);
    let (finish, finished) = oneshot::channel::<()>();
    std::thread::spawn(move || {
        let Ok(runtime) = tokio::runtime::Builder::new_current_thread().enable_all().build() else {
            return;
        };
        runtime.block_on(watch_until(finished, &watched, tell));
        // A host name that is still being looked up is not waited for.
        runtime.shutdown_background();
    });
    Watching { seconds, finish: Some(finish) }
}

async fn watch_until(
    mut finished: oneshot::Receiver<()>,
    watched: &Watched,
    tell: mpsc::Sender<WatchedSecond>,
) {
    let mut resources = ResourceWatch::new(watched.target);
    let mut levels = LevelWatch::new(&watched.destinations, &resources);
    let mut limits = LimitWatch::new(&watched.destinations);
    let mut hiccups = HiccupWatch::start();
    let mut scrapes = Scrapes::start(watched);
    let mut seconds = tokio::time::interval(Duration::from_secs(1));
    seconds.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Skip);
    seconds.tick().await;
    let mut is_last = false;
    while !is_last {
        tokio::select! {
            biased;
            _ = &mut finished => is_last = true,
            _ = seconds.tick() => {}
            () = scrapes.next() => continue,
        }
        let mut second = WatchedSecond {
            resources: resources.sample().into_iter().map(sample).collect(),
            levels: scrapes.take_levels(),
            health: limits.sample(),
            hiccups: hiccups.take(),
            scrapes: scrapes.accounts(),
            warnings: scrapes.take_warnings(),
        };
        second.levels.extend(levels.sample(&resources).into_iter().map(now));
        if tell.send(second).await.is_err() {
            return;
        }
    }
}

fn sample((owner, usage): (Owner, crate::metric::resource::ResourceUse)) -> ResourceSample {
    let owner = match owner {
        Owner::Generator => ResourceOwner::Generator,
        Owner::Target => ResourceOwner::Target,
    };
    ResourceSample { owner, at: Duration::ZERO, usage }
}

fn now(level: ResourceLevel) -> LevelSample {
    LevelSample { at: Duration::ZERO, level }
}
