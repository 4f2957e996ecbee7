//! From the engine's words to those of the wire, and back.

use std::time::Duration;

use gate_abi::host::Stop;
use gate_abi::import::Personality;
use gate_engine::{Argument, Frame, Offset, Outcome, Settings, Stops, Tier};
use gate_instrument::accept::{FunctionType, Refusal, ValueType};
use gate_wire::worker as wire;

/// A time as messages have it.
pub(crate) fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}

pub(crate) fn tier(tier: wire::Tier) -> Tier {
    match tier {
        wire::Tier::Cranelift => Tier::Cranelift,
        wire::Tier::Winch => Tier::Winch,
        wire::Tier::Pulley => Tier::Pulley,
        wire::Tier::Interpreter => Tier::Interpreter,
    }
}

pub(crate) fn stops(stops: wire::Stops) -> Stops {
    match stops {
        wire::Stops::None => Stops::None,
        wire::Stops::Flag => Stops::Flag,
        wire::Stops::Count => Stops::Count,
    }
}

/// For compiling, which does not depend on the size of the stack.
pub(crate) fn settings(tier: wire::Tier, stops: wire::Stops) -> Settings {
    Settings { tier: self::tier(tier), stack_bytes: 1 << 20, stops: self::stops(stops) }
}

pub(crate) fn personality(personality: Personality) -> wire::Personality {
    match personality {
        Personality::Gate => wire::Personality::Gate,
        Personality::Wasi => wire::Personality::Wasi,
    }
}

pub(crate) fn refusal_kind(refusal: &Refusal) -> wire::RefusalKind {
    match refusal {
        Refusal::NotWasm { .. } | Refusal::Invalid { .. } => wire::RefusalKind::Invalid,
        Refusal::Feature { .. } => wire::RefusalKind::Feature,
        Refusal::Limit { .. } => wire::RefusalKind::Limit,
        Refusal::Import { .. } | Refusal::NoMemory { .. } => wire::RefusalKind::Import,
    }
}

pub(crate) fn outcome(outcome: Outcome) -> wire::Outcome {
    match outcome {
        // Whoever has called this has looked for it.
        Outcome::Suspended(_) => {
            wire::Outcome::HostFailure("a program that was suspended is not saved".to_owned())
        }
        Outcome::Returned(values) => wire::Outcome::Returned(values.into_iter().map(value).collect()),
        Outcome::Stopped(Stop::Exit(status)) => wire::Outcome::Exited(status),
        Outcome::Stopped(Stop::OutputLimit(limit)) => wire::Outcome::OutputLimit(limit),
        Outcome::Stopped(Stop::Host(failure)) => wire::Outcome::HostFailure(failure.to_string()),
        Outcome::Stopped(Stop::Interrupted) => {
            wire::Outcome::HostFailure("a call was interrupted for no reason".to_owned())
        }
        Outcome::Stopped(Stop::Trap(trap)) => {
            wire::Outcome::Trapped { trap, detail: None, frames: Vec::new() }
        }
        Outcome::Trapped { trap, detail, frames } => {
            wire::Outcome::Trapped { trap, detail, frames: frames.into_iter().map(frame).collect() }
        }
    }
}

fn frame(frame: Frame) -> wire::Frame {
    let Frame { function_index, offset } = frame;
    let (module_offset, compiled_offset) = match offset {
        Some(Offset::Original(offset)) => (Some(offset.into()), None),
        Some(Offset::Running(offset)) => (None, Some(offset.into())),
        None => (None, None),
    };
    wire::Frame { function_index, function_name: None, module_offset, compiled_offset, lines: Vec::new() }
}

fn value(value: Argument) -> wire::Value {
    match value {
        Argument::I32(v) => wire::Value::I32(v),
        Argument::I64(v) => wire::Value::I64(v),
        Argument::F32(bits) => wire::Value::F32(bits),
        Argument::F64(bits) => wire::Value::F64(bits),
    }
}

/// The values that `texts` mean as arguments of a function of type `ty`.
pub(crate) fn arguments(texts: &[String], ty: &FunctionType) -> Result<Vec<Argument>, String> {
    if texts.len() != ty.params.len() {
        return Err(format!(
            "the function takes {} arguments of type {ty}, and was given {}",
            ty.params.len(),
            texts.len()
        ));
    }
    texts
        .iter()
        .zip(&ty.params)
        .map(|(text, ty)| argument(text, *ty).ok_or_else(|| format!("argument {text:?} is not of type {ty}")))
        .collect()
}

/// Integers are decimal or, after `0x`, hexadecimal, signed or unsigned.
fn argument(text: &str, ty: ValueType) -> Option<Argument> {
    match ty {
        ValueType::I32 => {
            let wide = integer(text)?;
            let narrow = i32::try_from(wide).or_else(|_| u32::try_from(wide).map(u32::cast_signed)).ok()?;
            Some(Argument::I32(narrow))
        }
        ValueType::I64 => {
            let wide = integer(text)?;
            let narrow = i64::try_from(wide).or_else(|_| u64::try_from(wide).map(u64::cast_signed)).ok()?;
            Some(Argument::I64(narrow))
        }
        ValueType::F32 => text.parse().ok().map(|v: f32| Argument::F32(v.to_bits())),
        ValueType::F64 => text.parse().ok().map(|v: f64| Argument::F64(v.to_bits())),
        ValueType::V128 | ValueType::FuncRef | ValueType::ExternRef | ValueType::ExnRef => None,
    }
}

fn integer(text: &str) -> Option<i128> {
    let (negative, digits) = match text.strip_prefix('-') {
        Some(digits) => (true, digits),
        None => (false, text),
    };
    let magnitude = match digits.strip_prefix("0x") {
        Some(digits) => i128::from(u64::from_str_radix(digits, 16).ok()?),
        None => i128::from(digits.parse::<u64>().ok()?),
    };
    Some(if negative { -magnitude } else { magnitude })
}

#[cfg(test)]
mod tests;
