//! Makes a program stoppable at (almost) any instruction, and continuable in another instance.
//!
//! [`Program::instrument`] transforms a module so that it can be told to unwind: every function on the stack saves what it
//! needs to go on, and returns. [`Program::continuations`] makes another module, beside it, with functions that go on
//! from there. What is saved is the state of the WebAssembly specification: function, offset in the code, locals and
//! operands, see [`Frame`]. It depends neither on the engine nor on how the program was transformed.
//!
//! # Stop points
//!
//! A program stops at [`Site`]s: at the head of every loop; at the entry of functions, so that there is one in every cycle of
//! calls outside of loops, where an indirect call counts as one of everything that there may be a reference to; at imported
//! functions that may block; and, while it unwinds, in every call that it has come out of. Functions that cannot get to any
//! of these are left as they are.
//!
//! ```wat
//! (func $f (param $n i32) (result i32)      (func $f (param $n i32) (result i32) (local $parked i32)
//!                                             (block $tail
//!                                               (block $keep (result i32)
//!                                                 (block $store (result i32)
//!                                                   (block $stop_1
//!                                                     (block $stop_0
//!                                                       (block $body (result i32)
//!   (i32.const 1)                                         (i32.const 1)
//!                                                         (local.set $parked) (local.get $parked)
//!   (loop $again                                          (loop $again
//!                                                           (i32.atomic.load $control (i32.const 0))
//!                                                           (br_if $stop_0)
//!     (call $g)                                             (call $g)
//!                                                           (br_if $stop_1 (global.get $unwinding))
//!     (br_if $again (…)))                                   (br_if $again (…))))
//!   (i32.add (local.get $n)))                             (i32.add (local.get $n)))
//!                                                       (return))
//!                                                     (br $store (i32.const 45)))                  ;; offset
//!                                                   (br $store (i32.const 47)))
//!                                                 (i32.store $control offset=32 (i32.const 0) (local.get $n))
//!                                                 (i32.store $control offset=36 (i32.const 0) (local.get $parked))
//!                                                 (br $keep))
//!                                               (call $keep (i32.const 16)))                       ;; size
//!                                             (i32.const 0))                                       ;; nobody looks at it
//! ```
//!
//! The code of stop points is behind the function's body, and branches to it are marked as hardly ever taken, by hints in the
//! form that the branch hinting proposal has for them. Only live locals are saved. Operands are copied into locals before the
//! blocks and calls that they stay below of; the copies cost nothing where an optimizing compiler sees them.
//!
//! What costs time, where such a compiler has seen everything, is first what the values of stop points do to its allocation of
//! registers, and then the poll in very short loops: the bodies of innermost loops are there several times, and only the first
//! polls. Much of the code of a function's stop points is the same for several of them, as what one saves, others save too; but
//! that of innermost loops is apart. In recursive functions it is the size of frames, for which the processor's caches have little
//! room: those whose loops all recur poll a memory whose address is not kept during calls ([`Control::polled`]). With
//! [`Poll::Store`], which is for compilers that do not optimize, the values are given to functions that save them.
//!
//! # Continuations
//!
//! The continuation from `$stop_1` above takes its frame, opens the blocks around the stop point, and runs the rest:
//!
//! ```wat
//! (func (result i32) (local $n i32) (local $parked i32)
//!   ;; … $n and $parked are loaded
//!   (block $tail
//!     (block $stop_1
//!       (block $stop_0
//!         (block $body (result i32)
//!           (local.get $parked)
//!           (block $done                                        ;; the end of the loop
//!             (block $again                                     ;; its head
//!               (call $continuation_of_g)                       ;; the next inner frame
//!               (br_if $stop_1 (global.get $unwinding))
//!               (br_if $again (…))
//!               (br $done))
//!             (loop $again (…)))                                ;; as above
//!           (i32.add (local.get $n)))
//!         (return))
//!       (…)))
//! ```
//!
//! A program can be stopped again in a continuation: its stop points are those of the original.
//!
//! # Other stop points
//!
//! A program can be continued from any instruction, whatever its own stop points are: see [`SiteId`]. That is how breakpoints
//! work, before which a program stops by itself ([`Config::breakpoints`], [`Control::breakpoints`]), and frames of any of
//! them can be continued by a program that has others, or none. What is saved at a stop point depends on the original only.
//!
//! # Large functions
//!
//! The code of stop points is in proportion to the values that they save. A function whose stop points would save more than 16
//! values per byte of its own code, as no compiler makes any, saves the same ones at each of them, with one piece of code. So
//! no module is refused for its values. What is refused is a function with more than 50,000 locals, those included that
//! operands are copied into, and one that comes to have more than 7,654,321 bytes: the engine's validator has these limits.
//!
//! # Other engines
//!
//! [`Program::standalone`] makes one ordinary module of a stopped program, with its state, which continues on any engine, but
//! cannot be stopped any more.
//!
//! # What the host does
//!
//! 1. Instantiates the module that [`Program::instrument`] made, which runs nothing. Everything in it is exported, see
//!    [`Hidden`].
//! 2. Calls [`Hidden::Initialize`], then the function [`Program::start`], if any, then what is to be run.
//! 3. To stop it, writes to the control memory, and to [`Control::polled`] if that is another one, see [`control`]; or, in an
//!    imported function that was named to block, sets the global [`Control::unwinding`] to 1 and returns whatever values. Every
//!    call that runs program code then returns with that global set.
//! 4. Takes the state: memories, tables, globals, the bytes of dropped segments in the control memory, and the frames.
//! 5. To continue, in the same instance or in one that has that state (and in which [`Hidden::Restore`] has been called, nothing
//!    else), instantiates the module of [`Program::continuations`], writes the frames with their slots into the control memory,
//!    resets [`control::STOP_REQUESTED`] and the global, and calls the continuation of the outermost frame.
//!
//! Imported functions must not call back into the program. They are called by code of the stoppable module only, never by that
//! of continuations, so that who looks for the caller's exports finds those of the program.
//!
//! Frames of continuations can be larger than those of the functions they continue, as they have more code. A program that is
//! stopped when its native stack is nearly full can overflow it when it is continued, unless there is some more of it then.
//!
//! A call that traps or throws leaves no frames and does not unwind. Stopping cannot fail but for want of room in the control
//! memory, see [`control::STATUS_OVERFLOW`].

mod assemble;
mod blocks;
mod callees;
mod calls;
mod continuation;
pub mod control;
mod copies;
mod emit;
mod error;
mod extra;
mod frames;
mod graph;
mod groups;
mod helpers;
mod layout;
mod link;
mod live;
mod module;
mod names;
mod offsets;
mod operands;
mod plan;
mod reason;
mod records;
mod sections;
mod side;
mod site;
mod standalone;
mod values;

pub use self::control::Control;
pub use self::error::StopError;
pub use self::frames::{Frame, FrameError, Value};
pub use self::names::{Hidden, Names};
pub use self::offsets::Offsets;
pub use self::reason::Reason;
pub use self::side::{Continuations, PROGRAM};
pub use self::site::{Call, Site, SiteId, SiteKind};
pub use self::standalone::{Exception, Invocation, Place, Referent, StandaloneError, Stopped};

use std::cell::RefCell;
use std::fmt;

use self::assemble::Purpose;
use self::calls::Calls;
use self::emit::Context;
use self::module::{Module, index};
use self::side::KeptPlans;

/// How a program finds out that it shall stop.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Poll {
    /// An atomic load, which no compiler removes or moves out of a loop. The module needs the feature of threads for it, but no
    /// memory is shared; and that of 64-bit memories, for [`Control::polled`].
    Atomic,
    /// A store and a load. A compiler that knows no other threads could prove what is loaded from what was loaded before, were it
    /// not for the store.
    Store,
    /// A counter of stop points, which nobody sets while the program runs. It makes runs reproducible, for tests.
    Countdown,
}

/// How to make a program stoppable.
#[derive(Clone, Copy)]
pub struct Config<'c> {
    /// How it polls.
    pub poll: Poll,
    /// The size of the control memory in pages of 64 KiB, which bounds the size of all frames together. At least one page is
    /// for frames, whatever this says, and at most 65,536 pages are used. The engine's stack bounds what is needed: a saved
    /// value takes no more room than a value in a native frame, and the rest of a frame less than a return address. A function's
    /// frame can be as large as if it had stopped where it saves most.
    pub control_pages: u32,
    /// Which imported functions, by module and field, may block.
    pub may_block: &'c dyn Fn(&str, &str) -> bool,
    /// Before which instructions the program stops by itself while [`Control::breakpoints`] says so: offsets in bytes from the
    /// start of the module, in any order. A program that is continued from a breakpoint runs the instruction, if it stops
    /// there again or not. What cannot be reached as far as its code tells has no effect.
    pub breakpoints: &'c [u32],
}

impl fmt::Debug for Config<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { poll, control_pages, may_block: _, breakpoints } = self;
        f.debug_struct("Config")
            .field("poll", poll)
            .field("control_pages", control_pages)
            .field("breakpoints", breakpoints)
            .finish_non_exhaustive()
    }
}

/// A stoppable module.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Instrumented {
    /// The module.
    pub wasm: Vec<u8>,
    /// Which instructions of the original are where in it.
    pub offsets: Offsets,
}

/// A program that is to be made stoppable, or to be continued.
pub struct Program<'a> {
    module: Module<'a>,
    calls: Calls,
    control: Control,
    names: Names,
    poll: Poll,
    breakpoints: Vec<u32>,
    plans: RefCell<KeptPlans<'a>>,
}

impl fmt::Debug for Program<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Program").field("control", &self.control).finish_non_exhaustive()
    }
}

impl<'a> Program<'a> {
    /// Takes a module that [`accept`](crate::accept) let through.
    ///
    /// The same module and configuration give the same stoppable module and the same continuations.
    ///
    /// # Errors
    /// [`StopError`] when there is no room for what has to be added, or a breakpoint is not at an instruction.
    pub fn new(wasm: &'a [u8], config: &Config<'_>) -> Result<Self, StopError> {
        let module = Module::parse(wasm)?;
        if wasm.len() > index(SiteId::BEFORE) {
            return Err(StopError::Entries {
                what: "bytes",
                found: wasm.len(),
                limit: index(SiteId::BEFORE),
            });
        }
        let breakpoints = extra::breakpoints(&module, config.breakpoints)?;
        let calls = Calls::analyze(&module, config.may_block, &breakpoints)?;
        let control = Control::new(&module, &calls, config)?;
        let names = Names::new(&module);
        Ok(Self { module, calls, control, names, poll: config.poll, breakpoints, plans: RefCell::default() })
    }

    /// The stoppable module, in time and memory in proportion to the size of the original.
    ///
    /// Its index spaces start with those of the original. Its name section is kept, other custom sections are not.
    ///
    /// # Errors
    /// [`StopError`] when a function, or the whole, becomes too large.
    pub fn instrument(&self) -> Result<Instrumented, StopError> {
        assemble::assemble(self, Purpose::Continue)
    }

    /// The same for a program that is to be moved to another module when it has stopped: it exports no functions for
    /// continuations to call, and cannot be continued. A compiler that is quick can take half of its time for such exports.
    ///
    /// # Errors
    /// As of [`Program::instrument`].
    pub fn instrument_to_leave(&self) -> Result<Instrumented, StopError> {
        assemble::assemble(self, Purpose::Leave)
    }

    /// A module to continue the program from the stop points of its frames, given from the outermost frame on.
    ///
    /// A continuation is at most as large as the function, times the number of loops around the stop point. It knows which
    /// others it can call by what comes next to each other here: [`Program::encode`] takes frames of which the same is true.
    ///
    /// # Errors
    /// [`StopError::NoSite`] when there is no such stop point; others when a continuation becomes too large.
    pub fn continuations(&self, frames: &[SiteId]) -> Result<Continuations, StopError> {
        side::continuations(self, frames)
    }

    /// The stop points of a function, in the order of its code, breakpoints that are set included. There are none in one that
    /// cannot stop.
    ///
    /// # Errors
    /// [`StopError`] as of [`Program::instrument`].
    pub fn sites(&self, function: u32) -> Result<Vec<Site>, StopError> {
        if self.module.body(function).is_none() {
            return Ok(self.import_of(function).into_iter().collect());
        }
        let stops = self.stops_of(function)?;
        Ok(stops.stops.iter().map(|stop| stops.site(stop)).collect())
    }

    /// A stop point, which may be none of the program's own: any that it could have if other breakpoints were set, or it were
    /// to be stopped in other ways.
    ///
    /// # Errors
    /// [`StopError::NoSite`] when there is no such stop point; others as of [`Program::instrument`].
    pub fn site(&self, id: SiteId) -> Result<Site, StopError> {
        let no_site = StopError::NoSite { site: id };
        let Some(function) = self.function_of(id) else { return Err(no_site) };
        match self.import_of(function) {
            Some(site) => Ok(site),
            None => self.plan(function, Some(id))?.stops().find(id).ok_or(no_site),
        }
    }

    /// How many functions the program has, imported ones included.
    pub fn functions(&self) -> u32 {
        module::count(self.module.functions.len())
    }

    /// The functions that tables, globals, locals and operands can have references to, in ascending order. Those that really
    /// are referred to somewhere are exported: see [`Hidden::Function`].
    ///
    /// # Errors
    /// [`StopError`] only for invalid modules.
    pub fn referenced(&self) -> Result<Vec<u32>, StopError> {
        Ok(callees::References::read(&self.module)?.into_functions())
    }

    /// The start function, which instantiation of the stoppable module does not run.
    pub fn start(&self) -> Option<u32> {
        self.module.start
    }

    /// Where the additions to the program are.
    pub fn control(&self) -> &Control {
        &self.control
    }

    /// The name by which the stoppable module exports something.
    pub fn name(&self, hidden: Hidden) -> String {
        self.names.name(hidden)
    }

    /// The names by which the stoppable module exports things.
    pub fn names(&self) -> &Names {
        &self.names
    }

    fn context(&self) -> Context<'_> {
        Context { module: &self.module, calls: &self.calls, control: &self.control, poll: self.poll }
    }
}
