//! Generated modules in made-up states.

use arbitrary::{Result, Unstructured};
use proptest::prelude::*;
use proptest::test_runner::RngSeed;
use wasm_smith::{Config, Module};

use super::super::parts::Parts;
use super::*;

pub(super) fn config() -> Config {
    Config {
        custom_page_sizes_enabled: false,
        exceptions_enabled: true,
        export_everything: true,
        gc_enabled: false,
        max_imports: 2,
        max_memories: 3,
        max_memory32_bytes: 1 << 20,
        max_tables: 3,
        max_table_elements: 100,
        memory64_enabled: false,
        memory_offset_choices: wasm_smith::MemoryOffsetChoices(30, 1, 1),
        shared_everything_threads_enabled: false,
        threads_enabled: false,
        wide_arithmetic_enabled: false,
        ..Config::default()
    }
}

/// A module that imports functions only, which is all that can be imported.
pub(super) fn module(config: Config, seed: &[u8]) -> Option<Vec<u8>> {
    let wasm = Module::new(config, &mut Unstructured::new(seed)).ok()?.to_bytes();
    let imports_functions = Parts::parse(&wasm).is_ok();
    (imports_functions && accept::validate(&wasm, &accept::Limits::STANDARD).is_ok()).then_some(wasm)
}

fn reference(u: &mut Unstructured<'_>, ty: ValueType, functions: u32, exceptions: u32) -> Result<Reference> {
    Ok(match ty {
        ValueType::FuncRef if functions > 0 && u.ratio(2, 3)? => function(u.int_in_range(0..=functions - 1)?),
        ValueType::ExnRef if exceptions > 0 && u.arbitrary()? => {
            Reference::Exception(u.int_in_range(0..=exceptions - 1)?)
        }
        _ => Reference::Null,
    })
}

fn value(u: &mut Unstructured<'_>, ty: ValueType, functions: u32, exceptions: u32) -> Result<Value> {
    Ok(match ty {
        ValueType::I32 => Value::I32(u.arbitrary()?),
        ValueType::I64 => Value::I64(u.arbitrary()?),
        ValueType::F32 => Value::F32(u.arbitrary()?),
        ValueType::F64 => Value::F64(u.arbitrary()?),
        ValueType::V128 => Value::V128(u.arbitrary()?),
        _ => Value::Reference(ty, reference(u, ty, functions, exceptions)?),
    })
}

/// A state that the module could be in for all that a snapshot has to know, and its memories.
pub(super) fn state(
    u: &mut Unstructured<'_>,
    wasm: &[u8],
    exceptions: bool,
) -> Result<(State, Vec<Vec<u8>>)> {
    let parts = Parts::parse(wasm).unwrap();
    let mut state = everything().1;
    let count = if exceptions { 2 } else { 0 };
    state.exceptions = vec![Exception { tag: 0, values: vec![Value::I32(7)] }; count as usize];
    state.memory_pages.clear();
    let mut memories = Vec::new();
    for memory in &parts.memories {
        let limit = memory.ty.maximum.unwrap_or(65_536).min(memory.ty.initial + 2);
        let pages = u.int_in_range(memory.ty.initial..=limit)?;
        state.memory_pages.push(u32::try_from(pages).unwrap());
        memories.push(vec![0; usize::try_from(pages * 65_536).unwrap()]);
    }
    // What was written first is partly still there.
    for segment in &parts.data {
        if let wasmparser::DataKind::Active { memory_index, offset_expr } = &segment.segment.kind
            && let Some(offset) = super::super::parts::offset_of(offset_expr)
            && let Some(place) = memories[*memory_index as usize].get_mut(offset as usize..)
            && let Some(place) = place.get_mut(..segment.segment.data.len())
        {
            place.copy_from_slice(segment.segment.data);
        }
    }
    for memory in memories.iter_mut().filter(|memory| !memory.is_empty()) {
        for _ in 0..u.int_in_range(0..=8)? {
            let start = u.choose_index(memory.len())?;
            let end = memory.len().min(start + u.int_in_range(0..=2000)?);
            memory[start..end].fill(u.arbitrary()?);
        }
    }
    state.globals = parts
        .globals
        .iter()
        .map(|global| value(u, global.ty, parts.functions, count))
        .collect::<Result<_>>()?;
    state.tables = parts
        .tables
        .iter()
        .map(|table| {
            let limit = table.ty.maximum.unwrap_or(1 << 20).min(table.ty.initial + 5);
            let size = u.int_in_range(table.ty.initial..=limit)?;
            (0..size).map(|_| reference(u, table.element, parts.functions, count)).collect::<Result<_>>()
        })
        .collect::<Result<_>>()?;
    state.dropped = if u.arbitrary()? {
        let segments = parts.data.len() + parts.elements.len();
        (0..segments).map(|_| u.int_in_range(0u8..=1)).collect::<Result<_>>()?
    } else {
        Vec::new()
    };
    if u.arbitrary()? {
        state.frames = Frames::Portable(Vec::new());
        state.entry = Entry::default();
    }
    Ok((state, memories))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, rng_seed: RngSeed::Fixed(1), ..ProptestConfig::default() })]

    #[test]
    fn any_state_of_any_module_comes_back(
        seed in prop::collection::vec(any::<u8>(), 0..4096),
        more in prop::collection::vec(any::<u8>(), 0..2048),
    ) {
        if let Some(wasm) = module(config(), &seed) {
            let (state, memories) = state(&mut Unstructured::new(&more), &wasm, true).unwrap();
            let snapshot = written(&wasm, &state, &memories);
            check_read(&snapshot, &wasm, &state, &memories);
        }
    }
}
