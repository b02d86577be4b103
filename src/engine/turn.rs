//! What a task finds when its turn comes.

use std::future::poll_fn;

use crate::prefetch;

/// Does `work` with its memory fetched at the begin of each turn.
///
/// Boxed: an `async fn` would keep a place for `work` as it was given, beside the one where it runs.
pub(super) fn fetched<F: Future>(work: F) -> impl Future<Output = F::Output> {
    let mut work = Box::pin(work);
    poll_fn(move |cx| {
        prefetch::value(&*work);
        work.as_mut().poll(cx)
    })
}
