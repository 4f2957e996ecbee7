//! Files that somebody has tampered with.

use proptest::prelude::*;

use super::*;

/// The words of a stack of [`KNOWN`]: `$a` in its loop, `$b`, `main`.
fn known() -> Vec<u64> {
    let (a, b, main) = (3 << 35 | 23, 4 << 35 | 26, 3 << 35 | 41);
    vec![a, 0x3fc0_0000, 0x1122_3344_5566_7788, b, 9, 7, 0xaa, main, 6, 5, 2]
}

#[track_caller]
fn check(words: &[u64], expected: &str) {
    let bytes: Vec<u8> = words.iter().flat_map(|word| word.to_le_bytes()).collect();
    assert_eq!(refusal(&file(KNOWN, &SUSPENDED, Some(&bytes))), expected);
}

/// What is wrong with the stack when some words are replaced.
#[track_caller]
fn check_change(from: usize, words: &[u64], expected: &str) {
    let mut all = known();
    all[from..from + words.len()].copy_from_slice(words);
    check(&all, expected);
}

#[test]
fn frames_have_the_sizes_of_their_places() {
    check_change(0, &[3 << 35 | 24], "frame 0 with number 24 has offset 24 instead of 40");
    let mut longer = known();
    longer[0] = 4 << 35 | 23;
    longer.insert(1, 0);
    check(&longer, "frame 0 with number 23 has offset 32 instead of 24");
    check_change(0, &[20 << 32 | 23], "frame 0 has offset 20, which is not a positive multiple of 8");
    check_change(0, &[23], "frame 0 has offset 0, which is not a positive multiple of 8");
    check_change(0, &[3 << 35 | 43], "frame 0 has number 43, and the program has 42 numbers");
}

#[test]
fn frames_are_where_something_can_be_continued() {
    check_change(0, &[3 << 35 | 22], "frame 0 with number 22 is where no program can be continued");
    // A number of an import other than that of its entry.
    check_change(0, &[1 << 35 | 4], "frame 1 has offset 0, which is not a positive multiple of 8");
    let entry_of_import = [&[1 << 35 | 4], &known()[3..]].concat();
    check(&entry_of_import, "frame 0 with number 4 is where no program can be continued");
}

#[test]
fn frames_call_each_other() {
    // `main` calls `$b`, not `$a`.
    let without_b = [&known()[..3], &known()[7..]].concat();
    check(&without_b, "frame 0 is of function 2, which is not what frame 1 calls");
    // `$b` calls only `$a`, and so does the table.
    let c = [&[1 << 35 | 32], &known()[3..]].concat();
    check(&c, "frame 0 is of function 4, which is not what frame 1 calls");
    check(&known()[3..], "frame 0 with number 26 is in a call, and 0 frames are further in");
    let loops = [&known()[..3], &known()].concat();
    check(&loops, "frame 1 with number 23 is not in a call, and 1 frames are further in");
    let a = [&known()[..3], &[2]].concat();
    check(&a, "function 2 cannot be the entry function of the program");
    let start = [&known()[..10], &start_before(u64::MAX)].concat();
    check(&start, "function 5 cannot be the start function of the program");
}

#[test]
fn indirect_calls_call_what_is_in_the_table() {
    let text = r#"(module (type $t (func)) (table 2 funcref) (elem (i32.const 0) $in $in) (elem (i32.const 1) $over)
        (func $in) (func $out) (func $over) (func $other (result i32) (i32.const 0))
        (func (export "main") (call_indirect (type $t) (i32.const 0))))"#;
    let inner = |number| file(text, &SUSPENDED, Some(&stack(&[(number, &[]), (10, &[])], ENTRY)));
    for (number, function) in [(3, 0), (5, 2)] {
        assert_eq!(frames(&read(&inner(number)).state)[1].function, function);
    }
    for (number, function) in [(4, 1), (6, 3), (7, 4)] {
        let expected = format!("frame 0 is of function {function}, which is not what frame 1 calls");
        assert_eq!(refusal(&inner(number)), expected);
    }
}

#[test]
fn bottoms_make_sense() {
    let bottom = |words: &[u64]| [&known()[..10], words].concat();
    check(&bottom(&[1 << 35 | 2, 0]), "the bottom of the stack, number 2, has offset 8 instead of 0");
    check(&bottom(&[2, 0]), "the stack has 1 words below its bottom");
    check(&bottom(&[]), "the stack is cut off in frame 3");
    check(&bottom(&[1 << 35 | 1]), "the stack is cut off in its bottom, number 1");
    check(&bottom(&fresh(u64::MAX, 5)), "the stack has 3 frames above a bottom with number 0");
    check(&[2], "the stack has 0 frames above a bottom with number 2");
    check(&start_before(5), "the stack has 0 frames above a bottom with number 1");
    check(&fresh(u64::MAX, 2), "function 2 cannot be the entry function of the program");
    check(&fresh(u64::MAX, 4), "function 4 cannot be the entry function of the program");
    check(&fresh(5, 5), "function 5 cannot be the start function of the program");
    check(&fresh(6, 5), "function 6 cannot be the start function of the program");
    check(&fresh(1 << 40, 5), "the bottom of the stack has a function 0x10000000000, which is no index");
    check(&[], "the stack has 0 bytes, which is not a number of words of 8 bytes");
    let odd = file(KNOWN, &SUSPENDED, Some(&[2, 0, 0, 0]));
    assert_eq!(refusal(&odd), "the stack has 4 bytes, which is not a number of words of 8 bytes");
}

#[test]
fn a_stack_that_is_cut_off_is_refused() {
    for length in 1..known().len() {
        let bytes: Vec<u8> = known()[..length].iter().flat_map(|word| word.to_le_bytes()).collect();
        let found = refusal(&file(KNOWN, &SUSPENDED, Some(&bytes)));
        assert!(found.starts_with("the stack is cut off in frame"), "{found}");
    }
}

#[test]
fn sections_are_where_they_have_to_be() {
    let module =
        wat::parse_str(r#"(module (memory 1) (func (export "main")) (data (i32.const 0) "d"))"#).unwrap();
    let parts: Vec<_> = sections::sections(&module).map(|section| &module[section.unwrap().whole]).collect();
    let custom = |name: &str, content: &[u8]| {
        let mut section = Vec::new();
        push_custom(&mut section, name, &[content]);
        section
    };
    let snapshot = custom("gate.snapshot", &[0, 0, 2, 0, 0, 0]);
    let stops = custom("gate.snapshot", &[0, 0, 2, 0, 0, 1, 3]);
    let (buffer, stack) =
        (custom("gate.buffer", &[0, 0, 0]), custom("gate.stack", &stack(&[], &fresh(u64::MAX, 0))));
    let export = custom("gate.export", parts[3]);
    let (code, data) = (parts[4], parts[5]);
    let head = [sections::HEADER, parts[0], parts[1], parts[2]].concat();
    let file = |parts: &[&[u8]]| [head.as_slice(), &parts.concat()].concat();
    let good: [&[u8]; 6] = [&snapshot, &export, code, &buffer, &stack, data];
    assert_eq!(read(&file(&good)).module, module);
    let check = |parts: &[&[u8]], expected: &str| assert_eq!(refusal(&file(parts)), expected);
    let missing = "section gate.snapshot is missing, or behind what it is about";
    check(&[&export, &snapshot, code], missing);
    check(&[parts[3], code, data], missing);
    check(&[parts[3], code, &stack, data], missing);
    check(&[&snapshot, &snapshot, code], "there is more than one section gate.snapshot");
    check(&[&snapshot, &export, code, &stack, &stack], "there is more than one section gate.stack");
    check(&[&snapshot, &export, code, &buffer, &buffer], "there is more than one section gate.buffer");
    check(&[&snapshot, &export, &export, code], "there is more than one section gate.export");
    let place = |name: &str, at: usize, how: &str| {
        format!("section {name} at offset {:#x} is too {how} in the module", head.len() + at)
    };
    let behind = |parts: &[&[u8]]| parts.iter().map(|part| part.len()).sum::<usize>();
    check(
        &[&snapshot, &stack, &export, code],
        &place("gate.stack", behind(&[&snapshot, &stack, &export]), "early"),
    );
    check(&[&snapshot, &buffer, code], &place("gate.buffer", behind(&[&snapshot, &buffer]), "early"));
    check(
        &[&snapshot, code, &stack, &buffer],
        &place("gate.buffer", behind(&[&snapshot, code, &stack]), "late"),
    );
    check(&[&snapshot, code, data, &stack], &place("gate.stack", behind(&[&snapshot, code, data]), "late"));
    check(&[code, &stops], &place("gate.snapshot", code.len(), "late"));
    let bad = "section gate.export does not contain an export section";
    check(&[&snapshot, &custom("gate.export", code), code], bad);
    check(&[&snapshot, &custom("gate.export", &[7]), code], bad);
    check(&[&snapshot, &custom("gate.export", &[parts[3], &[0]].concat()), code], bad);
    let other = custom("gate.snapshot", &[1, 0, 2, 0, 0, 0]);
    check(&[&other], "snapshot version 1 is not that of the existing system (0)");
}

#[test]
fn limits_are_kept() {
    let text = r#"(module (memory 2) (table 3 funcref) (func (export "main")))"#;
    let file = file(text, &SUSPENDED, Some(&stack(&[], &fresh(u64::MAX, 0))));
    let exact =
        Limits { module_bytes: read(&file).module.len() as u64, memory_bytes: 2 << 16, table_elements: 3 };
    assert!(crate::upstream::read(&file, &exact).is_ok());
    let refusal = |limits: Limits| crate::upstream::read(&file, &limits).unwrap_err().to_string();
    let bytes = exact.module_bytes;
    assert_eq!(
        refusal(Limits { module_bytes: bytes - 1, ..exact }),
        format!("the program in the snapshot has {bytes} bytes of code and data (limit: {})", bytes - 1)
    );
    assert_eq!(
        refusal(Limits { memory_bytes: 65_536, ..exact }),
        "the program in the snapshot has 131072 bytes of memory (limit: 65536)"
    );
    assert_eq!(
        refusal(Limits { table_elements: 2, ..exact }),
        "the program in the snapshot has 3 table elements (limit: 2)"
    );
}

proptest! {
    /// What is read in spite of it can be written, and is the same then.
    #[test]
    fn changed_files_are_refused_or_make_sense(changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4)) {
        let words: Vec<u8> = known().iter().flat_map(|word| word.to_le_bytes()).collect();
        let mut file = file(KNOWN, &SUSPENDED, Some(&words));
        for (at, byte) in changes {
            let at = at.index(file.len());
            file[at] = byte;
        }
        if let Ok(snapshot) = crate::upstream::read(&file, &LIMITS) {
            let written = write(&snapshot);
            let again = read(&written);
            prop_assert_eq!(again.state.frames, snapshot.state.frames);
        }
    }

    #[test]
    fn stacks_of_any_words_are_refused_or_make_sense(
        words in prop::collection::vec(prop_oneof![0..44u64, (0..44u64, 0..6u64).prop_map(|(n, o)| o << 35 | n)], 0..12)
    ) {
        let bytes: Vec<u8> = words.iter().flat_map(|word| word.to_le_bytes()).collect();
        let file = file(KNOWN, &SUSPENDED, Some(&bytes));
        if let Ok(snapshot) = crate::upstream::read(&file, &LIMITS) {
            prop_assert_eq!(read(&write(&snapshot)).state, snapshot.state);
        }
    }
}
