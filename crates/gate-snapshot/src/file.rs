//! Snapshots of version 1: modules that are programs in the middle of what they do.
//!
//! A snapshot is a valid module. An engine that knows nothing of this format instantiates it with the program's memories,
//! tables and globals as they were; only calls in progress, and what the host keeps, are in sections that it skips. The
//! original module is got back from it, byte by byte.
//!
//! | # | Section | Content |
//! |---|---|---|
//! | 1 | type, import, function, tag | as in the original |
//! | 2 | table | as in the original, but for the current sizes |
//! | 3 | memory | as in the original, but for the current sizes |
//! | 4 | global | as in the original, but that each starts with its current value, given by a single instruction |
//! | 5 | `gate.snapshot` | version 1, and how the program was stopped: see the module `details` |
//! | 6 | export, or `gate.export` with the whole export section in it | as in the original. Exports are hidden as long as there is something left to run, because nobody may call them then |
//! | 7 | element | the segments of the original, so that their indices stay: active and dropped ones are passive and empty; then, if code would not be allowed to refer to some functions otherwise, a declarative segment of these; then what tables have, in active segments |
//! | 8 | data count | if the original has it |
//! | 9 | code | as in the original |
//! | 10 | `gate.buffer` | what is between the program and its services, if there is anything |
//! | 11 | `gate.stack` | if there is something left to run: see below |
//! | 12 | data | the segments of the original, as in the element section; then what memories have, in active segments |
//! | 13 | `gate.origin` | see below |
//!
//! There is no start section. Custom sections of the original are where they are in it. Of a program of which nothing has run,
//! sections 2 to 4, 7, 8 and 12 are as in the original, too.
//!
//! Segments for memories are aligned to 8 bytes. They start and end with 8 bytes that are not all zero; there are fewer than
//! 256 zeros between such words in one, or, if that took more segments than a module can have, fewer than 512, and so on.
//! Segments for tables have functions only, or, if that took too many, all from the first function of a table to the last.
//!
//! All else is as in the crate's module `bytes`: numbers are little-endian and not aligned. The content of `gate.stack` is
//!
//! | Size | Meaning |
//! |---|---|
//! | 8 | ff in each byte, which nobody can take for a stack of version 0 |
//! | 1 | [`State::phase`](crate::State::phase): 0 fresh, 1 start, 2 initialize, 3 main |
//! | 4 | [`Entry::initialize`](crate::Entry::initialize) |
//! | 4 | [`Entry::function`](crate::Entry::function) |
//! | varies | [`Entry::arguments`](crate::Entry::arguments), a list of values |
//! | varies | the frames, a list |
//!
//! and that of `gate.origin`
//!
//! | Size | Meaning |
//! |---|---|
//! | 32 | SHA-256 of the original module |
//! | 8 | its length |
//! | varies | the exceptions, a list |
//! | varies | references to exceptions in globals, a list: global, zero, exception (4 bytes each) |
//! | varies | references to exceptions in tables, a list: table, element, exception (4 bytes each) |
//! | varies | [`State::dropped`](crate::State::dropped), a list of bytes |
//! | 8 | length of the host's part |
//! | varies | the host's part |
//! | the rest | how the original is got back: see the module `script` |

mod data;
mod elements;
mod fit;
mod origin;
mod parts;
mod pieces;
mod read;
mod script;
mod stack;
mod standalone;
mod write;

#[cfg(test)]
mod tests;

pub use fit::Misfit;
pub use parts::ModuleError;
pub use pieces::File;
pub use read::{ReadError, read};
pub use script::ScriptError;
pub use standalone::StandaloneError;
pub use write::{Source, WriteError, write};

use crate::sections::sections;

/// The name of the section with hidden exports.
const EXPORT: &str = "gate.export";
/// The name of the section with what is between the program and its services.
const BUFFER: &str = "gate.buffer";
/// The name of the section with what there is to run.
const STACK: &str = "gate.stack";
/// The name of the section with what is needed to get the original back.
const ORIGIN: &str = "gate.origin";

/// What [`ORIGIN`] is called in messages.
const WHAT: &str = "section gate.origin";

/// Whether only snapshots have a section of that name.
fn is_reserved(name: &[u8]) -> bool {
    [crate::details::NAME, EXPORT, BUFFER, STACK, ORIGIN].iter().any(|reserved| name == reserved.as_bytes())
}

/// Whether bytes are to be read as a snapshot, rather than to be taken for a program of which nothing has run. Looks at
/// the heads of sections only. What is not even a list of sections is no snapshot.
pub fn is_snapshot(bytes: &[u8]) -> bool {
    sections(bytes).map_while(Result::ok).any(|section| section.name.is_some_and(is_reserved))
}
