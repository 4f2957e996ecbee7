//! A program runs: its phases, and how it ends.

use gate_abi::host::Stop;
use gate_abi::trap::Trap;
use gate_snapshot::{Phase, Reference, State, Value};

use crate::code::{Function, widths};
use crate::execute::Exit;
use crate::instance::{Instance, Memory, Next, Outside, write};
use crate::numeric::Fault;

/// How a program ended.
#[derive(Clone, Debug, PartialEq)]
pub enum Outcome {
    /// The entry function returned these values.
    Returned(Vec<Value>),
    /// It was asked to stop, and did. The state has everything but [`State::host`] and [`State::monotonic_nanos`], which
    /// are the caller's to fill in, and the contents of memories. Of locals that the program does not read any more, it has
    /// what is in them: see [`State::canonicalize`].
    Suspended(Box<State>),
    /// An imported function stopped it; not by a trap.
    Stopped(Stop),
    /// It trapped.
    Trapped {
        /// Why.
        trap: Trap,
        /// More about it than the trap's own text, where there is more.
        detail: Option<String>,
        /// Its calls, innermost first.
        frames: Vec<Call>,
    },
}

/// One call on the stack of a program that trapped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Call {
    /// The function's index.
    pub function: u32,
    /// Where in the module the instruction is: an offset in bytes.
    pub offset: u32,
}

impl<M: Memory> Instance<'_, M> {
    /// Runs the program to its end, or until it is stopped. One that was suspended goes on when it is run again.
    ///
    /// It does something in any case before it looks whether it shall stop: who wants to know before that, looks.
    pub fn run<O: Outside>(&mut self, outside: &mut O) -> Outcome {
        let mut has_run = false;
        loop {
            if self.next.is_none() {
                let function = match self.phase {
                    Phase::Fresh => None,
                    Phase::Start => self.module.start,
                    Phase::Initialize => self.entry.initialize,
                    Phase::Main => self.entry.function,
                };
                // A program that is in the middle of something looks for itself.
                if has_run && function.is_some() && outside.is_stop_requested() {
                    return self.suspended();
                }
                let prepared = match function {
                    None if self.phase == Phase::Fresh => self.initialize(),
                    None => Ok(()),
                    Some(function) => self.prepare(function),
                };
                if let Err(fault) = prepared {
                    return self.trapped(fault);
                }
            }
            has_run = true;
            match self.execute(outside) {
                Exit::Returned => {}
                Exit::Stopped => return self.suspended(),
                Exit::Fault(fault) => return self.trapped(fault),
                Exit::Host(stop) => return Outcome::Stopped(stop),
            }
            self.phase = match self.phase {
                Phase::Fresh => Phase::Start,
                Phase::Start => Phase::Initialize,
                Phase::Initialize => Phase::Main,
                Phase::Main => return Outcome::Returned(self.results()),
            };
        }
    }

    /// Prepares the call of a function by the host.
    fn prepare(&mut self, function: u32) -> Result<(), Fault> {
        let wrong = |detail| Fault { trap: Trap::InternalError, detail: Some(detail) };
        let ty =
            self.module.function_type(function).ok_or(wrong("there is no function of the entry's index"))?;
        let arguments = match self.phase {
            Phase::Main => std::mem::take(&mut self.entry.arguments),
            Phase::Fresh | Phase::Start | Phase::Initialize => Vec::new(),
        };
        if !arguments.iter().map(crate::state::value_type).eq(ty.params.iter().copied()) {
            return Err(wrong("the arguments are not of the types of the function's parameters"));
        }
        let mut slot = 0;
        for argument in arguments {
            let ty = crate::state::value_type(&argument);
            let number = match argument {
                Value::Reference(_, Reference::Null) => 0,
                argument => crate::state::number(argument).ok_or(wrong("an argument is no number"))?,
            };
            if !write(&mut self.stack, slot, ty, number) {
                return Err(Trap::CallStackExhausted.into());
            }
            slot += crate::code::width(ty) as usize;
        }
        self.base = 0;
        self.frames.clear();
        let imported = (function as usize) < self.module.imports.len();
        self.next = Some(if imported { Next::Import(function) } else { Next::Enter(function) });
        Ok(())
    }

    /// What the entry function returned: numbers.
    fn results(&self) -> Vec<Value> {
        let types = self.entry.function.and_then(|function| self.module.function_type(function));
        let types = types.map(|ty| ty.results.as_slice()).unwrap_or_default();
        if widths(types) as usize > self.stack.len() {
            return Vec::new();
        }
        let mut saver = crate::state::Saver::new(self.module, &self.exceptions);
        saver.values(types, &self.stack).unwrap_or_default()
    }

    fn suspended(&mut self) -> Outcome {
        match self.state() {
            Ok(state) => Outcome::Suspended(Box::new(state)),
            Err(error) => Outcome::Trapped {
                trap: Trap::InternalError,
                detail: Some(error.to_string()),
                frames: Vec::new(),
            },
        }
    }

    fn trapped(&self, fault: Fault) -> Outcome {
        let detail = fault.detail.map(str::to_owned);
        Outcome::Trapped { trap: fault.trap, detail, frames: self.calls() }
    }

    /// The calls, innermost first.
    fn calls(&self) -> Vec<Call> {
        let call = |index: u32, function: &Function, position: usize| {
            let before = position.checked_sub(1).and_then(|position| function.offsets.get(position));
            Call { function: index, offset: before.copied().unwrap_or(function.offset) }
        };
        let innermost = match self.next {
            Some(Next::Go { function, position }) => {
                self.module.function(function).ok().map(|code| call(function, code, position))
            }
            Some(Next::Enter(_) | Next::Import(_)) | None => None,
        };
        let outer = self.frames.iter().rev();
        let outer = outer.map(|frame| call(frame.index, frame.function, frame.position as usize));
        innermost.into_iter().chain(outer).collect()
    }
}
