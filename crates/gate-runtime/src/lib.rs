//! Starts containers and supervises the programs in them.
