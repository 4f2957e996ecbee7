//! Namespaces, system call filters, limits, and descriptors; knows no WebAssembly.
//!
//! A program runs behind these layers, each of which would do alone if all others failed:
//!
//! | Layer | Module | Applied by |
//! |---|---|---|
//! | namespaces, empty root, unprivileged ids, no capabilities | [`container`] | process 1 of the container |
//! | memory, processor and process limits of the whole container | [`cgroup`] | supervisor, where delegated |
//! | resource limits, Landlock, speculation controls, processor time | [`layers`] | each worker |
//! | nothing open but what has a fixed number, and the files a worker was given | [`descriptors`] | each worker |
//! | system calls | [`filter`] | zygote and workers, one list per stage |
//!
//! [`process`], [`channel`], [`memfd`], [`ring`], [`stop`] and [`wait`] are the tools by which the processes are made and talk.
//!
//! Needs Linux 5.10 or later on x86-64 or ARM64. Only Landlock, speculation controls and control groups may be missing
//! on a host; they report it. Everything else works or is an error.
//!
//! **Invariant:** nothing here weakens a layer silently. What is missing is an error, or a value the caller must look at.

pub mod allocator;
pub mod cgroup;
pub mod channel;
pub mod container;
pub mod descriptors;
pub mod filter;
pub mod layers;
pub mod memfd;
pub mod process;
pub mod ring;
pub mod stop;
mod sys;
pub mod wait;
