//! Several futures at once.

use std::future::poll_fn;
use std::task::Poll;

use crate::BoxFuture;

/// What all of `futures` become, in their order. They go on side by side, so that a slow one does not hold up the others.
///
/// Each is polled whenever one of them is woken: there are at most as many as a program has services, and this happens only when it
/// starts, stops or ends.
pub(super) async fn join<T>(futures: impl IntoIterator<Item = BoxFuture<'_, T>>) -> Vec<T> {
    let mut entries: Vec<Entry<'_, T>> = futures.into_iter().map(Entry::Running).collect();
    poll_fn(|context| {
        let mut pending = false;
        for entry in &mut entries {
            if let Entry::Running(future) = entry {
                match future.as_mut().poll(context) {
                    Poll::Ready(value) => *entry = Entry::Done(value),
                    Poll::Pending => pending = true,
                }
            }
        }
        if pending { Poll::Pending } else { Poll::Ready(()) }
    })
    .await;
    entries
        .into_iter()
        .filter_map(|entry| match entry {
            Entry::Done(value) => Some(value),
            Entry::Running(_) => None,
        })
        .collect()
}

enum Entry<'a, T> {
    Running(BoxFuture<'a, T>),
    Done(T),
}
