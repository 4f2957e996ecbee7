//! Validates the body of a function and measures what it will cost to compile.

use wasmparser::{
    FrameKind, FuncValidator, FunctionBody, ModuleArity, Operator, ValidatorResources, WasmFeatures,
};

use super::{Fault, at_most};
use crate::accept::limits::Limits;
use crate::accept::refusal::What;

/// Validates `body` with `features` and within `limits`.
pub(super) fn check(
    validator: &mut FuncValidator<ValidatorResources>,
    body: &FunctionBody<'_>,
    features: WasmFeatures,
    limits: &Limits,
) -> Result<(), Fault> {
    let range = body.range();
    let mut reader = body.get_binary_reader();
    reader.set_features(features);
    validator.read_locals(&mut reader)?;
    at_most(What::FunctionLocals, validator.len_locals().into(), limits.function_locals, &range)?;
    let mut flow = 0u64;
    while !reader.eof() {
        let offset = reader.original_position();
        // Only some opcodes are worth being decoded twice.
        if reader.clone().read_u8().is_ok_and(has_flow) {
            let operator = reader.peek_operator(&validator.visitor(offset))?;
            // What has no arity is invalid: the validator says so below.
            flow = flow.saturating_add(operator_flow(&operator, validator).unwrap_or(0));
            at_most(What::FunctionFlow, flow, limits.function_flow, &range)?;
        }
        reader.visit_operator(&mut validator.visitor(offset))??;
        let nesting = validator.control_stack_height();
        at_most(What::FunctionNesting, nesting.into(), limits.function_nesting, &(offset..offset))?;
    }
    Ok(reader.finish_expression(&validator.visitor(reader.original_position()))?)
}

/// Whether an opcode is one of those that [`operator_flow`] is about.
const fn has_flow(opcode: u8) -> bool {
    matches!(opcode, 0x02..=0x04 | 0x08 | 0x0c..=0x13 | 0x1f)
}

/// How many values `operator` passes into and out of a block, along a branch, or to and from a function.
fn operator_flow(operator: &Operator<'_>, arity: &impl ModuleArity) -> Option<u64> {
    let both = |(params, results): (u32, u32)| u64::from(params) + u64::from(results);
    Some(match operator {
        Operator::Block { blockty } | Operator::Loop { blockty } | Operator::If { blockty } => {
            both(arity.block_type_arity(*blockty)?)
        }
        Operator::TryTable { try_table } => {
            let mut flow = both(arity.block_type_arity(try_table.ty)?);
            for catch in &try_table.catches {
                flow = flow.saturating_add(catch_flow(catch, arity)?);
            }
            flow
        }
        Operator::Br { relative_depth } | Operator::BrIf { relative_depth } => {
            label_flow(*relative_depth, arity)?
        }
        Operator::BrTable { targets } => {
            // The validator makes sure that all targets take as many values as the default.
            label_flow(targets.default(), arity)?.saturating_mul(u64::from(targets.len()) + 1)
        }
        Operator::Return => label_flow(arity.control_stack_height().checked_sub(1)?, arity)?,
        Operator::Call { function_index } | Operator::ReturnCall { function_index } => {
            both(arity.sub_type_arity(arity.sub_type_at(arity.type_index_of_function(*function_index)?)?)?)
        }
        Operator::CallIndirect { type_index, .. } | Operator::ReturnCallIndirect { type_index, .. } => {
            both(arity.sub_type_arity(arity.sub_type_at(*type_index)?)?)
        }
        Operator::Throw { tag_index } => both(arity.tag_type_arity(*tag_index)?),
        _ => 0,
    })
}

fn catch_flow(catch: &wasmparser::Catch, arity: &impl ModuleArity) -> Option<u64> {
    use wasmparser::Catch;
    match catch {
        Catch::One { tag, .. } | Catch::OneRef { tag, .. } => {
            Some(u64::from(arity.tag_type_arity(*tag)?.0) + 1)
        }
        Catch::All { .. } | Catch::AllRef { .. } => Some(1),
    }
}

/// How many values a branch to a label takes.
fn label_flow(depth: u32, arity: &impl ModuleArity) -> Option<u64> {
    let (block, kind) = arity.label_block(depth)?;
    let (params, results) = arity.block_type_arity(block)?;
    Some(if kind == FrameKind::Loop { params } else { results }.into())
}
