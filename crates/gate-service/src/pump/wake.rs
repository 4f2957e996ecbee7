//! Which services want to be polled.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Wake, Waker};

use gate_packet::MAX_SERVICES;

const WORDS: usize = MAX_SERVICES / 64;

/// The services of one program that were woken, by code, and whom that wakes in turn.
#[derive(Debug, Default)]
pub(super) struct Woken {
    codes: [AtomicU64; WORDS],
    /// The task that runs the pump.
    task: Mutex<Option<Waker>>,
}

impl Woken {
    /// Has `waker` woken when a service is, from now on.
    pub(super) fn listen(&self, waker: &Waker) {
        let mut task = self.task.lock().unwrap_or_else(PoisonError::into_inner);
        match &mut *task {
            Some(known) => known.clone_from(waker),
            None => *task = Some(waker.clone()),
        }
    }

    /// What wakes the service with this code.
    pub(super) fn waker(self: &Arc<Self>, code: u16) -> Waker {
        Waker::from(Arc::new(ServiceWaker { woken: Arc::clone(self), code }))
    }

    /// Has the service polled, by somebody who sees to it that the pump goes on.
    pub(super) fn set(&self, code: u16) {
        if let Some(word) = self.codes.get(usize::from(code / 64)) {
            word.fetch_or(1 << (code % 64), Ordering::AcqRel);
        }
    }

    /// Whether some service is to be polled.
    pub(super) fn any(&self) -> bool {
        self.codes.iter().any(|word| word.load(Ordering::Acquire) != 0)
    }

    /// The first service from `code` on that is to be polled, which it is then no longer.
    pub(super) fn take(&self, code: u16) -> Option<u16> {
        let mut above = !0 << (code % 64);
        for (number, word) in (0_u16..).zip(&self.codes).skip(usize::from(code / 64)) {
            let bits = word.load(Ordering::Acquire) & above;
            if bits != 0 {
                let bit = bits.trailing_zeros();
                word.fetch_and(!(1 << bit), Ordering::AcqRel);
                return u16::try_from(bit).ok().map(|bit| number * 64 + bit);
            }
            above = !0;
        }
        None
    }

    fn wake(&self, code: u16) {
        self.set(code);
        let task = self.task.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some(task) = task {
            task.wake();
        }
    }
}

/// What a service is given to be woken by.
#[derive(Debug)]
struct ServiceWaker {
    woken: Arc<Woken>,
    code: u16,
}

impl Wake for ServiceWaker {
    fn wake(self: Arc<Self>) {
        self.woken.wake(self.code);
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.woken.wake(self.code);
    }
}

#[cfg(test)]
mod tests;
