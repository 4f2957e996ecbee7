//! The handle with which a program does everything, and what is behind it.

use alloc::boxed::Box;
use alloc::collections::BTreeMap;
use alloc::rc::Rc;
use alloc::vec::Vec;
use core::cell::{Cell, RefCell};
use core::fmt;
use core::future::Future;
use core::pin::Pin;
use core::task::{Context, Poll, Waker};
use core::time::Duration;

use crate::driver::Driver;
use crate::packet::MAX_NAME;
use crate::poll::poll_fn;
use crate::service::Service;
use crate::transport::{Transport, Wait};

/// A task as the executor has it.
pub(crate) type BoxedFuture = Pin<Box<dyn Future<Output = ()>>>;

/// How much is received at once. It holds the largest packet.
const INPUT_BYTES: usize = crate::packet::MAX_SIZE;

/// The program's connection to Gate: services, tasks and time. [`run`](crate::run) gives it to the program; clones are the
/// same connection.
#[derive(Clone)]
pub struct Gate {
    shared: Rc<Shared>,
}

/// What all clones have together.
pub(crate) struct Shared {
    driver: RefCell<Driver>,
    transport: RefCell<Box<dyn Transport>>,
    input: RefCell<Input>,
    spawned: RefCell<Vec<BoxedFuture>>,
    timers: RefCell<Timers>,
}

/// Bytes that were received, and are no complete packet yet.
struct Input {
    buffer: Vec<u8>,
    filled: usize,
}

/// Who waits until when. The number tells apart who waits until the same moment.
#[derive(Default)]
struct Timers {
    waiting: BTreeMap<(Duration, u64), Waker>,
    next: u64,
}

impl fmt::Debug for Gate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Gate").finish_non_exhaustive()
    }
}

impl Gate {
    pub(crate) fn new(transport: Box<dyn Transport>) -> Self {
        Self {
            shared: Rc::new(Shared {
                driver: RefCell::default(),
                transport: RefCell::new(transport),
                input: RefCell::new(Input { buffer: Vec::new(), filled: 0 }),
                spawned: RefCell::default(),
                timers: RefCell::default(),
            }),
        }
    }

    /// The service `name`. The host is asked for it, together with all others that the program names at that time; the
    /// functions of the service wait for the answer.
    ///
    /// The same name gives the same service. A program can have 256; later ones are not available.
    ///
    /// # Panics
    /// When the name is empty, or longer than [`MAX_NAME`] bytes.
    #[must_use]
    pub fn service(&self, name: &str) -> Service {
        assert!(
            (1..=MAX_NAME).contains(&name.len()),
            "{name:?} cannot be the name of a service (1 to {MAX_NAME} bytes)"
        );
        let code = self.driver(|driver| driver.service(name));
        Service::new(self, code)
    }

    /// Starts another task, which runs whenever this one waits. It ends with the program at the latest.
    ///
    /// What it returns can be awaited; dropping that leaves the task alone.
    pub fn spawn<F>(&self, future: F) -> Task<F::Output>
    where
        F: Future + 'static,
        F::Output: 'static,
    {
        let result = Rc::new(TaskResult { value: Cell::new(None), waiting: Cell::new(None) });
        let task = Task { result: Rc::clone(&result) };
        self.shared.spawned.borrow_mut().push(Box::pin(async move {
            let value = future.await;
            result.value.set(Some(value));
            if let Some(waker) = result.waiting.take() {
                waker.wake();
            }
        }));
        task
    }

    /// Lets the other tasks run once.
    pub async fn yield_now(&self) {
        let mut yielded = false;
        poll_fn(|cx| {
            if core::mem::replace(&mut yielded, true) {
                return Poll::Ready(());
            }
            cx.waker().wake_by_ref();
            Poll::Pending
        })
        .await;
    }

    /// The time since some moment before the program began. It never decreases, and does not go on while the program is
    /// suspended.
    #[must_use]
    pub fn now(&self) -> Duration {
        self.shared.transport.borrow_mut().now()
    }

    /// Waits so long. It can be longer: the host's clock may be coarse, and other tasks may be busy.
    pub async fn sleep(&self, duration: Duration) {
        let until = self.now().saturating_add(duration);
        Sleep { gate: self, until, number: None }.await;
    }

    /// What the future returns, or `None` if it is not ready after so long. Then it is dropped.
    pub async fn timeout<F: Future>(&self, duration: Duration, future: F) -> Option<F::Output> {
        let mut future = Box::pin(future);
        let mut sleep = Box::pin(self.sleep(duration));
        poll_fn(|cx| match future.as_mut().poll(cx) {
            Poll::Ready(value) => Poll::Ready(Some(value)),
            Poll::Pending => sleep.as_mut().poll(cx).map(|()| None),
        })
        .await
    }

    /// Uses the driver, and then wakes who need not wait any more.
    pub(crate) fn driver<T>(&self, action: impl FnOnce(&mut Driver) -> T) -> T {
        let (value, woken) = {
            let mut driver = self.shared.driver.borrow_mut();
            (action(&mut driver), driver.take_woken())
        };
        woken.into_iter().for_each(Waker::wake);
        value
    }

    /// The tasks that were started since this was last called.
    pub(crate) fn take_spawned(&self) -> Vec<BoxedFuture> {
        self.shared.spawned.take()
    }

    /// Sends and receives once, and wakes tasks: those that what was received is for, and those whose time has come. It waits
    /// only if `idle`.
    ///
    /// # Panics
    /// When the host breaks the packet protocol.
    pub(crate) fn exchange(&self, idle: bool) {
        let wait = if idle { self.until_next_timer() } else { Wait::No };
        let mut input = self.shared.input.borrow_mut();
        let Input { buffer, filled } = &mut *input;
        buffer.resize(INPUT_BYTES, 0);
        let result = self.driver(|driver| {
            let transferred = {
                let mut transport = self.shared.transport.borrow_mut();
                transport.transfer(&mut buffer[*filled..], driver.unsent(), wait)
            };
            driver.sent(transferred.sent);
            *filled += transferred.received;
            let mut rest = &buffer[..*filled];
            let result = driver.receive(&mut rest);
            let left = rest.len();
            buffer.copy_within(*filled - left..*filled, 0);
            *filled = left;
            result
        });
        drop(input);
        if let Err(violation) = result {
            panic!("the host has broken the packet protocol: {violation}");
        }
        self.wake_timers();
    }

    /// Whether there is anything that was not sent yet.
    pub(crate) fn has_to_send(&self) -> bool {
        self.driver(|driver| !driver.unsent().is_empty())
    }

    fn until_next_timer(&self) -> Wait {
        let first = self.shared.timers.borrow().waiting.keys().next().copied();
        match first {
            None => Wait::Forever,
            Some((until, _)) => match until.checked_sub(self.now()) {
                Some(left) if left > Duration::default() => Wait::AtMost(left),
                _ => Wait::No,
            },
        }
    }

    fn wake_timers(&self) {
        if self.shared.timers.borrow().waiting.is_empty() {
            return;
        }
        let now = self.now();
        let due = {
            let waiting = &mut self.shared.timers.borrow_mut().waiting;
            let later = waiting.split_off(&(now.saturating_add(Duration::from_nanos(1)), 0));
            core::mem::replace(waiting, later)
        };
        due.into_iter().for_each(|(_, waker)| waker.wake());
    }
}

/// Until a moment.
struct Sleep<'a> {
    gate: &'a Gate,
    until: Duration,
    /// Its number among the timers, once it is there.
    number: Option<u64>,
}

impl Future for Sleep<'_> {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        if self.gate.now() >= self.until {
            return Poll::Ready(());
        }
        let mut timers = self.gate.shared.timers.borrow_mut();
        let number = self.number.unwrap_or(timers.next);
        if self.number.is_none() {
            timers.next += 1;
        }
        timers.waiting.insert((self.until, number), cx.waker().clone());
        drop(timers);
        self.number = Some(number);
        Poll::Pending
    }
}

impl Drop for Sleep<'_> {
    fn drop(&mut self) {
        if let Some(number) = self.number {
            self.gate.shared.timers.borrow_mut().waiting.remove(&(self.until, number));
        }
    }
}

/// A task that was started with [`Gate::spawn`]: a future that waits for what it returns.
pub struct Task<T> {
    result: Rc<TaskResult<T>>,
}

struct TaskResult<T> {
    value: Cell<Option<T>>,
    waiting: Cell<Option<Waker>>,
}

impl<T> fmt::Debug for Task<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Task").finish_non_exhaustive()
    }
}

impl<T> Future for Task<T> {
    type Output = T;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<T> {
        match self.result.value.take() {
            Some(value) => Poll::Ready(value),
            None => {
                self.result.waiting.set(Some(cx.waker().clone()));
                Poll::Pending
            }
        }
    }
}
