//! The only crate that names Wasmtime: compile, load, and run a program.
