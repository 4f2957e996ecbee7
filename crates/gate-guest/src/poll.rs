//! Futures made of functions. The standard library has the same, but not in every version that this crate is for.

use core::future::Future;
use core::pin::Pin;
use core::task::{Context, Poll};

/// The future that is `poll`.
pub(crate) fn poll_fn<T, F: FnMut(&mut Context<'_>) -> Poll<T>>(poll: F) -> PollFn<F> {
    PollFn { poll }
}

/// See [`poll_fn`].
pub(crate) struct PollFn<F> {
    poll: F,
}

/// The function is never pinned: it is only called.
impl<F> Unpin for PollFn<F> {}

impl<T, F: FnMut(&mut Context<'_>) -> Poll<T>> Future for PollFn<F> {
    type Output = T;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<T> {
        (self.poll)(cx)
    }
}
