//! How much of what there can be, and why.

use std::time::Duration;

use gate_packet::MAX_SIZE;

/// How many packets of a program wait for the server, or are calls that it has not answered. As many calls as replies can be told apart.
pub(crate) const MAX_ENTRIES: usize = 256;

/// How many bytes these packets have before the program has to wait: room for sixteen of the largest.
pub(crate) const MAX_ENTRY_BYTES: usize = 1 << 20;

/// The largest message, in bytes, that is taken from a server: what gRPC libraries take, so snapshots cannot well be larger.
pub(crate) const MAX_MESSAGE: usize = 4 << 20;

/// The largest message of the Receive stream, in bytes: a packet, and what is around it.
pub(crate) const MAX_RECEIVED_MESSAGE: usize = MAX_SIZE as usize + 16;

/// The largest snapshot that is given to a server, in bytes. The rest of the message is small.
pub(crate) const MAX_SNAPSHOT: usize = MAX_MESSAGE - (64 << 10);

/// How many bytes a server can send when it is suspended, which have to go into its snapshot: with [`MAX_ENTRY_BYTES`] and a packet
/// they fit into a message.
pub(crate) const MAX_DRAINED: usize = 2 << 20;

/// The longest text of a server that is repeated in an error, in bytes.
pub(crate) const MAX_MESSAGE_TEXT: usize = 1 << 10;

/// The longest line of a command's standard error that is logged in one piece, in bytes.
pub(crate) const MAX_LINE: usize = 8 << 10;

/// How many streams of a program are told apart. With more it is taken for granted that some are open.
pub(crate) const MAX_STREAMS: usize = 4096;

/// How many services a server can have: a list that is longer is a mistake.
pub(crate) const MAX_SERVICES: usize = 1024;

/// How much the server can send of one stream before the program has taken it, in bytes: two packets, so that one is there while the other
/// is on its way.
pub(crate) const STREAM_WINDOW: u32 = 2 * MAX_SIZE;

/// The same of all streams of a connection. All there is: programs that do not read must not hold up the others.
pub(crate) const CONNECTION_WINDOW: u32 = i32::MAX.cast_unsigned();

/// How often a server that programs use is asked for a sign of life. Servers take more often than every five minutes for an attack, and
/// end the connection.
pub(crate) const KEEPALIVE_INTERVAL: Duration = Duration::from_secs(330);

/// How long the sign of life may take.
pub(crate) const KEEPALIVE_TIMEOUT: Duration = Duration::from_secs(20);

/// How long to wait after a failed attempt to connect, before the next; twice as long after each, up to the second one.
pub(crate) const BACKOFF: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(5));

/// How long a connection must have lasted for the waiting to begin anew.
pub(crate) const STABLE: Duration = Duration::from_secs(10);

/// How often a program's connection may be lost in [`LOSS_PERIOD`]: a packet that makes the server crash is not sent again and again.
pub(crate) const MAX_LOSSES: u32 = 5;

/// See [`MAX_LOSSES`].
pub(crate) const LOSS_PERIOD: Duration = Duration::from_secs(60);

/// How long a packet that the server is handling may take before the server is suspended anyway.
pub(crate) const HANDLE_GRACE: Duration = Duration::from_secs(1);

/// How long the end of a command's standard error is waited for when it has ended: other processes may have it, too.
pub(crate) const STDERR_GRACE: Duration = Duration::from_millis(500);
