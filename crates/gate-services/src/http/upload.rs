//! The body of a request, on its way from the service to the connection.
//!
//! What the program sends is collected in a buffer, and the connection takes everything that is in it when it can send more. The credit of
//! the program bounds the buffer.

use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use hyper::body::{Body, Bytes, Frame, SizeHint};

/// A new body, of `length` bytes if that is known.
pub(super) fn upload(length: Option<u64>) -> (Upload, UploadBody) {
    let shared: Arc<Mutex<Shared>> = Arc::default();
    (Upload { shared: Arc::clone(&shared) }, UploadBody { shared, rest: length })
}

#[derive(Debug, Default)]
struct Shared {
    buffer: Vec<u8>,
    state: State,
    /// Waits for the buffer to be filled, or for the end.
    taker: Option<Waker>,
    /// Waits for the buffer to be taken.
    giver: Option<Waker>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum State {
    #[default]
    Open,
    /// There is no more than what is in the buffer.
    Complete,
    /// There would have been more, but it does not come.
    Cut,
    /// The connection wants no more.
    Unwanted,
}

fn lock(shared: &Mutex<Shared>) -> MutexGuard<'_, Shared> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The end of the service. Dropping it before [`Upload::complete`] cuts the body, and so makes the request fail.
#[derive(Debug)]
pub(super) struct Upload {
    shared: Arc<Mutex<Shared>>,
}

impl Upload {
    /// Sends bytes.
    pub(super) fn push(&self, bytes: &[u8]) {
        let mut shared = lock(&self.shared);
        if shared.state == State::Open {
            shared.buffer.extend_from_slice(bytes);
            wake(&mut shared.taker);
        }
    }

    /// There are no more bytes.
    pub(super) fn complete(self) {
        let mut shared = lock(&self.shared);
        if shared.state == State::Open {
            shared.state = State::Complete;
            wake(&mut shared.taker);
        }
    }

    /// How many bytes have not been taken; `None` if no more are wanted. `context` is woken when that changes.
    pub(super) fn poll(&self, context: &mut Context<'_>) -> Option<usize> {
        let mut shared = lock(&self.shared);
        if shared.state == State::Unwanted {
            return None;
        }
        shared.giver = Some(context.waker().clone());
        Some(shared.buffer.len())
    }
}

impl Drop for Upload {
    fn drop(&mut self) {
        let mut shared = lock(&self.shared);
        if shared.state == State::Open {
            shared.state = State::Cut;
            wake(&mut shared.taker);
        }
    }
}

fn wake(waker: &mut Option<Waker>) {
    if let Some(waker) = waker.take() {
        waker.wake();
    }
}

/// The end of the connection.
#[derive(Debug)]
pub(super) struct UploadBody {
    shared: Arc<Mutex<Shared>>,
    /// How many bytes are still to come, if that is known.
    rest: Option<u64>,
}

/// The body is not complete.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("the body was cut")]
pub(super) struct Cut;

impl Body for UploadBody {
    type Data = Bytes;
    type Error = Cut;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Cut>>> {
        let body = &mut *self;
        let mut shared = lock(&body.shared);
        if shared.state == State::Cut {
            return Poll::Ready(Some(Err(Cut)));
        }
        if !shared.buffer.is_empty() {
            let bytes = Bytes::from(std::mem::take(&mut shared.buffer));
            body.rest = body.rest.map(|rest| rest.saturating_sub(bytes.len() as u64));
            wake(&mut shared.giver);
            return Poll::Ready(Some(Ok(Frame::data(bytes))));
        }
        if shared.state == State::Complete {
            return Poll::Ready(None);
        }
        shared.taker = Some(context.waker().clone());
        Poll::Pending
    }

    fn size_hint(&self) -> SizeHint {
        self.rest.map_or_else(SizeHint::new, SizeHint::with_exact)
    }
}

impl Drop for UploadBody {
    fn drop(&mut self) {
        let mut shared = lock(&self.shared);
        if shared.state == State::Open {
            shared.state = State::Unwanted;
            shared.buffer = Vec::new();
            wake(&mut shared.giver);
        }
    }
}

#[cfg(test)]
mod tests;
