//! Whose turn it is among the tasks of one thread, and what each finds when it is.

use std::future::poll_fn;
use std::task::Poll;

use crate::prefetch;

/// Gives every task of this thread that is ready its turn first.
pub(super) async fn after_those_who_are_ready() {
    let mut has_waited = false;
    poll_fn(|cx| {
        if std::mem::replace(&mut has_waited, true) {
            return Poll::Ready(());
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

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
