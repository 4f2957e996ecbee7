//! Names of compilers, decoded and too long.

//! Names of Rust and C++, and names that stand for endless ones.

use super::{MAX_DECODED, demangled, is_called};

#[test]
fn names_of_compilers_are_decoded() {
    for (encoded, expect) in [
        ("_ZN4core3fmt5write17h0123456789abcdefE", "core::fmt::write"),
        ("_RNvC6_123foo3bar", "123foo::bar"),
        (
            "_ZNSt3__16vectorIiNS_9allocatorIiEEE9push_backEOi",
            "std::__1::vector<int, std::__1::allocator<int> >::push_back(int&&)",
        ),
        ("_Z3addii", "add(int, int)"),
        ("main", "main"),
        ("_start", "_start"),
        ("_Zebra", "_Zebra"),
        ("_Z", "_Z"),
        ("", ""),
    ] {
        assert_eq!(demangled(encoded), expect);
    }
}

#[test]
fn people_leave_parameters_out() {
    assert!(is_called("_Z3addii", "add"));
    assert!(is_called("_Z3addii", "add(int, int)"));
    assert!(is_called("_Z3addii", "_Z3addii"));
    assert!(!is_called("_Z3addii", "ad"));
    assert!(is_called("_ZN4core3fmt5write17h0123456789abcdefE", "core::fmt::write"));
    assert!(is_called("main", "main"));
}

/// Each part refers twice to the one before it.
#[test]
fn names_that_stand_for_endless_ones_are_cut() {
    let mut bomb = String::from("_Z1fPi");
    for part in 0..30 {
        let reference = match part {
            0 => "S_".to_owned(),
            _ => format!("S{}_", base36(part - 1)),
        };
        bomb.push_str(&format!("PF{reference}{reference}E"));
    }
    let name = demangled(&bomb);
    assert!(name.len() <= MAX_DECODED + 4, "{}", name.len());
    assert!(name.starts_with("f(int*"), "{name}");
    let deep = format!("_Z1f{}i", "P".repeat(4_000));
    assert!(demangled(&deep).len() <= deep.len());
    let long = format!("_Z{}{}", 100_000, "x".repeat(100_000));
    assert_eq!(demangled(&long), long);
    let rust = format!("_R{}C3foo", "I".repeat(3_000));
    assert!(demangled(&rust).len() <= rust.len().max(MAX_DECODED + 4));
}

fn base36(number: u32) -> char {
    char::from_digit(number, 36).unwrap().to_ascii_uppercase()
}
