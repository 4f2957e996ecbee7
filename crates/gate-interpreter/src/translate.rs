//! Translates a function, in time in proportion to its size.
//!
//! The translation follows the operands on the stack. An operand is in its place, or is still in the local that it was read from, or
//! is a number; it is *settled*, that is, put in its place, where it has to be there: before blocks, calls and other stop points,
//! and before its local changes. Instructions in code that is not reached are validated and left out.

mod builder;
mod control;
mod operators;
mod vector;

use gate_instrument::accept::ValueType;
use wasmparser::{FuncValidator, FunctionBody, Operator, ValidatorResources};

use self::builder::Builder;
use crate::code::{Function, width};
use crate::module::{Module, ModuleError, count, value_type};

/// Validates and translates a function.
pub(crate) fn translate(
    module: &Module<'_>,
    mut validator: FuncValidator<ValidatorResources>,
    function: u32,
    body: &FunctionBody<'_>,
) -> Result<Function, ModuleError> {
    let mut reader = body.get_binary_reader();
    validator.read_locals(&mut reader)?;
    let offset = body.range().start;
    let mut locals = Vec::new();
    for local in 0..validator.len_locals() {
        let ty = validator.get_local_type(local);
        locals.push(value_type(offset, ty.unwrap_or(wasmparser::ValType::I32))?);
    }
    let ty = module.function_type(function).ok_or_else(|| crate::module::unexpected(offset, "no type"))?;
    let mut builder = Builder::new(module, ty, locals, count(offset));
    let mut operators = body.get_operators_reader()?;
    while !operators.eof() {
        let offset = operators.original_position();
        let operator = operators.read()?;
        validator.op(offset, &operator)?;
        builder.offset = count(offset);
        builder.reached(&operator)?;
    }
    operators.finish()?;
    Ok(builder.finish())
}

impl Builder<'_> {
    /// Translates an instruction if it is reached.
    fn reached(&mut self, operator: &Operator<'_>) -> Result<(), ModuleError> {
        let opens = matches!(
            operator,
            Operator::Block { .. } | Operator::Loop { .. } | Operator::If { .. } | Operator::TryTable { .. }
        );
        match (&mut self.unreached, operator) {
            (Some(depth), _) if opens => *depth += 1,
            (Some(depth @ 1..), Operator::End) => *depth -= 1,
            (None, _) | (Some(0), Operator::Else | Operator::End) => return self.operator(operator),
            (Some(_), _) => {}
        }
        Ok(())
    }
}

/// The places of values that follow each other from a slot on.
fn places(types: &[ValueType], start: u32) -> impl Iterator<Item = (ValueType, u32)> {
    types.iter().scan(start, |next, ty| {
        let slot = *next;
        *next += width(*ty);
        Some((*ty, slot))
    })
}
