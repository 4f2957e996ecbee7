//! The functions of Gate's own ABI over guest memory.
