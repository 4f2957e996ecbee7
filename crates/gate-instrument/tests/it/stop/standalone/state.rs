//! The state of a program that was stopped in the interpreter, as a module.

use std::collections::BTreeMap;

use gate_instrument::accept::ValueType;
use gate_instrument::stop::{Hidden, Value, control};
use wasm_encoder::{
    ConstExpr, DataSection, ElementSection, Elements, GlobalSection, MemorySection, RawSection, RefType,
    TableSection,
};
use wasmi::{Nullable, Ref, Val};
use wasmparser::{DataKind, ElementItems, ElementKind, ExternalKind, Parser, Payload};

use crate::stop::machine::Machine;

/// The index of a function that is exported.
pub(super) fn exported(wasm: &[u8], name: &str) -> u32 {
    let exports = Parser::new(0).parse_all(wasm).filter_map(|payload| match payload.unwrap() {
        Payload::ExportSection(exports) => Some(exports),
        _ => None,
    });
    let mut exports = exports.flatten().map(Result::unwrap);
    exports.find(|export| export.name == name && export.kind == ExternalKind::Func).unwrap().index
}

/// Arguments as constants. References are null.
pub(super) fn values(arguments: &[Val]) -> Vec<Value> {
    arguments
        .iter()
        .map(|argument| match argument {
            Val::I32(value) => Value::I32(value.cast_unsigned()),
            Val::I64(value) => Value::I64(value.cast_unsigned()),
            Val::F32(value) => Value::F32(value.to_bits()),
            Val::F64(value) => Value::F64(value.to_bits()),
            Val::V128(value) => Value::V128(value.as_u128()),
            Val::FuncRef(_) => Value::zero(ValueType::FuncRef),
            Val::ExternRef(_) => Value::zero(ValueType::ExternRef),
        })
        .collect()
}

/// The program with its state: all of it in active segments, behind the segments of the original, of which only those have
/// contents that are passive and were not dropped.
pub(super) fn module(wasm: &[u8], machine: &Machine<'_>) -> Vec<u8> {
    let functions = machine.functions();
    let mut module = wasm_encoder::Module::new();
    let mut data_segments = 0;
    let payloads = || Parser::new(0).parse_all(wasm).map(Result::unwrap);
    for payload in payloads() {
        if let Payload::DataSection(section) = payload {
            data_segments = section.count();
        }
    }
    let (mut elements, mut data) = (ElementSection::new(), DataSection::new());
    let (mut tables, mut memories) = (0, 0);
    let mut code = None;
    for payload in payloads() {
        match &payload {
            Payload::TableSection(section) => {
                tables = section.count();
                module.section(&table_types(section, machine));
            }
            Payload::MemorySection(section) => {
                memories = section.count();
                module.section(&memory_types(section, machine));
            }
            Payload::GlobalSection(section) => {
                module.section(&globals(section, machine, &functions));
            }
            Payload::ElementSection(section) => {
                original_elements(section, data_segments, machine, &mut elements);
            }
            Payload::DataSection(section) => original_data(section, machine, &mut data),
            Payload::CodeSectionStart { .. } => code = payload.as_section(),
            Payload::DataCountSection { .. } | Payload::StartSection { .. } | Payload::CustomSection(_) => {}
            Payload::Version { .. } | Payload::End(_) | Payload::CodeSectionEntry(_) => {}
            other => {
                let (id, range) = other.as_section().unwrap();
                module.section(&RawSection { id, data: &wasm[range] });
            }
        }
    }
    for table in 0..tables {
        current_elements(table, machine, &functions, &mut elements);
    }
    for memory in 0..memories {
        data.active(memory, &ConstExpr::i32_const(0), machine.memory_bytes(memory));
    }
    if !elements.is_empty() {
        module.section(&elements);
    }
    module.section(&wasm_encoder::DataCountSection { count: data.len() });
    if let Some((id, range)) = code {
        module.section(&RawSection { id, data: &wasm[range] });
    }
    module.section(&data);
    module.finish()
}

fn reference(ty: wasmparser::RefType) -> RefType {
    if ty == wasmparser::RefType::EXTERNREF { RefType::EXTERNREF } else { RefType::FUNCREF }
}

fn null(ty: RefType) -> ConstExpr {
    ConstExpr::ref_null(ty.heap_type)
}

fn table_types(section: &wasmparser::TableSectionReader<'_>, machine: &Machine<'_>) -> TableSection {
    let mut types = TableSection::new();
    for (table, ty) in (0..).zip(section.clone()) {
        let ty = ty.unwrap().ty;
        types.table(wasm_encoder::TableType {
            element_type: reference(ty.element_type),
            minimum: machine.table(table).len() as u64,
            maximum: ty.maximum,
            table64: false,
            shared: false,
        });
    }
    types
}

fn memory_types(section: &wasmparser::MemorySectionReader<'_>, machine: &Machine<'_>) -> MemorySection {
    let mut types = MemorySection::new();
    for (memory, ty) in (0..).zip(section.clone()) {
        let maximum = ty.unwrap().maximum;
        let minimum = machine.memory_bytes(memory).len() as u64 / 65_536;
        types.memory(wasm_encoder::MemoryType {
            minimum,
            maximum,
            memory64: false,
            shared: false,
            page_size_log2: None,
        });
    }
    types
}

fn globals(
    section: &wasmparser::GlobalSectionReader<'_>,
    machine: &Machine<'_>,
    functions: &BTreeMap<String, u32>,
) -> GlobalSection {
    let mut globals = GlobalSection::new();
    for (index, global) in (0..).zip(section.clone()) {
        let ty = global.unwrap().ty;
        let value = machine.global_value(index);
        let (val_type, initial) = match value {
            Val::I32(value) => (wasm_encoder::ValType::I32, ConstExpr::i32_const(value)),
            Val::I64(value) => (wasm_encoder::ValType::I64, ConstExpr::i64_const(value)),
            Val::F32(value) => (wasm_encoder::ValType::F32, ConstExpr::f32_const(f32::from(value).into())),
            Val::F64(value) => (wasm_encoder::ValType::F64, ConstExpr::f64_const(f64::from(value).into())),
            Val::V128(value) => {
                (wasm_encoder::ValType::V128, ConstExpr::v128_const(value.as_u128().cast_signed()))
            }
            Val::FuncRef(Nullable::Val(function)) => {
                (wasm_encoder::ValType::FUNCREF, ConstExpr::ref_func(functions[&format!("{function:?}")]))
            }
            Val::FuncRef(Nullable::Null) => (wasm_encoder::ValType::FUNCREF, null(RefType::FUNCREF)),
            Val::ExternRef(_) => (wasm_encoder::ValType::EXTERNREF, null(RefType::EXTERNREF)),
        };
        globals.global(wasm_encoder::GlobalType { val_type, mutable: ty.mutable, shared: false }, &initial);
    }
    globals
}

fn original_elements(
    section: &wasmparser::ElementSectionReader<'_>,
    data_segments: u32,
    machine: &Machine<'_>,
    elements: &mut ElementSection,
) {
    for (index, element) in (0..).zip(section.clone()) {
        let element = element.unwrap();
        let is_empty =
            matches!(element.kind, ElementKind::Active { .. }) || machine.is_dropped(data_segments + index);
        let declared = matches!(element.kind, ElementKind::Declared);
        match element.items {
            ElementItems::Functions(items) => {
                let items: Vec<_> = items.into_iter().map(Result::unwrap).filter(|_| !is_empty).collect();
                let items = Elements::Functions(items.into());
                if declared {
                    elements.declared(items)
                } else {
                    elements.passive(items)
                };
            }
            ElementItems::Expressions(ty, items) => {
                let items = items.into_iter().map(Result::unwrap).filter(|_| !is_empty).map(|item| {
                    let mut reader = item.get_binary_reader();
                    let bytes = reader.read_bytes(reader.bytes_remaining()).unwrap();
                    ConstExpr::raw(bytes[..bytes.len() - 1].to_vec())
                });
                let items = Elements::Expressions(reference(ty), items.collect::<Vec<_>>().into());
                if declared {
                    elements.declared(items)
                } else {
                    elements.passive(items)
                };
            }
        }
    }
}

fn current_elements(
    table: u32,
    machine: &Machine<'_>,
    functions: &BTreeMap<String, u32>,
    elements: &mut ElementSection,
) {
    let references = machine.table(table);
    let ty = match references.first() {
        Some(Ref::Extern(_)) => RefType::EXTERNREF,
        Some(Ref::Func(_)) => RefType::FUNCREF,
        None => return,
    };
    let items = references.iter().map(|reference| match reference {
        Ref::Func(Nullable::Val(function)) => ConstExpr::ref_func(functions[&format!("{function:?}")]),
        _ => null(ty),
    });
    let items: Vec<_> = items.collect();
    elements.active(Some(table), &ConstExpr::i32_const(0), Elements::Expressions(ty, items.into()));
}

fn original_data(section: &wasmparser::DataSectionReader<'_>, machine: &Machine<'_>, data: &mut DataSection) {
    for (index, segment) in (0..).zip(section.clone()) {
        let segment = segment.unwrap();
        let is_empty = matches!(segment.kind, DataKind::Active { .. }) || machine.is_dropped(index);
        let contents = if is_empty { &[] } else { segment.data };
        data.passive(contents.iter().copied());
    }
}

impl Machine<'_> {
    /// Whether a segment was dropped: of data, and behind those of elements.
    fn is_dropped(&self, segment: u32) -> bool {
        let controls = self.program.control();
        let byte = usize::try_from(control::SEGMENTS + segment).unwrap();
        segment < controls.segments && self.memory_bytes(controls.memory)[byte] == 1
    }

    /// The indices of functions, by what they are called when they are debugged.
    fn functions(&self) -> BTreeMap<String, u32> {
        let index = |(function, name): (String, String)| {
            let index = (0..self.program.functions()).find(|index| {
                [Hidden::Function(*index), Hidden::Import(*index)]
                    .map(|hidden| self.program.name(hidden))
                    .contains(&name)
            });
            (function, index.unwrap())
        };
        self.names_of_functions().into_iter().map(index).collect()
    }

    /// What references in frames refer to.
    pub(super) fn spilled(&self) -> [Vec<gate_instrument::stop::Referent>; 3] {
        use gate_instrument::stop::Referent;
        let functions = self.functions();
        self.program.control().tables.map(|table| {
            let references = table.map(|table| self.table(table)).unwrap_or_default();
            let referents = references.into_iter().map(|reference| match reference {
                Ref::Func(Nullable::Val(function)) => Referent::Function(functions[&format!("{function:?}")]),
                _ => Referent::Null,
            });
            referents.collect()
        })
    }
}
