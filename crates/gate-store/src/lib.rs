//! Compiled artifacts at rest, by content.
