//! How large the parts of a module may be.

use gate_abi::limits::MODULE_SIZE_DEFAULT;

/// How large the parts of a module may be. [`Limits::STANDARD`] is what programs get unless an operator lowers it.
///
/// What is not listed here is bounded by the validator itself, whose bounds are those that browsers agreed on: 100
/// tables, 100,000 segments of each kind, 1,000 parameters and results, 100,000 bytes for a name. Custom sections are
/// skipped unread; they are bounded by the size of the module.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of the module. The compiler worker holds it in memory, together with several times as much compiled code.
    pub module_bytes: u64,
    /// Types. The engine keeps each in a table of the whole process.
    pub types: u32,
    /// Functions, imported ones included.
    pub functions: u32,
    /// Imports. The same function may be imported many times, each with its slot in every instance.
    pub imports: u32,
    /// Exports. Each is a string that engine and host keep.
    pub exports: u32,
    /// Globals, imported ones included. Each has 16 bytes in every instance.
    pub globals: u32,
    /// Exception tags, imported ones included. Each has a slot in every instance.
    pub tags: u32,
    /// Memories, imported ones included. Each reserves more than 4 GiB of address space in every instance.
    pub memories: u32,
    /// Initial pages (64 KiB) of all defined memories together.
    pub memory_pages: u64,
    /// Initial elements of all defined tables together. Each has 8 bytes, which the instance allocates when it starts.
    pub table_elements: u64,
    /// Bytes of a function's body, its local declarations included.
    pub function_bytes: u64,
    /// Parameters and declared locals of a function.
    pub function_locals: u32,
    /// Nesting of blocks in a function. Transforms may copy a function once per level.
    pub function_nesting: u32,
    /// Values that enter and leave the blocks of a function and the functions it calls, summed over its body. A block or
    /// call of three bytes can have 1,000 parameters and 1,000 results, for which the compiler makes a value each: without
    /// this limit a module of one megabyte needs hundreds of gigabytes to compile.
    pub function_flow: u64,
}

impl Limits {
    /// Generous limits: programs known to run in browsers or in Wasmtime fit by a wide margin.
    ///
    /// * `module_bytes`: see [`MODULE_SIZE_DEFAULT`].
    /// * `types`, `exports`, `globals`: toolchains emit some thousands.
    /// * `imports`: as many as the first version of Gate allowed.
    /// * `memories`: reservations of 32 memories fit into any address space thousands of times over.
    /// * `memory_pages`: one full memory. What an instance really gets is the policy of whoever starts it.
    /// * `table_elements`, `function_bytes`, `function_locals`: what browsers allow.
    /// * `function_nesting`: a `switch` costs one level per case in code that compilers emit.
    /// * `function_flow`: the register allocator has 2^21 virtual registers per function, and each of these values needs
    ///   one; a function above could not be compiled anyway.
    pub const STANDARD: Self = Self {
        module_bytes: MODULE_SIZE_DEFAULT,
        types: 100_000,
        functions: 1_000_000,
        imports: 32_768,
        exports: 100_000,
        globals: 100_000,
        tags: 10_000,
        memories: 32,
        memory_pages: 65_536,
        table_elements: 10_000_000,
        function_bytes: 7_654_321,
        function_locals: 50_000,
        function_nesting: 10_000,
        function_flow: 1 << 21,
    };

    /// No limits but the validator's: which feature a module needs does not depend on its size.
    pub(super) const NONE: Self = Self {
        module_bytes: u64::MAX,
        types: u32::MAX,
        functions: u32::MAX,
        imports: u32::MAX,
        exports: u32::MAX,
        globals: u32::MAX,
        tags: u32::MAX,
        memories: u32::MAX,
        memory_pages: u64::MAX,
        table_elements: u64::MAX,
        function_bytes: u64::MAX,
        function_locals: u32::MAX,
        function_nesting: u32::MAX,
        function_flow: u64::MAX,
    };
}
