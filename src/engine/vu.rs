//! What an executor knows of a virtual user.

use std::rc::Rc;
use std::time::Duration;

use super::stop::Stop;

/// How an iteration ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum IterationEnd {
    /// It ran to its end.
    Completed,
    /// The script failed it or raised an error.
    Failed,
    /// It was cut off by the end of the run.
    Interrupted,
}

/// One virtual user: it runs iterations, one at a time.
pub(super) trait VirtualUser: 'static {
    /// Runs one iteration that was due at `scheduled_at`, from the start of the run, to its end, or until `stop` reaches
    /// [`StopLevel::Now`](super::StopLevel::Now). The place of the task it picked among those of its scenario comes back with
    /// its end.
    async fn iterate(&mut self, scheduled_at: Duration, stop: &Stop) -> (IterationEnd, usize);

    /// Says goodbye after the last iteration.
    async fn finish(&mut self, stop: &Stop);

    /// A number in 0..1 for the next pause.
    fn uniform(&mut self) -> f64;
}

/// Makes virtual users by their id, which is 1-based and unique in the run.
pub(super) type VuFactory<V> = Rc<dyn Fn(u64) -> V>;
