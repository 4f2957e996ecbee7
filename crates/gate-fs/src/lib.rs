//! The in-memory file system of a program, and the image it starts from.
