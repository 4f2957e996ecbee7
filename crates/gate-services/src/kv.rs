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
//!   saved, in the host where it was; a program that goes on elsewhere finds the keys of that host.
//! - The bytes of a quota are those of keys and values.

/// The longest key, in bytes: its length is one byte.
pub const MAX_KEY_BYTES: usize = 255;

/// The largest value, in bytes: one that fits into any packet together with headers and the longest key.
pub const MAX_VALUE_BYTES: usize = 65_024;
