//! `kv`: keys and values that outlive the program.
//!
//! Every principal has keys of its own, which all its programs share, whatever host process they run in; a program without a
//! principal cannot discover the service. Keys are 1 to 255 bytes ([`MAX_KEY_BYTES`]) and values up to 65024
//! ([`MAX_VALUE_BYTES`]), of any content. Revision `0`; no streams; info packets are ignored.
//!
//! # Calls
//! All integers are little-endian. A call has a header of 16 bytes:
//!
//! | Offset | Type | Field |
//! |---|---|---|
//! | 0 | u8 | operation |
//! | 1 | u8 | length of the key |
//! | 2 | u16 | flags: 1, only if the version is as expected; 2, with values |
//! | 4 | u32 | limit |
//! | 8 | u64 | expected version |
//! | 16 | | key; what follows it is the value or the prefix |
//!
//! Fields that an operation does not use must be 0 or empty.
//!
//! | Operation | Uses | Effect |
//! |---|---|---|
//! | 0 get | key | Replies with the value. |
//! | 1 set | key, flag 1, expected version, value | Writes the value. |
//! | 2 delete | key, flag 1, expected version | Removes the key and its value. |
//! | 3 list | key, which can be empty; flag 2; limit; prefix | Replies with the keys that begin with the prefix and come after the key, in the order of their bytes: at most as many as the limit, if that is not 0, and as fit. |
//! | 4 usage | | Replies with how much is stored and how much can be. |
//! | other | | The reply is empty, as it is to calls of less than 16 bytes. |
//!
//! The *version* of a key changes whenever it is written, and never takes a value again that it had before, even if the key
//! was deleted in between; it is larger than that of any key that the principal has written earlier. A key that does not exist has
//! version 0. With flag 1, set and delete have no effect but error 3 unless the key's version is the expected one. So a lock is set
//! with expected version 0, and a counter is got, and set with the version it had, until that succeeds.
//!
//! # Replies
//! The reply comes in the order of calls (index 0). It has a header of 16 bytes, also if there is an error:
//!
//! | Offset | Type | Field |
//! |---|---|---|
//! | 0 | i16 | error |
//! | 2 | u16 | list: flag 1, there are more keys than these; otherwise 0 |
//! | 4 | u32 | list: how many entries follow; otherwise 0 |
//! | 8 | u64 | version: of what was got, set, or deleted; of what there is instead with error 3; otherwise 0 |
//! | 16 | | get: the value; list: entries; usage: four u64: number of keys, limit of that, number of bytes, limit of that |
//!
//! An entry of a listing, without padding (the next one follows it immediately):
//!
//! | Offset | Type | Field |
//! |---|---|---|
//! | 0 | u8 | length of the key |
//! | 1 | u8 | 0 |
//! | 2 | u16 | 0 |
//! | 4 | u32 | length of the value, also if it is not there |
//! | 8 | u64 | version |
//! | 16 | | the key; the value if flag 2 was given |
//!
//! To go on listing, list again after the last key got. There is at least one entry if there is any key to list.
//!
//! | Error | Meaning |
//! |---|---|
//! | 0 | none |
//! | 1 | the call makes no sense: a key is missing or cut, an unknown flag, a field that should be 0 |
//! | 2 | no such key (get; delete without flag 1) |
//! | 3 | the version is not the expected one; nothing was changed |
//! | 4 | quota: the principal would have more keys or bytes than it can, or the host is full; nothing was changed |
//! | 5 | the value is too large; nothing was changed |
//! | 6 | the storage failed: whether the operation took place is not known |
//! | 7 | the program has no principal (it was continued where it has none) |
//!
//! # Promises
//! - Operations of one program take place in the order of its calls, each of them at once as a whole (they are linearizable). What has been
//!   replied to a set or delete is on disk: it survives the end of the host process, and the loss of power as far as the disk does.
//! - Every call takes place once, also if the program is suspended, saved, and continued elsewhere in between: operations that the
//!   program has asked for are finished before it is saved, and the replies are saved. They take place before the program is
//!   saved, in the host where it was; a program that goes on elsewhere finds the keys of that host. A copy of a program, which goes on from
//!   the same snapshot, has the same keys: each finds what the other has changed.
//! - The bytes of a quota are those of keys and values.
//!
//! # The database
//! It is one file for all principals, of which a host process is the only user while it runs. Removing the file while there is no such process
//! removes the keys of everybody. Those of one principal are removed, and counted, by programs of that principal alone.

/// The longest key, in bytes: its length is one byte.
pub const MAX_KEY_BYTES: usize = 255;

/// The largest value, in bytes: one that fits into any packet together with headers and the longest key.
pub const MAX_VALUE_BYTES: usize = 65_024;

mod call;
mod reply;
mod store;
mod tables;

use std::collections::VecDeque;
use std::future::poll_fn;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use gate_packet::{Domain, Packet};
use gate_service::{
    BoxFuture, Client, Config, Created, Factory, Failure, Outbox, Properties, Saved, Service,
};

pub use reply::ErrorCode;
pub use store::{
    DEFAULT_BYTES_PER_PRINCIPAL, DEFAULT_KEYS_PER_PRINCIPAL, DEFAULT_TOTAL_BYTES, Limits, Report, Store,
    StoreError,
};

use call::{Operation, Refusal};
use reply::MAX_REPLY_BYTES;

/// The name of the service.
pub const NAME: &str = "kv";

/// How many calls of a program wait for their replies to be sent. Further packets of the program are not handled until there are fewer.
///
/// Calls that were made together take place together, so this is how many are written to the disk at once.
const MAX_CALLS: usize = 64;

/// How many bytes calls and replies of a program take, about, likewise: four of the largest.
const MAX_WEIGHT_BYTES: usize = 4 * MAX_REPLY_BYTES;

/// The first byte of a snapshot.
const SNAPSHOT_FORMAT: u8 = 1;

/// Makes the service.
#[derive(Clone, Debug)]
pub struct Kv {
    store: Store,
}

impl Kv {
    /// The service that keeps everything in `store`.
    #[must_use]
    pub fn new(store: Store) -> Self {
        Self { store }
    }
}

impl Factory for Kv {
    fn properties(&self) -> Properties<'_> {
        Properties { name: NAME, revision: "0", has_streams: false }
    }

    fn is_discoverable(&self, client: &Client) -> bool {
        client.principal.is_some()
    }

    fn create(&self, config: Config, snapshot: Vec<u8>) -> BoxFuture<'static, Created> {
        let store = self.store.clone();
        Box::pin(async move {
            let queue = decode(&snapshot)?.into_iter().map(Entry::Done).collect();
            let principal = config.client.principal.as_deref().map(Arc::from);
            let instance = Instance { store, principal, queue, running: None, sender: None };
            Ok(Box::new(instance) as Box<dyn Service>)
        })
    }
}

/// The service of one program.
struct Instance {
    store: Store,
    principal: Option<Arc<str>>,
    /// The calls to which no reply was sent, in order.
    queue: VecDeque<Entry>,
    /// Becomes the replies to those that are running.
    running: Option<BoxFuture<'static, Vec<Vec<u8>>>>,
    /// To be woken when another packet can be handled.
    sender: Option<Waker>,
}

/// Where a call is.
enum Entry {
    Waiting(Operation),
    /// The store has it. Its reply will be this large at most.
    Running {
        weight: usize,
    },
    Done(Vec<u8>),
}

impl Entry {
    fn weight(&self) -> usize {
        match self {
            Self::Waiting(operation) => operation.weight(),
            Self::Running { weight } => *weight,
            Self::Done(reply) => reply.len(),
        }
    }
}

impl Instance {
    fn is_full(&self) -> bool {
        self.queue.len() >= MAX_CALLS
            || self.queue.iter().map(Entry::weight).sum::<usize>() >= MAX_WEIGHT_BYTES
    }

    /// Has operations take place: all that are waiting together, when none is running. Ready when all have.
    fn poll_operations(&mut self, context: &mut Context<'_>) -> Poll<()> {
        loop {
            if let Some(running) = &mut self.running {
                let Poll::Ready(replies) = running.as_mut().poll(context) else { return Poll::Pending };
                self.running = None;
                let started = self.queue.iter_mut().filter(|entry| matches!(entry, Entry::Running { .. }));
                for (entry, reply) in started.zip(replies) {
                    *entry = Entry::Done(reply);
                }
            }
            let Some(operations) = self.start() else { return Poll::Ready(()) };
            self.running = Some(match &self.principal {
                Some(principal) => self.store.run(Arc::clone(principal), operations),
                None => {
                    let replies = operations.iter().map(|_| reply::error(ErrorCode::Anonymous)).collect();
                    Box::pin(async { replies })
                }
            });
        }
    }

    /// Takes the operations that wait.
    fn start(&mut self) -> Option<Vec<Operation>> {
        let mut operations = Vec::new();
        for entry in &mut self.queue {
            if let Entry::Waiting(operation) = entry {
                let weight = operation.weight();
                operations.push(std::mem::replace(operation, Operation::Usage));
                *entry = Entry::Running { weight };
            }
        }
        (!operations.is_empty()).then_some(operations)
    }
}

impl Service for Instance {
    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Failure>> {
        if self.is_full() {
            self.sender = Some(context.waker().clone());
            return Poll::Pending;
        }
        Poll::Ready(Ok(()))
    }

    fn handle(&mut self, packet: &Packet<'_>, _out: &mut Outbox<'_>) -> Result<(), Failure> {
        if packet.domain() != Domain::Call {
            return Ok(());
        }
        self.queue.push_back(match Operation::decode(packet.content()) {
            Ok(operation) => Entry::Waiting(operation),
            Err(Refusal::Unsupported) => Entry::Done(Vec::new()),
            Err(Refusal::Error(code)) => Entry::Done(reply::error(code)),
        });
        Ok(())
    }

    fn poll(&mut self, context: &mut Context<'_>, out: &mut Outbox<'_>) -> Result<(), Failure> {
        // What is sent below is there in either case.
        let _ = self.poll_operations(context);
        while out.has_room()
            && let Some(Entry::Done(reply)) = self.queue.front()
        {
            out.reply(0, reply)?;
            self.queue.pop_front();
        }
        if !self.is_full()
            && let Some(waker) = self.sender.take()
        {
            waker.wake();
        }
        Ok(())
    }

    fn save(&mut self) -> BoxFuture<'_, Saved> {
        Box::pin(async {
            poll_fn(|context| self.poll_operations(context)).await;
            Ok(encode(&self.queue))
        })
    }
}

/// The replies in `queue`, all of which are there: the format, and per reply its length (u16) and content. Nothing if there are none.
fn encode(queue: &VecDeque<Entry>) -> Vec<u8> {
    let mut bytes = Vec::new();
    for entry in queue {
        if let Entry::Done(reply) = entry {
            if bytes.is_empty() {
                bytes.push(SNAPSHOT_FORMAT);
            }
            let length = u16::try_from(reply.len()).expect("replies fit into packets");
            bytes.extend_from_slice(&length.to_le_bytes());
            bytes.extend_from_slice(reply);
        }
    }
    bytes
}

/// The replies in a snapshot.
fn decode(snapshot: &[u8]) -> Result<Vec<Vec<u8>>, Failure> {
    let invalid = |text: String| Err(Failure::Snapshot(text.into()));
    let mut rest = match snapshot.split_first() {
        None => return Ok(Vec::new()),
        Some((&SNAPSHOT_FORMAT, rest)) => rest,
        Some((other, _)) => {
            return invalid(format!("state of kv has format {other} (known: {SNAPSHOT_FORMAT})"));
        }
    };
    let mut replies = Vec::new();
    while let Some((length, behind)) = rest.split_first_chunk() {
        let length = usize::from(u16::from_le_bytes(*length));
        if length > MAX_REPLY_BYTES {
            return invalid(format!("reply of kv has {length} bytes (limit: {MAX_REPLY_BYTES})"));
        }
        let Some((reply, behind)) = behind.split_at_checked(length) else { break };
        if replies.len() == MAX_CALLS {
            return invalid(format!("more than {MAX_CALLS} replies of kv"));
        }
        replies.push(reply.to_vec());
        rest = behind;
    }
    if rest.is_empty() { Ok(replies) } else { invalid("reply of kv is cut".to_owned()) }
}

#[cfg(test)]
mod tests;
