//! The functions that go on from frames, that make exceptions again, and the one that runs everything.

use std::collections::BTreeSet;

use wasm_encoder::{BlockType, Catch, Instruction};
use wasmparser::Operator;

use super::{Exception, Invocation, Place, Referent, StandaloneError, Stopped};
use crate::accept::{FunctionType, ValueType};
use crate::stop::Program;
use crate::stop::continuation::{self, Saved};
use crate::stop::error::StopError;
use crate::stop::frames::{Frame, Value};
use crate::stop::helpers::Code;
use crate::stop::link::{Linker, Place as CodePlace};
use crate::stop::module::{Module, count, index};
use crate::stop::plan::Plan;
use crate::stop::sections::{self, Entries};
use crate::stop::site::SiteId;
use crate::stop::values;

/// The name of what a program runs first.
const START: &str = "_start";

/// How large the functions for frames may be together, in bytes of code.
const MAX_BYTES: usize = 64 << 20;

/// What is added behind the functions of a program.
pub(super) struct Functions {
    /// The type index of each.
    pub(super) types: Vec<u32>,
    /// Their bodies.
    pub(super) bodies: Entries,
    /// The types that are added.
    pub(super) added_types: Vec<FunctionType>,
    /// The functions that code refers to.
    pub(super) referenced: BTreeSet<u32>,
    /// The index of the one to be called.
    pub(super) start: u32,
}

impl Functions {
    /// The functions for a stopped program: for its frames from the outermost one on, then for all exceptions, then the one
    /// that calls the first.
    pub(super) fn of(program: &Program<'_>, stopped: &Stopped<'_>) -> Result<Self, StandaloneError> {
        let module = &program.module;
        let first = count(module.functions.len());
        let mut constants = Constants {
            stopped,
            functions: first,
            exceptions: first + count(stopped.frames.len()),
            referenced: references(module)?,
        };
        check_cycles(stopped)?;
        let mut linker = Linker::new(module, CodePlace::Alone);
        let mut types = Vec::new();
        let mut bodies = Entries::default();
        for body in frame_bodies(program, stopped.frames, &mut constants, &mut linker)? {
            sections::code(&mut bodies, &body);
        }
        for frame in stopped.frames {
            let results = module.function_type(frame.function).results.clone();
            types.push(linker.ty(FunctionType { params: Vec::new(), results }));
        }
        for (number, exception) in (0..).zip(stopped.exceptions) {
            sections::code(&mut bodies, &exception_body(module, number, exception, &mut constants)?);
            types.push(linker.ty(FunctionType { params: Vec::new(), results: vec![ValueType::ExnRef] }));
        }
        let outermost = stopped.frames.first().map(|frame| (frame, first));
        sections::code(&mut bodies, &start_body(module, outermost, &mut constants)?);
        let start = first + count(types.len());
        types.push(linker.ty(FunctionType { params: Vec::new(), results: Vec::new() }));
        Ok(Self { types, bodies, added_types: linker.types, referenced: constants.referenced, start })
    }
}

/// The functions that the program's code takes references to.
fn references(module: &Module<'_>) -> Result<BTreeSet<u32>, StopError> {
    let mut referenced = BTreeSet::new();
    for body in &module.bodies {
        let mut reader = body.get_operators_reader()?;
        while !reader.eof() {
            if let Operator::RefFunc { function_index } = reader.read()? {
                referenced.insert(function_index);
            }
        }
    }
    Ok(referenced)
}

/// Makes values into code.
struct Constants<'s> {
    stopped: &'s Stopped<'s>,
    /// How many functions the program has.
    functions: u32,
    /// The index of the function that makes the first exception.
    exceptions: u32,
    referenced: BTreeSet<u32>,
}

impl Constants<'_> {
    /// Code that pushes a value, `None` for one that locals start with.
    fn instruction(
        &mut self,
        value: Value,
        place: Place,
    ) -> Result<Option<Instruction<'static>>, StandaloneError> {
        if value == Value::zero(value.ty()) {
            return Ok(None);
        }
        Ok(Some(match value {
            Value::I32(bits) => Instruction::I32Const(bits.cast_signed()),
            Value::I64(bits) => Instruction::I64Const(bits.cast_signed()),
            Value::F32(bits) => Instruction::F32Const(f32::from_bits(bits).into()),
            Value::F64(bits) => Instruction::F64Const(f64::from_bits(bits).into()),
            Value::V128(bits) => Instruction::V128Const(bits.cast_signed()),
            Value::Reference(ty, _) => {
                let referent = referent(self.stopped, value);
                match (ty, referent.ok_or(StandaloneError::Reference { place, ty })?) {
                    (_, Referent::Null) => return Ok(None),
                    (ValueType::FuncRef, Referent::Function(function)) if function < self.functions => {
                        self.referenced.insert(function);
                        Instruction::RefFunc(function)
                    }
                    (ValueType::ExnRef, Referent::Exception(exception))
                        if index(exception) < self.stopped.exceptions.len() =>
                    {
                        Instruction::Call(self.exceptions + exception)
                    }
                    _ => return Err(StandaloneError::Reference { place, ty }),
                }
            }
        }))
    }

    /// Code that pushes a value.
    fn push(&mut self, value: Value, place: Place) -> Result<Instruction<'static>, StandaloneError> {
        Ok(self.instruction(value, place)?.unwrap_or_else(|| values::zero(value.ty())))
    }

    fn push_all(
        &mut self,
        values: &[Value],
        place: Place,
    ) -> Result<Vec<Instruction<'static>>, StandaloneError> {
        values.iter().map(|value| self.push(*value, place)).collect()
    }
}

/// What a value refers to, if it is a reference that is in the list of its type.
fn referent(stopped: &Stopped<'_>, value: Value) -> Option<Referent> {
    let Value::Reference(ty, element) = value else { return None };
    let Some(element) = element else { return Some(Referent::Null) };
    let list = crate::stop::control::SPILL_TYPES.iter().position(|spilled| *spilled == ty)?;
    stopped.spilled.get(list)?.get(index(element)).copied()
}

/// Functions that go on from frames.
fn frame_bodies(
    program: &Program<'_>,
    frames: &[Frame],
    constants: &mut Constants<'_>,
    linker: &mut Linker,
) -> Result<Vec<Vec<u8>>, StandaloneError> {
    let mut bodies = vec![Vec::new(); frames.len()];
    let mut bytes = 0;
    // Those at the same stop point together, as there can be very many.
    let mut order: Vec<_> = frames.iter().zip(&mut bodies).enumerate().collect();
    order.sort_by_key(|(_, (frame, _))| frame.site);
    let mut planned: Option<(SiteId, Plan<'_>, usize)> = None;
    for (position, (frame, body)) in order {
        let place = Place::Frame(position);
        if program.module.body(frame.function).is_none() {
            let mut code = Code::new(&[]);
            code.add(&constants.push_all(&frame.locals, place)?);
            code.add(&[Instruction::Call(frame.function)]);
            *body = code.finish();
        } else {
            let (_, plan, stop) = match planned.take().filter(|(site, ..)| *site == frame.site) {
                Some(same) => planned.insert(same),
                None => {
                    let (plan, stop) = program.plan_at(frame.function, frame.site)?;
                    planned.insert((frame.site, plan, stop))
                }
            };
            let inner = constants.functions + count(position) + 1;
            *body = frame_body(program, (plan, *stop), (frame, inner), constants, place, linker)?;
        }
        bytes += body.len();
        if bytes > MAX_BYTES {
            return Err(StopError::ContinuationBytes { limit: MAX_BYTES }.into());
        }
    }
    Ok(bodies)
}

/// Goes on from a frame at a stop point of a plan. `inner` is the function for the frame that it has called.
fn frame_body(
    program: &Program<'_>,
    (plan, stop): (&Plan<'_>, usize),
    (frame, inner): (&Frame, u32),
    constants: &mut Constants<'_>,
    place: Place,
    linker: &mut Linker,
) -> Result<Vec<u8>, StandaloneError> {
    let mut locals = Vec::new();
    for local in plan.stops.get(stop).map(|stop| &*stop.live).unwrap_or_default() {
        let value = frame.locals.get(index(*local)).copied();
        if let Some(value) = value.map(|value| constants.instruction(value, place)).transpose()?.flatten() {
            locals.extend([value, Instruction::LocalSet(*local)]);
        }
    }
    let saved = Saved { locals: &locals, operands: &constants.push_all(&frame.operands, place)? };
    Ok(continuation::alone(&program.context(), plan, stop, linker, saved, inner)?)
}

/// Gives an exception again, as one that is caught as soon as it is thrown.
fn exception_body(
    module: &Module<'_>,
    number: u32,
    exception: &Exception,
    constants: &mut Constants<'_>,
) -> Result<Vec<u8>, StandaloneError> {
    let Exception { tag, ref values } = *exception;
    let ty = module.tags.get(index(tag)).map(|ty| &module.type_at(*ty).params);
    if !ty.is_some_and(|params| have_types(values, params)) {
        return Err(StandaloneError::Exception { exception: number, tag });
    }
    let exnref = BlockType::Result(values::encoded(ValueType::ExnRef));
    let mut code = Code::new(&[]);
    code.add(&[
        Instruction::Block(exnref),
        Instruction::TryTable(BlockType::Empty, vec![Catch::AllRef { label: 0 }].into()),
    ]);
    code.add(&constants.push_all(values, Place::Exception(number))?);
    code.add(&[Instruction::Throw(tag), Instruction::End, Instruction::Unreachable, Instruction::End]);
    Ok(code.finish())
}

fn have_types(values: &[Value], types: &[ValueType]) -> bool {
    values.iter().map(|value| value.ty()).eq(types.iter().copied())
}

/// Makes sure that functions that make exceptions do not call each other in a cycle.
fn check_cycles(stopped: &Stopped<'_>) -> Result<(), StandaloneError> {
    #[derive(Clone, Copy, PartialEq, Eq)]
    enum Seen {
        No,
        Inside,
        Yes,
    }
    let mut seen = vec![Seen::No; stopped.exceptions.len()];
    for root in 0..count(stopped.exceptions.len()) {
        // Exceptions with how many of their values have been followed.
        let mut path = vec![(root, 0)];
        while let Some((exception, followed)) = path.last_mut() {
            let exception = *exception;
            let Some(state) = seen.get_mut(index(exception)) else {
                // There is no such exception, which is found out where it is used.
                path.pop();
                continue;
            };
            if *followed == 0 {
                match *state {
                    Seen::No => *state = Seen::Inside,
                    Seen::Inside => return Err(StandaloneError::Cycle { exception }),
                    Seen::Yes => {
                        path.pop();
                        continue;
                    }
                }
            }
            let values = stopped.exceptions.get(index(exception)).map(|found| &found.values);
            let value = values.and_then(|values| values.get(*followed)).copied();
            *followed += 1;
            match value.map(|value| referent(stopped, value)) {
                Some(Some(Referent::Exception(inner))) => path.push((inner, 0)),
                Some(_) => {}
                None => {
                    *state = Seen::Yes;
                    path.pop();
                }
            }
        }
    }
    Ok(())
}

/// Runs everything: the frames, of which the outermost is given with its function, and then what comes behind them.
fn start_body(
    module: &Module<'_>,
    outermost: Option<(&Frame, u32)>,
    constants: &mut Constants<'_>,
) -> Result<Vec<u8>, StandaloneError> {
    let mut code = Code::new(&[]);
    if let Some((frame, function)) = outermost {
        code.add(&[Instruction::Call(function)]);
        end_call(module, frame.function, &mut code);
    }
    for (position, Invocation { function, arguments }) in constants.stopped.then.iter().enumerate() {
        let ty = module.functions.get(index(*function)).map(|ty| module.type_at(*ty));
        if !ty.is_some_and(|ty| have_types(arguments, &ty.params)) {
            return Err(StandaloneError::Invocation { position, function: *function });
        }
        code.add(&constants.push_all(arguments, Place::Call(position))?);
        code.add(&[Instruction::Call(*function)]);
        end_call(module, *function, &mut code);
    }
    Ok(code.finish())
}

/// Does with the results of a function what the host would.
fn end_call(module: &Module<'_>, function: u32, code: &mut Code) {
    let results = &module.function_type(function).results;
    let exit = module.imports.iter().position(|import| {
        import.field == "proc_exit" && matches!(import.module, "wasi_snapshot_preview1" | "wasi_unstable")
    });
    let is_start = module.function_named(START) == Some(function);
    let takes_status = |exit: &u32| *module.function_type(*exit).params == [ValueType::I32];
    match exit.map(count).filter(takes_status) {
        Some(exit) if is_start && **results == [ValueType::I32] => code.add(&[Instruction::Call(exit)]),
        _ => results.iter().for_each(|_| code.add(&[Instruction::Drop])),
    }
}
