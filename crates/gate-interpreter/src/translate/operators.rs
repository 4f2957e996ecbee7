//! Instructions, one by one.

use gate_instrument::accept::ValueType;
use wasmparser::{HeapType, MemArg, Operator, RefType};

use super::builder::{Builder, Value};
use super::control::Kind;
use crate::code::{Code, Op, StopKind, width};
use crate::module::{ModuleError, count, unexpected, value_type};
use crate::numeric::Slot;
use crate::scalars::scalars;

/// How a scalar instruction is translated.
pub(super) enum Scalar {
    /// From one operand to one of the type.
    Unary(Code, ValueType),
    /// From two operands to one of the type.
    Binary(Code, ValueType),
    /// From an address to a value of the type.
    Load(Code, ValueType, MemArg),
    Store(Code, MemArg),
}

macro_rules! classify {
    ([]
        unary { $($unary:ident, $unary_ty:ty => $unary_result:ty, $unary_f:expr;)* }
        partial_unary { $($partial_unary:ident, $pu_ty:ty => $pu_result:ty, $pu_f:expr;)* }
        binary { $($binary:ident, $binary_imm:ident, $binary_ty:ty => $binary_result:ty, $binary_f:expr;)* }
        partial_binary { $($partial_binary:ident, $pb_ty:ty => $pb_result:ty, $pb_f:expr;)* }
        compare { $($compare:ident, $compare_imm:ident, $br:ident, $br_imm:ident, $compare_ty:ty, $compare_f:expr, $opposite:ident;)* }
        load { $($load:ident, $load_n:literal, $load_ty:ty, $load_f:expr;)* }
        store { $($store:ident, $store_n:literal, $store_ty:ty, $store_f:expr;)* }
    ) => {
        /// How an instruction is translated, if it is in the table.
        pub(super) fn scalar(operator: &Operator<'_>) -> Option<Scalar> {
            Some(match operator {
                $(Operator::$unary => Scalar::Unary(Code::$unary, <$unary_result>::TY),)*
                $(Operator::$partial_unary => Scalar::Unary(Code::$partial_unary, <$pu_result>::TY),)*
                $(Operator::$binary => Scalar::Binary(Code::$binary, <$binary_result>::TY),)*
                $(Operator::$partial_binary => Scalar::Binary(Code::$partial_binary, <$pb_result>::TY),)*
                $(Operator::$compare => Scalar::Binary(Code::$compare, ValueType::I32),)*
                $(Operator::$load { memarg } => {
                    let ty = match operator {
                        Operator::F32Load { .. } => ValueType::F32,
                        Operator::F64Load { .. } => ValueType::F64,
                        _ => <$load_ty>::TY,
                    };
                    Scalar::Load(Code::$load, ty, *memarg)
                })*
                $(Operator::$store { memarg } => Scalar::Store(Code::$store, *memarg),)*
                _ => return None,
            })
        }
    };
}

scalars!(classify);

impl Builder<'_> {
    /// Translates an instruction that the validator has let through.
    pub(super) fn operator(&mut self, operator: &Operator<'_>) -> Result<(), ModuleError> {
        match operator {
            Operator::LocalGet { local_index } => self.local_get(*local_index)?,
            Operator::LocalSet { local_index } => self.local_set(*local_index)?,
            Operator::LocalTee { local_index } => {
                let ty = self.local(*local_index)?.0;
                self.local_set(*local_index)?;
                let slot = self.local(*local_index)?.1;
                self.push_value(ty, Value::Local(slot));
            }
            Operator::I32Const { value } => self.number(ValueType::I32, value.put()),
            Operator::I64Const { value } => self.number(ValueType::I64, value.put()),
            Operator::F32Const { value } => self.number(ValueType::F32, value.bits().into()),
            Operator::F64Const { value } => self.number(ValueType::F64, value.bits()),
            operator => match scalar(operator) {
                Some(scalar) => self.scalar(scalar)?,
                None => return self.other(operator),
            },
        }
        Ok(())
    }

    fn scalar(&mut self, scalar: Scalar) -> Result<(), ModuleError> {
        match scalar {
            Scalar::Unary(code, ty) => {
                let a = self.pop_source();
                self.make(ty, Op::new(code, 0, a, 0));
            }
            Scalar::Binary(code, ty) => {
                let (b, a) = (self.pop(), self.pop());
                let a = self.source(a);
                let immediate = match b.value {
                    Value::Const(number) => code.immediate(number),
                    Value::Settled | Value::Local(_) => None,
                };
                let (code, b) = match immediate {
                    Some((code, bits)) => (code, bits),
                    None => (code, self.source(b)),
                };
                self.make(ty, Op::new(code, 0, a, b));
            }
            Scalar::Load(code, ty, memory) => {
                let a = self.pop_source();
                let b = self.use_memory(memory)?;
                self.make(ty, Op::new(code, 0, a, b));
                self.use_first_memory(memory);
            }
            Scalar::Store(code, memory) => {
                let (value, a) = (self.pop_source(), self.pop_source());
                let b = self.use_memory(memory)?;
                self.add(Op::new(code, value, a, b));
                self.use_first_memory(memory);
            }
        }
        Ok(())
    }

    /// The instructions that are in no table.
    fn other(&mut self, operator: &Operator<'_>) -> Result<(), ModuleError> {
        match operator {
            Operator::Nop => {}
            Operator::Unreachable => {
                self.add(Op::new(Code::Unreachable, 0, 0, 0));
                self.unreached = Some(0);
            }
            Operator::Block { blockty } => {
                self.settle();
                self.open(Kind::Block, *blockty)?;
            }
            Operator::Loop { blockty } => self.open_loop(*blockty)?,
            Operator::If { blockty } => self.open_if(*blockty)?,
            Operator::TryTable { try_table } => self.open_try(try_table)?,
            Operator::Else => self.divide(),
            Operator::End => self.close()?,
            Operator::Br { relative_depth } => {
                self.branch(*relative_depth)?;
                self.unreached = Some(0);
            }
            Operator::BrIf { relative_depth } => self.branch_if(*relative_depth)?,
            Operator::BrTable { targets } => {
                self.branch_table(targets)?;
                self.unreached = Some(0);
            }
            Operator::Return => {
                self.add_return();
                self.unreached = Some(0);
            }
            Operator::Drop => {
                self.pop();
            }
            Operator::Select | Operator::TypedSelect { .. } => self.select(),
            Operator::RefNull { hty } => {
                let ty = reference_type(self.offset, *hty)?;
                self.number(ty, 0);
            }
            Operator::RefIsNull => {
                let a = self.pop_source();
                self.make(ValueType::I32, Op::new(Code::I64Eqz, 0, a, 0));
            }
            Operator::RefFunc { function_index } => {
                self.number(ValueType::FuncRef, u64::from(*function_index) + 1);
            }
            Operator::GlobalGet { global_index } => {
                let (ty, slot) = self.global(*global_index)?;
                let code = if width(ty) == 2 { Code::GlobalGet2 } else { Code::GlobalGet };
                self.make(ty, Op::new(code, 0, slot, 0));
            }
            Operator::GlobalSet { global_index } => {
                let (ty, slot) = self.global(*global_index)?;
                let code = if width(ty) == 2 { Code::GlobalSet2 } else { Code::GlobalSet };
                let a = self.pop_source();
                self.add(Op::new(code, 0, a, slot));
            }
            Operator::Call { .. }
            | Operator::CallIndirect { .. }
            | Operator::ReturnCall { .. }
            | Operator::ReturnCallIndirect { .. }
            | Operator::Throw { .. }
            | Operator::ThrowRef => self.call(operator)?,
            operator => {
                if !self.bulk(operator)? && !self.vector(operator)? {
                    return Err(unexpected(self.offset as usize, "an instruction is not accepted"));
                }
            }
        }
        Ok(())
    }

    fn select(&mut self) {
        let condition = self.pop_source();
        let (b, a) = (self.pop(), self.pop());
        let code = if width(a.ty) == 2 { Code::Select2 } else { Code::Select };
        let (a_slot, b_slot) = (self.source(a), self.source(b));
        let d = self.push(a.ty);
        self.add(Op::new(code, d, a_slot, b_slot));
        self.add(Op::new(Code::More, 0, condition, 0));
    }

    /// Calls and throws.
    fn call(&mut self, operator: &Operator<'_>) -> Result<(), ModuleError> {
        let index = match operator {
            Operator::CallIndirect { .. } | Operator::ReturnCallIndirect { .. } => Some(self.pop()),
            _ => None,
        };
        let wrong = || unexpected(0, "a call is of something that there is not");
        let ty = match operator {
            Operator::Call { function_index } | Operator::ReturnCall { function_index } => {
                self.module.functions.get(*function_index as usize).copied().ok_or_else(wrong)?
            }
            Operator::CallIndirect { type_index, .. } | Operator::ReturnCallIndirect { type_index, .. } => {
                *type_index
            }
            Operator::Throw { tag_index } => {
                self.module.tags.get(*tag_index as usize).copied().ok_or_else(wrong)?
            }
            _ => {
                let a = self.pop_source();
                self.add(Op::new(Code::ThrowRef, 0, a, 0));
                self.unreached = Some(0);
                return Ok(());
            }
        };
        let function = self.module.types.get(ty as usize).ok_or_else(wrong)?;
        // What the element's number is in is not overwritten by the arguments: it is a local, or behind them.
        let index = index.map(|index| self.source(index));
        self.settle();
        let below = self.entries.len() - function.params.len();
        let arguments = self.entries.get(below).map_or_else(|| self.height(), |first| first.slot);
        let canonical = self.module.canonical.get(ty as usize).copied().unwrap_or(ty);
        let is_imported = |function: &u32| (*function as usize) < self.module.imports.len();
        let table = |table: &u32| u16::try_from(*table).map_err(|_| wrong());
        let (op, stops) = match operator {
            Operator::Call { function_index } => {
                let code = if is_imported(function_index) { Code::CallImport } else { Code::Call };
                (Op::new(code, 0, *function_index, arguments), true)
            }
            Operator::ReturnCall { function_index } => {
                let imported = is_imported(function_index);
                let code = if imported { Code::ReturnCallImport } else { Code::ReturnCall };
                (Op::new(code, 0, *function_index, arguments), false)
            }
            Operator::CallIndirect { table_index, .. } => {
                let op = Op::new(Code::CallIndirect, index.unwrap_or_default(), canonical, arguments);
                (Op { x: table(table_index)?, ..op }, true)
            }
            Operator::ReturnCallIndirect { table_index, .. } => {
                let op = Op::new(Code::ReturnCallIndirect, index.unwrap_or_default(), canonical, arguments);
                (Op { x: table(table_index)?, ..op }, false)
            }
            Operator::Throw { tag_index } => (Op::new(Code::Throw, 0, *tag_index, arguments), false),
            _ => return Err(wrong()),
        };
        if !stops {
            self.add(op);
            self.unreached = Some(0);
            return Ok(());
        }
        self.stop(StopKind::Call(ty), below);
        self.add(op);
        self.truncate(below);
        for ty in &function.results {
            self.push(*ty);
        }
        self.settle();
        Ok(())
    }

    /// Instructions for memories and tables as a whole. Says whether this is one.
    fn bulk(&mut self, operator: &Operator<'_>) -> Result<bool, ModuleError> {
        match *operator {
            Operator::MemorySize { mem } => self.make(ValueType::I32, Op::new(Code::MemorySize, 0, mem, 0)),
            Operator::MemoryGrow { mem } => {
                let a = self.pop_source();
                self.make(ValueType::I32, Op::new(Code::MemoryGrow, 0, a, mem));
            }
            Operator::MemoryFill { mem } => self.ranged(Code::MemoryFill, mem, 0),
            Operator::MemoryCopy { dst_mem, src_mem } => self.ranged(Code::MemoryCopy, dst_mem, src_mem),
            Operator::MemoryInit { data_index, mem } => self.ranged(Code::MemoryInit, mem, data_index),
            Operator::DataDrop { data_index } => {
                self.add(Op::new(Code::DataDrop, 0, data_index, 0));
            }
            Operator::TableGet { table } => {
                let ty = self.table(table)?;
                let a = self.pop_source();
                self.make(ty, Op::new(Code::TableGet, 0, a, table));
            }
            Operator::TableSet { table } => {
                let (value, a) = (self.pop_source(), self.pop_source());
                self.add(Op::new(Code::TableSet, value, a, table));
            }
            Operator::TableSize { table } => self.make(ValueType::I32, Op::new(Code::TableSize, 0, 0, table)),
            Operator::TableGrow { table } => {
                let (b, a) = (self.pop_source(), self.pop_source());
                let x =
                    u16::try_from(table).map_err(|_| unexpected(self.offset as usize, "no such table"))?;
                self.make(ValueType::I32, Op { x, ..Op::new(Code::TableGrow, 0, a, b) });
            }
            Operator::TableFill { table } => self.ranged(Code::TableFill, table, 0),
            Operator::TableCopy { dst_table, src_table } => {
                self.ranged(Code::TableCopy, dst_table, src_table);
            }
            Operator::TableInit { elem_index, table } => self.ranged(Code::TableInit, table, elem_index),
            Operator::ElemDrop { elem_index } => {
                self.add(Op::new(Code::ElemDrop, 0, elem_index, 0));
            }
            _ => return Ok(false),
        }
        Ok(true)
    }

    /// An instruction that takes three operands of one slot each.
    fn ranged(&mut self, code: Code, b: u32, d: u32) {
        self.settle();
        let below = self.entries.len() - 3;
        let a = self.entries.get(below).map_or(0, |entry| entry.slot);
        self.add(Op::new(code, d, a, b));
        self.truncate(below);
    }

    /// Has loads and stores use the memory of an instruction, and gives its offset.
    pub(super) fn use_memory(&mut self, memory: MemArg) -> Result<u32, ModuleError> {
        if memory.memory != 0 {
            self.add(Op::new(Code::UseMemory, 0, memory.memory, 0));
        }
        u32::try_from(memory.offset).map_err(|_| unexpected(self.offset as usize, "an offset is too large"))
    }

    /// Ends that.
    pub(super) fn use_first_memory(&mut self, memory: MemArg) {
        if memory.memory != 0 {
            self.add(Op::new(Code::UseMemory, 0, 0, 0));
        }
    }

    /// Puts a number on the stack.
    pub(super) fn number(&mut self, ty: ValueType, number: u64) {
        self.push_value(ty, Value::Const(number));
    }

    /// The type and slot of a local.
    fn local(&self, local: u32) -> Result<(ValueType, u32), ModuleError> {
        let ty = self.function.locals.get(local as usize);
        let slot = self.local_slots.get(local as usize);
        ty.copied().zip(slot.copied()).ok_or_else(|| unexpected(self.offset as usize, "no such local"))
    }

    /// The type and slot of a global.
    fn global(&self, global: u32) -> Result<(ValueType, u32), ModuleError> {
        let global = self.module.globals.get(global as usize);
        let global = global.ok_or_else(|| unexpected(self.offset as usize, "no such global"))?;
        Ok((global.ty, count(global.slot)))
    }

    /// The type of a table's elements.
    fn table(&self, table: u32) -> Result<ValueType, ModuleError> {
        let table = self.module.tables.get(table as usize);
        table.map(|table| table.ty).ok_or_else(|| unexpected(self.offset as usize, "no such table"))
    }

    fn local_get(&mut self, local: u32) -> Result<(), ModuleError> {
        let (ty, slot) = self.local(local)?;
        self.push_value(ty, Value::Local(slot));
        Ok(())
    }

    /// Writes the topmost operand to a local. What has made it may as well write it there.
    fn local_set(&mut self, local: u32) -> Result<(), ModuleError> {
        let (ty, slot) = self.local(local)?;
        let entry = self.pop();
        self.settle_local(slot);
        if let Some(maker) = self.maker(entry) {
            maker.d = slot;
            self.bind();
            return Ok(());
        }
        let op = match entry.value {
            Value::Local(from) if from == slot => return Ok(()),
            Value::Const(number) => super::builder::constant(slot, number),
            Value::Settled | Value::Local(_) => {
                let code = if width(ty) == 2 { Code::Move2 } else { Code::Move };
                Op::new(code, slot, self.source(entry), 0)
            }
        };
        self.add(op);
        Ok(())
    }
}

/// The type of references to something.
fn reference_type(offset: u32, heap: HeapType) -> Result<ValueType, ModuleError> {
    let reference = RefType::new(true, heap);
    let reference = reference.ok_or_else(|| unexpected(offset as usize, "a type is not accepted"))?;
    value_type(offset as usize, wasmparser::ValType::Ref(reference))
}
