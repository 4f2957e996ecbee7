//! How bytes get to the host and back: one call.

use core::time::Duration;

/// How long a transfer waits until something can be sent or received.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wait {
    /// Not at all.
    No,
    /// So long at most. It may be less.
    AtMost(Duration),
    /// For ever.
    Forever,
}

/// What a transfer did. Nothing is a result like any other: a wait may end for no reason.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Transferred {
    /// How many bytes were put into the buffer, from its beginning.
    pub received: usize,
    /// How many bytes were taken, from the beginning.
    pub sent: usize,
}

/// The connection to the host. In a WebAssembly program that is the function `gate.io_65536`; tests have others.
pub trait Transport {
    /// Sends of `send` and receives into `receive` as much as is possible at once; waits as long as `wait` says if that is
    /// nothing. It waits for something to receive also when `send` is not empty. Packets may be cut anywhere.
    fn transfer(&mut self, receive: &mut [u8], send: &[u8], wait: Wait) -> Transferred;

    /// The time since some moment before the program began. It never decreases, and does not go on while the program is
    /// suspended.
    fn now(&mut self) -> Duration;
}
