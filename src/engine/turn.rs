//! Whose turn it is among the tasks of one thread.

use std::future::poll_fn;
use std::task::Poll;

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
