//! Fuzzers as functions.
