//! What is appended is read back; what is damaged is refused.

use std::fs::File;
use std::io::Write;

use gate_instrument::accept::{self, Facts, Limits};
use gate_instrument::stop::{Config, Instrumented, Poll, Program};

use super::{Added, ArtifactError, Form, Interpreted, append, image_bytes, offsets, read};
use crate::Stops;

const MODULE: &str = r#"(module
    (import "wasi_snapshot_preview1" "proc_exit" (func (param i32)))
    (memory (export "memory") 1)
    (table (export "table") 1 funcref)
    (global (export "global") i32 (i32.const 0))
    (tag (export "tag"))
    (func (export "f") (param i32 i64 f32 f64 v128 funcref externref exnref) (result i64 f32) unreachable)
    (func $start (loop (br 0)))
    (start $start))"#;

fn file_of(bytes: &[u8]) -> File {
    let memfd = rustix::fs::memfd_create("test", rustix::fs::MemfdFlags::CLOEXEC).unwrap();
    let mut file = File::from(memfd);
    file.write_all(bytes).unwrap();
    file
}

fn module() -> (Facts, Added, Instrumented) {
    let wasm = wat::parse_str(MODULE).unwrap();
    let facts = accept::accept(&wasm, &Limits::STANDARD).unwrap();
    let config =
        Config { poll: Poll::Countdown, control_pages: 3, may_block: &|_, _| false, breakpoints: &[] };
    let program = Program::new(&wasm, &config).unwrap();
    let added = Added::new(program.control(), program.names(), 1, program.referenced().unwrap());
    (facts, added, program.instrument().unwrap())
}

/// Of each form.
fn forms(facts: &Facts, added: Added) -> [Form; 3] {
    [Form::Plain, Form::Stoppable(added), Form::Interpreted(Interpreted::new(facts, Stops::Count))]
}

#[test]
fn facts_survive() {
    let (facts, added, instrumented) = module();
    for form in forms(&facts, added) {
        let image = b"the engine's image";
        let mut bytes = image.to_vec();
        append(&mut bytes, &facts, &form, &instrumented.offsets);
        let len = bytes.len() as u64;
        // The cache puts something of its own behind it.
        bytes.extend_from_slice(b"trailer");
        let file = file_of(&bytes);
        let read_back = read(&file, len).unwrap();
        assert_eq!(read_back.start, Some(2));
        assert_eq!(read_back.functions, facts.outline.functions);
        assert_eq!(read_back.memory, Some(0));
        assert_eq!(read_back.exports, facts.exports);
        assert_eq!(read_back.form, form);
        assert_eq!(image_bytes(&file, len).unwrap(), image.len() as u64);
        assert_eq!(offsets(&file, len).unwrap(), instrumented.offsets);
    }
}

#[test]
fn damage_is_refused() {
    let (facts, added, instrumented) = module();
    for form in forms(&facts, added) {
        let mut bytes = Vec::new();
        append(&mut bytes, &facts, &form, &instrumented.offsets);
        for len in 0..bytes.len() {
            assert!(read(&file_of(&bytes[..len]), len as u64).is_err(), "cut at {len}");
        }
        assert!(matches!(read(&file_of(&bytes), bytes.len() as u64 + 9), Err(ArtifactError::Read(_))));
        for position in 0..bytes.len() {
            let mut damaged = bytes.clone();
            damaged[position] = !damaged[position];
            // Most changes are noticed; none of them may panic or take much memory.
            let _ = read(&file_of(&damaged), damaged.len() as u64);
            let _ = offsets(&file_of(&damaged), damaged.len() as u64);
        }
    }
}
