//! `log`: lines in the log of whoever operates the host.
//!
//! Revision `0`; no streams. Lines are sent in info packets, which nobody answers, or in calls, of which the reply tells what became
//! of them. All integers are little-endian.
//!
//! | Offset | Type | Field |
//! |---|---|---|
//! | 0 | u8 | operation: 0 |
//! | 1 | u8 | severity: 0 error, 1 warning, 2 info, 3 debug, 4 trace |
//! | 2 | u8 | length of the target, at most 64 ([`MAX_TARGET_BYTES`]) |
//! | 3 | u8 | number of fields, at most 32 ([`MAX_FIELDS`]) |
//! | 4 | u16 | length of the message |
//! | 6 | u16 | 0 |
//! | 8 | | the target: which part of the program says it; can be empty |
//! | | | the message |
//! | | | the fields, in order, without padding |
//!
//! A field:
//!
//! | Offset | Type | Field |
//! |---|---|---|
//! | 0 | u8 | length of the key, 1 to 64 ([`MAX_FIELD_KEY_BYTES`]) |
//! | 1 | u8 | 0 |
//! | 2 | u16 | length of the value |
//! | 4 | | the key, the value |
//!
//! The whole content is at most 8192 bytes ([`MAX_LINE_BYTES`]). Texts should be UTF-8; what is not text, or would do anything to a
//! terminal, is escaped, so a line is one line whatever is in it.
//!
//! The reply to a call: i16 error, u16 0.
//!
//! | Error | Meaning |
//! |---|---|
//! | 0 | none: the line has been given to the log |
//! | 1 | the content makes no sense: something is cut, left over, over its limit, or not 0 where it should be |
//! | 2 | the line was dropped, as the program has sent too many |
//!
//! Calls with other operations, or of less than 8 bytes, get empty replies; such info packets are ignored.
//!
//! A program can send lines at a certain rate, after a burst. Lines beyond that are dropped, and so are info packets with
//! error 1; both are counted, and the log is told how many there were. Nothing makes the program wait.

/// The largest content of a packet with a line, in bytes.
pub const MAX_LINE_BYTES: usize = 8192;

/// The longest target, in bytes.
pub const MAX_TARGET_BYTES: usize = 64;

/// The greatest number of fields of a line.
pub const MAX_FIELDS: usize = 32;

/// The longest key of a field, in bytes.
pub const MAX_FIELD_KEY_BYTES: usize = 64;
