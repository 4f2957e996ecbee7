//! WASI preview 1 over guest memory and an in-memory file system.
