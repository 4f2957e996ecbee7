//! Decides which WebAssembly modules are accepted.
