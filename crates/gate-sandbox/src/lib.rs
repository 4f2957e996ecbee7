//! Namespaces, system call filters, limits, and descriptors; knows no WebAssembly.
