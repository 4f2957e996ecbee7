//! What an ordinary engine makes of snapshots.

use arbitrary::Unstructured;
use proptest::prelude::*;
use proptest::test_runner::RngSeed;
use wasmi::{Engine, Extern, Instance, Linker, Module, Ref, Store, Val};

use super::random;
use super::*;
use crate::sections::sections;

/// A snapshot whose exports can be seen.
fn shown(snapshot: &[u8]) -> Vec<u8> {
    let mut wasm = snapshot[..8].to_vec();
    for section in sections(snapshot) {
        let section = section.unwrap();
        let range = if section.name == Some(b"gate.export") { section.content } else { section.whole };
        wasm.extend_from_slice(&snapshot[range]);
    }
    wasm
}

/// An instance, with functions to import that are never called.
pub(super) fn instance(wasm: &[u8]) -> (Store<()>, Instance) {
    let engine = Engine::default();
    let module = Module::new(&engine, wasm).unwrap_or_else(|error| panic!("{error:?}"));
    let mut store = Store::new(&engine, ());
    let mut linker = Linker::new(&engine);
    for import in module.imports() {
        let ty = import.ty().func().unwrap().clone();
        let results = ty.results().to_vec();
        let host = move |_: wasmi::Caller<'_, ()>, _: &[Val], to: &mut [Val]| {
            for (to, ty) in to.iter_mut().zip(&results) {
                *to = Val::default_for_ty(*ty);
            }
            Ok(())
        };
        // The same name can be imported twice, with two types: then the first one does not link.
        drop(linker.func_new(import.module(), import.name(), ty, host));
    }
    let instance =
        linker.instantiate_and_start(&mut store, &module).unwrap_or_else(|error| panic!("{error}"));
    (store, instance)
}

/// Compares what an instance exports with a state. Functions are compared by what they are exported as.
pub(super) fn check_instance(wasm: &[u8], state: &State, memories: &[Vec<u8>]) {
    let (store, instance) = instance(wasm);
    let outline = accept::validate(wasm, &accept::Limits::STANDARD).unwrap();
    let (mut seen, mut functions) = (0, std::collections::HashMap::new());
    for export in &outline.exports {
        if let Some(Extern::Func(function)) = instance.get_export(&store, &export.name) {
            functions.insert(format!("{function:?}"), export.index);
        }
    }
    let same = |reference: Reference, found: Option<String>| match (reference, found) {
        (Reference::Null, None) => true,
        (Reference::Function(index), Some(found)) => {
            functions.get(&found).is_none_or(|found| *found == index)
        }
        _ => false,
    };
    for export in &outline.exports {
        let index = export.index as usize;
        match instance.get_export(&store, &export.name).unwrap() {
            Extern::Memory(memory) => {
                assert!(memory.data(&store) == memories[index], "memory {index}");
            }
            Extern::Global(global) => {
                let value = match global.get(&store) {
                    Val::I32(value) => Value::I32(value.cast_unsigned()),
                    Val::I64(value) => Value::I64(value.cast_unsigned()),
                    Val::F32(value) => Value::F32(value.to_bits()),
                    Val::F64(value) => Value::F64(value.to_bits()),
                    Val::V128(value) => Value::V128(value.as_u128()),
                    Val::FuncRef(value) => {
                        let Value::Reference(_, expected) = state.globals[index] else { panic!() };
                        assert!(same(expected, name_of(value)), "global {index}");
                        state.globals[index]
                    }
                    Val::ExternRef(_) => Value::Reference(ValueType::ExternRef, Reference::Null),
                };
                assert_eq!(value, state.globals[index], "global {index}");
            }
            Extern::Table(table) => {
                let elements = &state.tables[index];
                assert_eq!(table.size(&store), elements.len() as u64);
                for (position, element) in (0..).zip(elements) {
                    let found = match table.get(&store, position).unwrap() {
                        Ref::Func(function) => name_of(function),
                        Ref::Extern(_) => None,
                    };
                    assert!(same(*element, found), "table {index}, element {position}");
                }
            }
            Extern::Func(_) => continue,
        }
        seen += 1;
    }
    assert!(seen > 0 || state.memory_pages.is_empty() || memories.is_empty());
}

fn name_of(function: wasmi::Nullable<wasmi::Func>) -> Option<String> {
    function.val().map(|function| format!("{function:?}"))
}

#[test]
fn an_ordinary_engine_sees_the_state() {
    let (wasm, state, memories) = everything();
    let snapshot = written(&wasm, &state, &memories);
    let wasm = shown(&snapshot);
    check_instance(&wasm, &state, &memories);
    let (mut store, instance) = instance(&wasm);
    let call = instance.get_typed_func::<(), i32>(&store, "c").unwrap();
    assert_eq!(call.call(&mut store, ()).unwrap(), 30);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 100, rng_seed: RngSeed::Fixed(2), ..ProptestConfig::default() })]

    #[test]
    fn an_ordinary_engine_sees_any_state(
        seed in prop::collection::vec(any::<u8>(), 0..4096),
        more in prop::collection::vec(any::<u8>(), 0..2048),
    ) {
        // The interpreter does not have these.
        let config = wasm_smith::Config { exceptions_enabled: false, max_imports: 0, ..random::config() };
        if let Some(wasm) = random::module(config, &seed) {
            let (state, memories) = random::state(&mut Unstructured::new(&more), &wasm, false).unwrap();
            let snapshot = written(&wasm, &state, &memories);
            check_instance(&shown(&snapshot), &state, &memories);
        }
    }
}
