//! What a trap is called, and where in the program it happened.

use gate_abi::trap::Trap;
use wasmtime::{FrameInfo, Module, WasmBacktrace};

use crate::compiled::CompiledProgram;

/// One call on the stack of a program that trapped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Frame {
    /// The function's index in the original module.
    pub function_index: u32,
    /// Where in the function.
    pub offset: Option<Offset>,
}

/// The place of an instruction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Offset {
    /// An offset in the module that runs, which has more in it than the original. [`original_offsets`](crate::original_offsets)
    /// tells which instruction of the original it is.
    Running(u32),
    /// An offset in the original module's bytes.
    Original(u32),
}

/// The calls that were on the stack of `program` when `error` arose. What was added to the program does not count.
pub(crate) fn frames(error: &wasmtime::Error, program: &CompiledProgram) -> Vec<Frame> {
    let Some(backtrace) = error.downcast_ref::<WasmBacktrace>() else { return Vec::new() };
    backtrace.frames().iter().filter_map(|info| frame(info, program)).collect()
}

fn frame(info: &FrameInfo, program: &CompiledProgram) -> Option<Frame> {
    let offset = info.module_offset().and_then(|offset| u32::try_from(offset).ok());
    if Module::same(info.module(), &program.module) {
        let function_index = info.func_index();
        let offset = offset.map(match program.stoppable {
            Some(_) => Offset::Running,
            None => Offset::Original,
        });
        return (function_index < program.facts.functions).then_some(Frame { function_index, offset });
    }
    let continuation = program.stoppable.as_ref()?.continuation.as_ref()?;
    let imported = continuation.module.imports().filter(|import| import.ty().func().is_some()).count();
    let slot = usize::try_from(info.func_index()).ok()?.checked_sub(imported)?;
    let function_index = *continuation.facts.functions.get(slot)?;
    let offset = offset.and_then(|offset| continuation.offsets.original(offset)).map(Offset::Original);
    Some(Frame { function_index, offset })
}

/// The number of the engine's trap in our table, and what the table's text does not say.
pub(crate) fn trap(trap: wasmtime::Trap) -> (Trap, Option<String>) {
    use wasmtime::Trap as Engine;
    let ours = match trap {
        Engine::StackOverflow => Trap::CallStackExhausted,
        Engine::MemoryOutOfBounds => Trap::MemoryAccessOutOfBounds,
        Engine::TableOutOfBounds => Trap::IndirectCallIndexOutOfBounds,
        Engine::IndirectCallToNull => {
            return (Trap::IndirectCallSignatureMismatch, Some("the table element is null".to_owned()));
        }
        Engine::BadSignature => Trap::IndirectCallSignatureMismatch,
        Engine::IntegerOverflow => Trap::IntegerOverflow,
        Engine::BadConversionToInteger => {
            return (Trap::IntegerOverflow, Some("invalid conversion to integer".to_owned()));
        }
        Engine::IntegerDivisionByZero => Trap::IntegerDivideByZero,
        Engine::UnreachableCodeReached => Trap::Unreachable,
        Engine::NullReference => Trap::NullReference,
        Engine::AllocationTooLarge => Trap::OutOfMemory,
        // What only refused features can cause: not expected, and told as it is.
        other => return (Trap::InternalError, Some(other.to_string())),
    };
    (ours, None)
}
