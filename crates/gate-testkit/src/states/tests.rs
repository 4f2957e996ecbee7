//! What the programs say of themselves.

use super::{State, states};

#[test]
fn every_program_says_how_to_run_it() {
    let states = states().unwrap();
    assert!(states.len() >= 40, "{}", states.len());
    for state in &states {
        assert!(state.every.iter().all(|every| *every > 0), "{}", state.name);
    }
}

#[test]
fn pauses_are_bytes_or_lines() {
    let mut state = State { input: "...".to_owned(), ..State::default() };
    assert_eq!((state.pauses(), state.input_before(0), state.input_before(2)), (3, "", ".."));
    state.input = "one\ntwo\nlast".to_owned();
    assert_eq!((state.pauses(), state.input_before(0), state.input_before(2)), (3, "", "one\ntwo\n"));
}

#[test]
fn options_are_known() {
    let mut state = State::default();
    state.set("invoke = f 1 -2").unwrap();
    assert_eq!(
        (state.invoke.as_deref(), &state.arguments[..]),
        (Some("f"), &["1".to_owned(), "-2".to_owned()][..])
    );
    state.set("file = /a: b: c").unwrap();
    assert_eq!(state.files, [("/a".to_owned(), "b: c".to_owned())]);
    for (option, message) in [
        ("inputs = x", "\"inputs\" is no option"),
        ("file = /a", "this has no contents"),
        ("every = x", "invalid digit found in string"),
    ] {
        assert_eq!(state.set(option).unwrap_err().to_string(), message);
    }
}
