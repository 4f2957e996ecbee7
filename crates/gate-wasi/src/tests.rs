//! Conformance tests, one per function and named after it, and calls at random.

mod descriptors;
mod directories;
mod files;
pub(crate) mod fixture;
mod interruption;
mod paths;
mod polling;
mod random;
mod simple;
