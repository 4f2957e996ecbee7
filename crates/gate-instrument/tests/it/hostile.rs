//! Modules made to hurt: cut, lying, deep, and costly.

use gate_instrument::accept::{Limits, NotWasm, Refusal, What, accept, validate};
use wasm_encoder::{
    BlockType, CodeSection, ConstExpr, DataSection, ElementSection, Elements, ExportKind, ExportSection,
    Function, FunctionSection, Instruction, MemorySection, MemoryType, Module, RefType, TableSection,
    TableType, TypeSection, ValType,
};

const HEADER: &[u8] = b"\0asm\x01\0\0\0";

/// The header and one section, which claims to be `size` bytes long.
fn section(id: u8, size: u32, contents: &[u8]) -> Vec<u8> {
    let mut wasm = HEADER.to_vec();
    wasm.push(id);
    leb128(&mut wasm, size);
    wasm.extend_from_slice(contents);
    wasm
}

fn leb128(bytes: &mut Vec<u8>, mut value: u32) {
    while value >= 0x80 {
        bytes.push(u8::try_from(value & 0x7f).unwrap() | 0x80);
        value >>= 7;
    }
    bytes.push(u8::try_from(value).unwrap());
}

#[track_caller]
fn refused(wasm: &[u8]) -> String {
    accept(wasm, &Limits::STANDARD).unwrap_err().to_string()
}

/// A module with a function of the given type and instructions, and one of everything else.
fn module(params: &[ValType], results: &[ValType], code: &Function) -> Vec<u8> {
    let mut types = TypeSection::new();
    types.ty().function(params.iter().copied(), results.iter().copied());
    let mut functions = FunctionSection::new();
    functions.function(0);
    let mut tables = TableSection::new();
    tables.table(TableType {
        element_type: RefType::FUNCREF,
        table64: false,
        minimum: 1,
        maximum: None,
        shared: false,
    });
    let mut memories = MemorySection::new();
    memories.memory(MemoryType {
        minimum: 1,
        maximum: None,
        memory64: false,
        shared: false,
        page_size_log2: None,
    });
    let mut exports = ExportSection::new();
    exports.export("f", ExportKind::Func, 0);
    let mut elements = ElementSection::new();
    elements.active(Some(0), &ConstExpr::i32_const(0), Elements::Functions([0].as_slice().into()));
    let mut bodies = CodeSection::new();
    bodies.function(code);
    let mut data = DataSection::new();
    data.active(0, &ConstExpr::i32_const(0), *b"data");
    let mut module = Module::new();
    module.section(&types).section(&functions).section(&tables).section(&memories).section(&exports);
    module.section(&elements).section(&bodies).section(&data);
    module.finish()
}

fn body(instructions: impl IntoIterator<Item = Instruction<'static>>) -> Function {
    let mut function = Function::new([]);
    for instruction in instructions {
        function.instruction(&instruction);
    }
    function.instruction(&Instruction::End);
    function
}

#[test]
fn cut_at_every_byte() {
    let wasm = module(&[], &[], &body([Instruction::Block(BlockType::Empty), Instruction::End]));
    accept(&wasm, &Limits::STANDARD).unwrap();
    // A module may end behind any section, as long as what it has announced is there.
    let mut ends = 0;
    for len in 0..wasm.len() {
        match accept(wasm.get(..len).unwrap(), &Limits::STANDARD) {
            Ok(_) => ends += 1,
            Err(Refusal::NotWasm { found: NotWasm::Empty }) => assert_eq!(len, 0),
            Err(Refusal::NotWasm { found: NotWasm::Truncated }) => assert!(len < 8),
            Err(Refusal::Invalid { offset, .. }) => assert!(offset <= len, "{offset} of {len}"),
            Err(other) => panic!("{len}: {other}"),
        }
    }
    // Behind the header, the types, and the data that follows the code.
    assert_eq!(ends, 3);
}

#[test]
fn sections_that_lie_about_their_size() {
    for id in 0..=14 {
        for (size, contents) in
            [(0, &[][..]), (1, &[]), (u32::MAX, &[0]), (u32::MAX >> 1, &[0]), (2, &[0]), (1, &[5])]
        {
            let wasm = section(id, size, contents);
            let empty = size == 1 && contents == [0];
            assert!(
                empty || accept(&wasm, &Limits::STANDARD).is_err(),
                "section {id}, {size} bytes: {contents:?}"
            );
        }
    }
}

#[test]
fn counts_that_lie() {
    for id in [1, 2, 3, 4, 5, 6, 7, 9, 10, 11, 13] {
        for count in [3, 999_999, u32::MAX] {
            let mut contents = Vec::new();
            leb128(&mut contents, count);
            contents.extend_from_slice(&[0, 0]);
            let message = refused(&section(id, u32::try_from(contents.len()).unwrap(), &contents));
            // The two remaining bytes may be an entry, and three bytes may be three of them.
            let claim = format!("section claims to have {count} entries in");
            let other = id == 10 && message.contains("function section is absent");
            assert!(count == 3 || other || message.contains(&claim), "section {id}: {message}");
        }
    }
}

#[test]
fn nesting_is_limited_before_the_stack_is() {
    let nested = |depth: usize| {
        let blocks = std::iter::repeat_n(Instruction::Block(BlockType::Empty), depth);
        module(&[], &[], &body(blocks.chain(std::iter::repeat_n(Instruction::End, depth))))
    };
    accept(&nested(9_999), &Limits::STANDARD).unwrap();
    for depth in [10_000, 100_000] {
        let refusal = accept(&nested(depth), &Limits::STANDARD).unwrap_err();
        let Refusal::Limit {
            what: What::FunctionNesting,
            found: 10_001,
            limit: 10_000,
            offset,
            function: Some(function),
        } = refusal
        else {
            panic!("{refusal}");
        };
        assert_eq!(function.index, 0);
        assert!(offset > 10_000, "{offset}");
    }
    let unlimited = Limits { function_nesting: u32::MAX, ..Limits::STANDARD };
    accept(&nested(100_000), &unlimited).unwrap();
}

/// Blocks of few bytes that make the compiler create many values.
#[test]
fn flow_is_limited() {
    let params = vec![ValType::I32; 1000];
    let repeated = |count: usize, instructions: &[Instruction<'static>]| {
        let body = body(
            [Instruction::Unreachable]
                .into_iter()
                .chain(std::iter::repeat_n(instructions, count).flatten().cloned())
                .chain([Instruction::Unreachable]),
        );
        module(&params, &params, &body)
    };
    let blocks = [
        &[Instruction::Block(BlockType::FunctionType(0)), Instruction::End][..],
        &[Instruction::Loop(BlockType::FunctionType(0)), Instruction::End],
        &[
            Instruction::I32Const(0),
            Instruction::If(BlockType::FunctionType(0)),
            Instruction::Else,
            Instruction::End,
        ],
        &[Instruction::TryTable(BlockType::FunctionType(0), [].as_slice().into()), Instruction::End],
        &[Instruction::Call(0)],
        &[Instruction::I32Const(0), Instruction::CallIndirect { type_index: 0, table_index: 0 }],
    ];
    for block in blocks {
        accept(&repeated(1_048, block), &Limits::STANDARD).unwrap();
        let refusal = accept(&repeated(1_049, block), &Limits::STANDARD).unwrap_err();
        assert!(
            matches!(refusal, Refusal::Limit { what: What::FunctionFlow, found: 2_098_000, .. }),
            "{block:?}: {refusal}"
        );
    }
    // Branches carry what the function results in.
    let branches = [
        &[Instruction::Br(0)][..],
        &[Instruction::Return],
        &[Instruction::I32Const(0), Instruction::BrIf(0)],
        &[Instruction::I32Const(0), Instruction::BrTable([].as_slice().into(), 0)],
        &[Instruction::ReturnCall(0)],
    ];
    for branch in branches {
        accept(&repeated(1_000, branch), &Limits::STANDARD).unwrap();
        let refusal = accept(&repeated(2_098, branch), &Limits::STANDARD).unwrap_err();
        assert!(matches!(refusal, Refusal::Limit { what: What::FunctionFlow, .. }), "{branch:?}: {refusal}");
    }
    let targets = vec![0; 2_097];
    let wide = [Instruction::I32Const(0), Instruction::BrTable(targets.into(), 0)];
    let refusal = accept(&repeated(1, &wide), &Limits::STANDARD).unwrap_err();
    assert!(
        matches!(refusal, Refusal::Limit { what: What::FunctionFlow, found: 2_098_000, .. }),
        "{refusal}"
    );
}

/// Every limit, one below what a module has.
#[test]
fn every_limit_can_be_lowered() {
    let wasm = wat::parse_str(
        "(module (type (func)) (type (func (param i32)))
            (import \"a\" \"f\" (func)) (import \"a\" \"g\" (func))
            (func) (func (param i32) (local i32) (block (loop (br 0))) (call 3 (i32.const 0)))
            (global i32 (i32.const 0)) (global i32 (i32.const 0)) (tag) (tag)
            (memory 1) (memory 2) (table 3 funcref) (table 4 funcref)
            (export \"a\" (func 0)) (export \"b\" (func 0)))",
    )
    .unwrap();
    let bytes = u64::try_from(wasm.len()).unwrap();
    let exact = Limits {
        module_bytes: bytes,
        types: 2,
        functions: 4,
        imports: 2,
        exports: 2,
        globals: 2,
        tags: 2,
        memories: 2,
        memory_pages: 3,
        table_elements: 7,
        function_bytes: 16,
        function_locals: 2,
        function_nesting: 3,
        function_flow: 1,
    };
    validate(&wasm, &exact).unwrap();
    let lowered = [
        (What::ModuleBytes, Limits { module_bytes: bytes - 1, ..exact }),
        (What::Types, Limits { types: 1, ..exact }),
        (What::Functions, Limits { functions: 3, ..exact }),
        (What::Imports, Limits { imports: 1, ..exact }),
        (What::Exports, Limits { exports: 1, ..exact }),
        (What::Globals, Limits { globals: 1, ..exact }),
        (What::Tags, Limits { tags: 1, ..exact }),
        (What::Memories, Limits { memories: 1, ..exact }),
        (What::MemoryPages, Limits { memory_pages: 2, ..exact }),
        (What::TableElements, Limits { table_elements: 6, ..exact }),
        (What::FunctionBytes, Limits { function_bytes: 15, ..exact }),
        (What::FunctionLocals, Limits { function_locals: 1, ..exact }),
        (What::FunctionNesting, Limits { function_nesting: 2, ..exact }),
        (What::FunctionFlow, Limits { function_flow: 0, ..exact }),
    ];
    for (expect, limits) in lowered {
        match validate(&wasm, &limits).unwrap_err() {
            Refusal::Limit { what, found, limit, .. } => {
                assert_eq!(what, expect);
                assert_eq!(found, limit + 1, "{what}");
            }
            other => panic!("{expect}: {other}"),
        }
    }
}

#[test]
fn imports_count_towards_limits() {
    let wasm =
        wat::parse_str("(module (import \"a\" \"m\" (memory 0)) (import \"a\" \"n\" (memory 0)))").unwrap();
    let limits = Limits { memories: 1, ..Limits::STANDARD };
    let refusal = validate(&wasm, &limits).unwrap_err();
    assert!(matches!(refusal, Refusal::Limit { what: What::Memories, found: 2, .. }), "{refusal}");
}

/// What exports copy of their types is bounded.
#[test]
fn types_of_exports_are_bounded() {
    let ty = vec![ValType::I64; 1000];
    let mut types = TypeSection::new();
    types.ty().function(ty.clone(), ty);
    let mut functions = FunctionSection::new();
    functions.function(0);
    let mut code = CodeSection::new();
    code.function(&body([Instruction::Unreachable]));
    let with_exports = |count: u32| {
        let mut exports = ExportSection::new();
        for number in 0..count {
            exports.export(&number.to_string(), ExportKind::Func, 0);
        }
        let mut module = Module::new();
        module.section(&types).section(&functions).section(&exports).section(&code);
        module.finish()
    };
    assert_eq!(accept(&with_exports(400), &Limits::STANDARD).unwrap().outline.exports.len(), 400);
    assert!(refused(&with_exports(1_001)).contains("effective type size exceeds the limit"));
}
