//! Scaffolding of the end-to-end tests: real programs, real processes.
