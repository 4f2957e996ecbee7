//! Runs tasks, all on one thread, and waits for the host only when none of them can go on.
//!
//! Each task has a bit that says that it can. A waker sets it; the executor clears it and polls the task. The bits of 32 tasks are
//! in one word, so that looking for those that can go on costs little, whatever the number of those that wait.

use alloc::boxed::Box;
use alloc::sync::Arc;
use alloc::task::Wake;
use alloc::vec::Vec;
use core::future::Future;
use core::sync::atomic::{AtomicU32, Ordering};
use core::task::{Context, Poll, Waker};

use crate::gate::{BoxedFuture, Gate};
use crate::transport::Transport;

const BITS: usize = 32;

/// How often tasks that can go on are run before the host is asked whether there is something for others. A call of the host takes
/// longer than most tasks do, and what they send goes together.
const ROUNDS: usize = 16;

/// Which of 32 tasks can go on.
#[derive(Default)]
struct Word(AtomicU32);

/// Lets one task go on.
struct TaskWaker {
    word: Arc<Word>,
    bit: u32,
}

impl Wake for TaskWaker {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.word.0.fetch_or(self.bit, Ordering::Relaxed);
    }
}

/// A place for a task.
struct Slot {
    task: Option<BoxedFuture>,
    waker: Waker,
}

#[derive(Default)]
struct Tasks {
    slots: Vec<Slot>,
    /// The slots without task.
    free: Vec<usize>,
    words: Vec<Arc<Word>>,
}

impl Tasks {
    /// Puts a task into a slot. It can go on.
    fn add(&mut self, task: BoxedFuture) {
        let index = self.free.pop().unwrap_or_else(|| self.grow());
        let slot = &mut self.slots[index];
        slot.task = Some(task);
        slot.waker.wake_by_ref();
    }

    /// Adds an empty slot, and returns its number.
    fn grow(&mut self) -> usize {
        let index = self.slots.len();
        if index % BITS == 0 {
            self.words.push(Arc::default());
        }
        let word = Arc::clone(&self.words[index / BITS]);
        let waker = Waker::from(Arc::new(TaskWaker { word, bit: 1 << (index % BITS) }));
        self.slots.push(Slot { task: None, waker });
        index
    }

    /// Polls each task that can go on once.
    fn run(&mut self) {
        for (number, word) in self.words.iter().enumerate() {
            let mut bits = word.0.swap(0, Ordering::Relaxed);
            while bits != 0 {
                let index = number * BITS + bits.trailing_zeros() as usize;
                bits &= bits - 1;
                let Slot { task, waker } = &mut self.slots[index];
                // A waker that outlived its task wakes who has its slot now, which does no harm, or nobody.
                if let Some(future) = task {
                    if future.as_mut().poll(&mut Context::from_waker(waker)).is_ready() {
                        *task = None;
                        self.free.push(index);
                    }
                }
            }
        }
    }

    /// Whether a task can go on.
    fn is_ready(&self) -> bool {
        self.words.iter().any(|word| word.0.load(Ordering::Relaxed) != 0)
    }
}

/// Runs the future that `main` makes, and the tasks that it starts, until the former is ready. What was to be sent by then is
/// sent; tasks that are left end where they are.
///
/// This is [`run`](crate::run) with another connection to the host, for tests.
///
/// # Panics
/// When what the transport delivers breaks the packet protocol.
pub fn run_with<T, F>(transport: impl Transport + 'static, main: impl FnOnce(Gate) -> F) -> T
where
    F: Future<Output = T>,
{
    let gate = Gate::new(Box::new(transport));
    let mut tasks = Tasks::default();
    let word = Arc::new(Word(AtomicU32::new(1)));
    let waker = Waker::from(Arc::new(TaskWaker { word: Arc::clone(&word), bit: 1 }));
    let mut future = Box::pin(main(gate.clone()));
    let mut rounds = 0_usize;
    let value = loop {
        if word.0.swap(0, Ordering::Relaxed) != 0 {
            if let Poll::Ready(value) = future.as_mut().poll(&mut Context::from_waker(&waker)) {
                break value;
            }
        }
        gate.take_spawned().into_iter().for_each(|task| tasks.add(task));
        tasks.run();
        gate.take_spawned().into_iter().for_each(|task| tasks.add(task));
        let idle = word.0.load(Ordering::Relaxed) == 0 && !tasks.is_ready();
        rounds = rounds.wrapping_add(1);
        if idle || rounds % ROUNDS == 0 {
            gate.exchange(idle);
        }
    };
    // Streams that are dropped say so.
    drop(future);
    drop(tasks);
    drop(gate.take_spawned());
    while gate.has_to_send() {
        gate.exchange(true);
    }
    value
}

#[cfg(test)]
mod tests;
