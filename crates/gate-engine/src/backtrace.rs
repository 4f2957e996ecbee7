//! What a trap is called, and where in the program it happened.

use gate_abi::trap::Trap;
use wasmtime::{FrameInfo, FrameSymbol, WasmBacktrace};

/// A place in source code.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SourceLine {
    /// The function there, if the debug information names one.
    pub function: Option<String>,
    /// The file.
    pub file: String,
    /// The line, from 1.
    pub line: u32,
    /// The column, from 1; 0 if unknown.
    pub column: u32,
}

/// One call on the stack of a program that trapped.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame {
    /// The function's index.
    pub function_index: u32,
    /// Its name, if the module has one for it, demangled.
    pub function_name: Option<String>,
    /// The instruction's offset in the module's bytes.
    pub module_offset: Option<u64>,
    /// Its source lines, innermost first, if the module has debug information.
    pub lines: Vec<SourceLine>,
}

/// The calls that were on the stack when `error` arose.
pub(crate) fn frames(error: &wasmtime::Error) -> Vec<Frame> {
    let Some(backtrace) = error.downcast_ref::<WasmBacktrace>() else { return Vec::new() };
    backtrace.frames().iter().map(frame).collect()
}

fn frame(info: &FrameInfo) -> Frame {
    let demangled = |symbol: &FrameSymbol| symbol.name().map(str::to_owned);
    let lines: Vec<SourceLine> = info
        .symbols()
        .iter()
        .filter_map(|symbol| {
            Some(SourceLine {
                function: demangled(symbol),
                file: symbol.file()?.to_owned(),
                line: symbol.line()?,
                column: symbol.column().unwrap_or(0),
            })
        })
        .collect();
    Frame {
        function_index: info.func_index(),
        function_name: info.func_name().map(str::to_owned),
        module_offset: info.module_offset().and_then(|offset| u64::try_from(offset).ok()),
        lines,
    }
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
