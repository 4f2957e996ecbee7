//! Services by name: calls and notifications, for services that this crate has no functions for.

use alloc::rc::Rc;
use alloc::string::String;
use alloc::vec::Vec;
use core::cell::RefCell;
use core::fmt;
use core::mem;
use core::task::Poll;

use crate::driver::{Call, Opening};
use crate::gate::Gate;
use crate::packet::MAX_CONTENT;
use crate::poll::poll_fn;
use crate::stream::state::Direction;
use crate::stream::{Receiver, Stream, DEFAULT_WINDOW};

/// Why a service did not get a call or a notification, or did not reply.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CallError {
    /// The host does not have the service, or not for this program. After the program was continued on another host, also: not
    /// any more.
    Unavailable {
        /// Of the service.
        name: String,
    },
    /// The content does not fit into a packet.
    TooLong {
        /// In bytes.
        found: usize,
    },
}

impl fmt::Display for CallError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unavailable { name } => write!(f, "service {name} is not available"),
            Self::TooLong { found } => write!(f, "content of {found} bytes (limit: {MAX_CONTENT})"),
        }
    }
}

#[cfg(feature = "std")]
impl std::error::Error for CallError {}

/// A service: made by [`Gate::service`]. Clones are the same service.
#[derive(Clone, Debug)]
pub struct Service {
    gate: Gate,
    code: u16,
}

impl Service {
    pub(crate) fn new(gate: &Gate, code: u16) -> Self {
        Self { gate: gate.clone(), code }
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> String {
        self.gate.driver(|driver| driver.name(self.code).into())
    }

    /// Whether the host has it for this program.
    pub async fn is_available(&self) -> bool {
        poll_fn(|cx| self.gate.driver(|driver| driver.poll_available(self.code, cx))).await
    }

    /// Calls it, and waits for the reply. By convention a service replies nothing to a call that it does not know.
    ///
    /// Calls reach the service in order. If the future is dropped after the call was sent, the reply is thrown away.
    ///
    /// # Errors
    /// [`CallError`].
    pub async fn call(&self, content: &[u8]) -> Result<Vec<u8>, CallError> {
        self.start(content).await?.reply().await
    }

    /// Calls it, and returns when the call is on its way. There may be 256 calls without reply; more than that wait.
    ///
    /// # Errors
    /// [`CallError`].
    pub async fn start(&self, content: &[u8]) -> Result<PendingCall, CallError> {
        check(content)?;
        let call = poll_fn(|cx| self.gate.driver(|driver| driver.poll_call(self.code, content, cx))).await;
        let call = call.ok_or_else(|| self.unavailable())?;
        Ok(PendingCall { service: self.clone(), call, opening: None })
    }

    /// Sends it a notification, to which there is no reply.
    ///
    /// # Errors
    /// [`CallError`].
    pub async fn send_info(&self, content: &[u8]) -> Result<(), CallError> {
        check(content)?;
        if !self.is_available().await {
            return Err(self.unavailable());
        }
        self.gate.driver(|driver| driver.send_info(self.code, content));
        Ok(())
    }

    /// From now on, the notifications that the service sends are kept until they are taken. There should be one listener.
    #[must_use]
    pub fn listen(&self) -> Infos {
        self.gate.driver(|driver| driver.listen(self.code));
        Infos { service: self.clone() }
    }

    /// The stream `id` in both directions, of which the service has told by some reply or notification. It must be taken once.
    #[must_use]
    pub fn stream(&self, id: i32) -> Stream {
        Stream::new(&self.gate, self.code, id, DEFAULT_WINDOW)
    }

    /// As [`Service::stream`], of a stream that has only data from the service.
    #[must_use]
    pub fn receiver(&self, id: i32) -> Receiver {
        Receiver::new(&self.gate, self.code, id, DEFAULT_WINDOW)
    }

    /// As [`Service::stream`], and up to `window` bytes (at most 2³¹ - 1) are received before the program asks for them.
    #[must_use]
    pub fn stream_with_window(&self, id: i32, window: u32) -> Stream {
        Stream::new(&self.gate, self.code, id, window.min(i32::MAX.unsigned_abs()))
    }

    fn unavailable(&self) -> CallError {
        CallError::Unavailable { name: self.name() }
    }
}

fn check(content: &[u8]) -> Result<(), CallError> {
    if content.len() > MAX_CONTENT {
        return Err(CallError::TooLong { found: content.len() });
    }
    Ok(())
}

/// A call without reply.
#[derive(Debug)]
pub struct PendingCall {
    service: Service,
    call: Rc<RefCell<Call>>,
    /// How to tell the stream that the reply opens.
    opening: Option<Opening>,
}

impl PendingCall {
    /// The reply opens a stream with these directions: `id` tells which. If nobody is there for the reply when it comes, the
    /// stream is closed.
    pub(crate) fn opening(mut self, direction: Direction, id: fn(&[u8]) -> Option<i32>) -> Self {
        self.opening = Some(Opening { direction, id });
        self
    }

    /// Waits for the reply. If the future is dropped before it is ready, the reply can still be waited for.
    ///
    /// After the reply was returned, it is empty.
    ///
    /// # Errors
    /// [`CallError::Unavailable`] when the service has gone instead.
    pub async fn reply(&mut self) -> Result<Vec<u8>, CallError> {
        let reply = poll_fn(|cx| match &mut *self.call.borrow_mut() {
            Call::Outstanding(waker) => {
                *waker = Some(cx.waker().clone());
                Poll::Pending
            }
            Call::Replied(content) => Poll::Ready(Some(mem::take(content))),
            Call::Gone | Call::Abandoned(_) => Poll::Ready(None),
        })
        .await;
        reply.ok_or_else(|| self.service.unavailable())
    }
}

impl Drop for PendingCall {
    fn drop(&mut self) {
        let opening = self.opening.take();
        let call = &mut *self.call.borrow_mut();
        match (call, opening) {
            (call @ Call::Outstanding(_), Some(opening)) => *call = Call::Abandoned(opening),
            // The reply has come, but nobody has looked at it.
            (Call::Replied(content), Some(opening)) if !content.is_empty() => {
                let Service { gate, code } = &self.service;
                gate.driver(|driver| driver.refuse_stream(*code, opening, content));
            }
            _ => {}
        }
    }
}

/// The notifications of a service, since [`Service::listen`]. Dropping it forgets them.
#[derive(Debug)]
pub struct Infos {
    service: Service,
}

impl Infos {
    /// Waits for the next one. `None` if the service is not available.
    pub async fn next(&mut self) -> Option<Vec<u8>> {
        let Service { gate, code } = &self.service;
        poll_fn(|cx| gate.driver(|driver| driver.poll_info(*code, cx))).await
    }
}

impl Drop for Infos {
    fn drop(&mut self) {
        let Service { gate, code } = &self.service;
        gate.driver(|driver| driver.stop_listening(*code));
    }
}
