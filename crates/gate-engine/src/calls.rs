//! The functions that a program imports, as the engine calls them.
#![expect(unsafe_code, reason = "passing values without checking their types again, and lending out memory")]

use std::mem::MaybeUninit;
use std::sync::Arc;

use gate_abi::host::Stop;
use gate_abi::import::{Function, ValType as ImportType};
use wasmtime::{Caller, Func, FuncType, Global, Store, Val, ValRaw, ValType};

use crate::limiter::Limiter;
use crate::memory::Region;

/// The most parameters that an imported function has: `path_open`.
const MAX_PARAMETERS: usize = 9;

/// The functions that a program imports, and everything behind them.
pub trait Calls: Send + 'static {
    /// Runs one of them. `arguments` are as many as its signature says, 32-bit ones zero-extended; `memory` is the
    /// program's memory, empty if it has none.
    ///
    /// # Errors
    /// [`Stop`] ends the program. But [`Stop::Interrupted`] of a function that
    /// [may block](Function::may_block) suspends it, if it can be stopped; the call is made again when it continues.
    fn call(&mut self, function: Function, arguments: &[u64], memory: &mut [u8])
    -> Result<Option<u32>, Stop>;
}

/// What the engine keeps for a running program.
pub(crate) struct Running<C> {
    pub(crate) calls: C,
    pub(crate) memory: Option<Arc<Region>>,
    pub(crate) limiter: Limiter,
    /// The global that tells that the program unwinds, if it can.
    pub(crate) unwinding: Option<Global>,
}

/// A [`Stop`] on its way through the engine.
#[derive(Debug, thiserror::Error)]
#[error("stopped by an imported function")]
pub(crate) struct Stopped(pub(crate) Stop);

/// One imported function.
pub(crate) fn import_function<C: Calls>(store: &mut Store<Running<C>>, function: Function) -> Func {
    let signature = function.signature();
    let engine_type = |ty: &ImportType| match ty {
        ImportType::I32 => ValType::I32,
        ImportType::I64 => ValType::I64,
    };
    let ty = FuncType::new(
        store.engine(),
        signature.params.iter().map(engine_type),
        signature.result.iter().map(engine_type),
    );
    let body = move |mut caller: Caller<'_, Running<C>>, slots: &mut [MaybeUninit<ValRaw>]| {
        let mut arguments = [0; MAX_PARAMETERS];
        for ((argument, slot), ty) in arguments.iter_mut().zip(slots.iter()).zip(signature.params) {
            // SAFETY: the engine initializes as many slots as the function type has parameters.
            let raw = unsafe { slot.assume_init_ref() };
            *argument = match ty {
                ImportType::I32 => u64::from(raw.get_u32()),
                ImportType::I64 => raw.get_u64(),
            };
        }
        let running = caller.data_mut();
        let region = running.memory.clone();
        let memory = match &region {
            // SAFETY: the program waits for this call, and nobody else looks at its memory meanwhile.
            Some(region) => unsafe { region.bytes_mut() },
            None => &mut [],
        };
        let arguments = &arguments[..signature.params.len()];
        let result = match running.calls.call(function, arguments, memory) {
            Ok(result) => result,
            Err(Stop::Interrupted) if function.may_block() && running.unwinding.is_some() => {
                if let Some(unwinding) = running.unwinding {
                    unwinding.set(&mut caller, Val::I32(1))?;
                }
                // Nobody looks at it.
                Some(0)
            }
            Err(stop) => return Err(wasmtime::Error::new(Stopped(stop))),
        };
        if signature.result.is_some()
            && let (Some(result), Some(slot)) = (result, slots.first_mut())
        {
            slot.write(ValRaw::u32(result));
        }
        Ok(())
    };
    // SAFETY: the slots are read by the parameter types, and the one result is written, that `ty` was made of.
    unsafe { Func::new_unchecked(store, ty, body) }
}

/// The engine's type as imported functions have it.
pub(crate) fn import_type(ty: ValType) -> Option<ImportType> {
    match ty {
        ValType::I32 => Some(ImportType::I32),
        ValType::I64 => Some(ImportType::I64),
        ValType::F32 | ValType::F64 | ValType::V128 | ValType::Ref(_) => None,
    }
}
