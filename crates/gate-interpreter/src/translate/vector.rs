//! Vector instructions.

use gate_instrument::accept::ValueType;
use wasmparser::{MemArg, Operator};

use super::builder::Builder;
use crate::code::{Code, Op};
use crate::module::{ModuleError, count};
use crate::simd;

/// Which of [`simd::EXTRACT`], and what type it gives.
fn extract(operator: &Operator<'_>) -> Option<(u16, ValueType, u8)> {
    Some(match *operator {
        Operator::I8x16ExtractLaneS { lane } => (0, ValueType::I32, lane),
        Operator::I8x16ExtractLaneU { lane } => (1, ValueType::I32, lane),
        Operator::I16x8ExtractLaneS { lane } => (2, ValueType::I32, lane),
        Operator::I16x8ExtractLaneU { lane } => (3, ValueType::I32, lane),
        Operator::I32x4ExtractLane { lane } => (4, ValueType::I32, lane),
        Operator::I64x2ExtractLane { lane } => (5, ValueType::I64, lane),
        Operator::F32x4ExtractLane { lane } => (4, ValueType::F32, lane),
        Operator::F64x2ExtractLane { lane } => (5, ValueType::F64, lane),
        _ => return None,
    })
}

/// Which of [`simd::REPLACE`].
fn replace(operator: &Operator<'_>) -> Option<(u16, u8)> {
    Some(match *operator {
        Operator::I8x16ReplaceLane { lane } => (0, lane),
        Operator::I16x8ReplaceLane { lane } => (1, lane),
        Operator::I32x4ReplaceLane { lane } | Operator::F32x4ReplaceLane { lane } => (2, lane),
        Operator::I64x2ReplaceLane { lane } | Operator::F64x2ReplaceLane { lane } => (3, lane),
        _ => return None,
    })
}

/// Which of [`simd::LOAD`].
fn load(operator: &Operator<'_>) -> Option<(u16, MemArg)> {
    Some(match *operator {
        Operator::V128Load { memarg } => (0, memarg),
        Operator::V128Load8x8S { memarg } => (1, memarg),
        Operator::V128Load8x8U { memarg } => (2, memarg),
        Operator::V128Load16x4S { memarg } => (3, memarg),
        Operator::V128Load16x4U { memarg } => (4, memarg),
        Operator::V128Load32x2S { memarg } => (5, memarg),
        Operator::V128Load32x2U { memarg } => (6, memarg),
        Operator::V128Load8Splat { memarg } => (7, memarg),
        Operator::V128Load16Splat { memarg } => (8, memarg),
        Operator::V128Load32Splat { memarg } => (9, memarg),
        Operator::V128Load64Splat { memarg } => (10, memarg),
        Operator::V128Load32Zero { memarg } => (11, memarg),
        Operator::V128Load64Zero { memarg } => (12, memarg),
        _ => return None,
    })
}

/// The logarithm of the size of the lane that is loaded or stored, and which lane.
fn lane(operator: &Operator<'_>) -> Option<(Code, u16, u8, MemArg)> {
    Some(match *operator {
        Operator::V128Load8Lane { memarg, lane } => (Code::VectorLoadLane, 0, lane, memarg),
        Operator::V128Load16Lane { memarg, lane } => (Code::VectorLoadLane, 1, lane, memarg),
        Operator::V128Load32Lane { memarg, lane } => (Code::VectorLoadLane, 2, lane, memarg),
        Operator::V128Load64Lane { memarg, lane } => (Code::VectorLoadLane, 3, lane, memarg),
        Operator::V128Store8Lane { memarg, lane } => (Code::VectorStoreLane, 0, lane, memarg),
        Operator::V128Store16Lane { memarg, lane } => (Code::VectorStoreLane, 1, lane, memarg),
        Operator::V128Store32Lane { memarg, lane } => (Code::VectorStoreLane, 2, lane, memarg),
        Operator::V128Store64Lane { memarg, lane } => (Code::VectorStoreLane, 3, lane, memarg),
        _ => return None,
    })
}

impl Builder<'_> {
    /// Translates a vector instruction. Says whether this is one.
    pub(super) fn vector(&mut self, operator: &Operator<'_>) -> Result<bool, ModuleError> {
        const V128: ValueType = ValueType::V128;
        if let Operator::V128Const { value } = operator {
            let a = self.add_vector(*value.bytes());
            self.make(V128, Op::new(Code::VectorConst, 0, a, 0));
        } else if let Some(x) = simd::unary(operator) {
            let a = self.pop_source();
            self.make(V128, Op { x, ..Op::new(Code::VectorUnary, 0, a, 0) });
        } else if let Some(x) = simd::binary(operator) {
            let (b, a) = (self.pop_source(), self.pop_source());
            self.make(V128, Op { x, ..Op::new(Code::VectorBinary, 0, a, b) });
        } else if let Some(x) = simd::ternary(operator) {
            self.settle();
            let below = self.entries.len() - 3;
            self.truncate(below);
            let a = self.height();
            self.make(V128, Op { x, ..Op::new(Code::VectorTernary, 0, a, 0) });
        } else if let Some(x) = simd::shift(operator) {
            let (b, a) = (self.pop_source(), self.pop_source());
            self.make(V128, Op { x, ..Op::new(Code::VectorShift, 0, a, b) });
        } else if let Some(x) = simd::test(operator) {
            let a = self.pop_source();
            self.make(ValueType::I32, Op { x, ..Op::new(Code::VectorTest, 0, a, 0) });
        } else if let Some(x) = simd::splat(operator) {
            let a = self.pop_source();
            self.make(V128, Op { x, ..Op::new(Code::VectorSplat, 0, a, 0) });
        } else if let Some((x, ty, lane)) = extract(operator) {
            let a = self.pop_source();
            self.make(ty, Op { x, ..Op::new(Code::VectorExtract, 0, a, lane.into()) });
        } else if let Some((x, lane)) = replace(operator) {
            self.settle();
            let below = self.entries.len() - 2;
            self.truncate(below);
            let a = self.height();
            self.make(V128, Op { x, ..Op::new(Code::VectorReplace, 0, a, lane.into()) });
        } else if let Operator::I8x16Shuffle { lanes } = operator {
            let (b, a) = (self.pop_source(), self.pop_source());
            let lanes = self.add_vector(*lanes);
            let d = self.push(V128);
            self.add(Op::new(Code::VectorShuffle, d, a, b));
            self.add(Op::new(Code::More, 0, lanes, 0));
        } else if let Some((x, memory)) = load(operator) {
            let a = self.pop_source();
            let b = self.use_memory(memory)?;
            self.make(V128, Op { x, ..Op::new(Code::VectorLoad, 0, a, b) });
            self.use_first_memory(memory);
        } else if let Operator::V128Store { memarg } = operator {
            let (value, a) = (self.pop_source(), self.pop_source());
            let b = self.use_memory(*memarg)?;
            self.add(Op::new(Code::VectorStore, value, a, b));
            self.use_first_memory(*memarg);
        } else if let Some((code, size, lane, memory)) = lane(operator) {
            self.lane(code, size << 8 | u16::from(lane), memory)?;
        } else {
            return Ok(false);
        }
        Ok(true)
    }

    fn lane(&mut self, code: Code, x: u16, memory: MemArg) -> Result<(), ModuleError> {
        if code == Code::VectorStoreLane {
            let (value, a) = (self.pop_source(), self.pop_source());
            let b = self.use_memory(memory)?;
            self.add(Op { x, ..Op::new(code, value, a, b) });
        } else {
            self.settle();
            let below = self.entries.len() - 2;
            self.truncate(below);
            let a = self.height();
            let b = self.use_memory(memory)?;
            self.make(ValueType::V128, Op { x, ..Op::new(code, 0, a, b) });
        }
        self.use_first_memory(memory);
        Ok(())
    }

    fn add_vector(&mut self, bytes: [u8; 16]) -> u32 {
        self.function.vectors.push(u128::from_le_bytes(bytes));
        count(self.function.vectors.len() - 1)
    }
}
