//! A place for one service that a program has discovered.

use std::fmt;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use crate::{BoxFuture, Created, Factory, Failure, Service};

/// What there is at one code.
pub(super) enum Slot {
    /// The host has no such service for this program. What it kept for the program elsewhere waits for a host that has it.
    Unavailable { snapshot: Vec<u8> },
    /// The program has not sent it anything yet.
    Idle(Arc<dyn Factory>),
    /// It is being made.
    Creating { factory: Arc<dyn Factory>, future: BoxFuture<'static, Created>, waker: Waker },
    /// It is there.
    Live(Live),
}

/// A service that is there.
pub(super) struct Live {
    pub(super) factory: Arc<dyn Factory>,
    pub(super) service: Box<dyn Service>,
    /// Has it polled.
    pub(super) waker: Waker,
}

impl Slot {
    /// The kind of service, if there is one.
    pub(super) fn factory(&self) -> Option<&Arc<dyn Factory>> {
        match self {
            Self::Unavailable { .. } => None,
            Self::Idle(factory) | Self::Creating { factory, .. } | Self::Live(Live { factory, .. }) => {
                Some(factory)
            }
        }
    }

    /// The name of the service, if there is one.
    pub(super) fn name(&self) -> String {
        self.factory().map_or_else(String::new, |factory| factory.properties().name.to_owned())
    }

    /// Goes on making the service. Ready if there is none that is being made, or no longer.
    pub(super) fn poll_created(&mut self) -> Poll<Result<(), Failure>> {
        let Self::Creating { factory, future, waker } = self else { return Poll::Ready(Ok(())) };
        let service = match future.as_mut().poll(&mut Context::from_waker(waker)) {
            Poll::Ready(created) => created,
            Poll::Pending => return Poll::Pending,
        };
        let live = Live { factory: Arc::clone(factory), service: service?, waker: waker.clone() };
        *self = Self::Live(live);
        Poll::Ready(Ok(()))
    }
}

impl fmt::Debug for Slot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Unavailable { .. } => "Unavailable",
            Self::Idle(_) => "Idle",
            Self::Creating { .. } => "Creating",
            Self::Live(_) => "Live",
        })
    }
}
