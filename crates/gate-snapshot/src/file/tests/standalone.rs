//! States as ordinary modules.

use super::super::parts::Parts;
use super::instances::check_instance;
use super::*;
use crate::sections::{CODE, sections};

/// What is said of a state of the module with everything.
fn standalone(state: &State, buffers: &[u8], needed: &[&str]) -> Result<Standalone, StandaloneError> {
    let (wasm, _, memories) = everything();
    let snapshot = try_written(&wasm, state, &memories, buffers).unwrap();
    let needed = needed.iter().map(|name| (*name).to_owned()).collect();
    read(&snapshot, &LIMITS).unwrap().standalone(needed)
}

fn code(wasm: &[u8]) -> usize {
    sections(wasm).map(Result::unwrap).find(|section| section.id == CODE).unwrap().content.start
}

/// The state with its frame at an offset in the code, or in the imports.
fn stopped_at(site: usize) -> State {
    let state = everything().1;
    let frame = Frame { function: 4, site: u32::try_from(site).unwrap(), locals: vec![], operands: vec![] };
    State { frames: Frames::Portable(vec![frame]), ..state }
}

fn call(function: u32) -> Call {
    Call { function, arguments: Vec::new() }
}

#[test]
fn the_module_has_the_state_and_the_exports() {
    let (wasm, _, memories) = everything();
    let state = stopped_at(code(&wasm) + 7);
    let made = standalone(&state, &[], &[]).unwrap();
    assert!(!is_snapshot(&made.module));
    check_instance(&made.module, &state, &memories);
    // The frame is at the same instruction, which is elsewhere.
    let [frame] = made.frames.as_slice() else { panic!("{:?}", made.frames) };
    assert_eq!(frame.site as usize, code(&made.module) + 7);
    assert_ne!(code(&made.module), code(&wasm));
    assert_eq!(made.then, []);
}

#[test]
fn imports_are_stop_points_too() {
    let (wasm, _, _) = everything();
    let import = Parts::parse(&wasm).unwrap().sections.into_iter().find(|section| section.id == 2).unwrap();
    let made = standalone(&stopped_at(import.content.start + 1), &[], &[]).unwrap();
    assert_eq!(made.frames[0].site as usize, import.content.start + 1);
    let error = standalone(&stopped_at(3), &[], &[]).unwrap_err();
    assert_eq!(error.to_string(), "frame 0 is at offset 0x3, where there is neither code nor an import");
}

#[test]
fn what_has_not_been_run_is_run_then() {
    let (wasm, _, _) = everything();
    let entry = Entry { initialize: Some(2), function: Some(4), arguments: Vec::new() };
    let state = State { entry, ..stopped_at(code(&wasm)) };
    let then = |phase, frames: Frames| {
        let state = State { phase, frames, ..state.clone() };
        standalone(&state, &[], &[]).unwrap().then
    };
    let none = || Frames::Portable(Vec::new());
    let one = || state.frames.clone();
    let all = [call(1), call(2), call(4)];
    assert_eq!(then(Phase::Fresh, none()), all);
    assert_eq!(then(Phase::Start, none()), all);
    assert_eq!(then(Phase::Start, one()), all[1..]);
    assert_eq!(then(Phase::Initialize, none()), all[1..]);
    assert_eq!(then(Phase::Initialize, one()), all[2..]);
    assert_eq!(then(Phase::Main, none()), all[2..]);
    assert_eq!(then(Phase::Main, one()), []);
}

#[test]
fn what_cannot_go_along_is_named() {
    let (wasm, _, _) = everything();
    let state = stopped_at(code(&wasm));
    let refused =
        |state: &State, buffers, needed| standalone(state, buffers, needed).unwrap_err().to_string();
    let needed = ["file 5 (/tmp/x)", "its service origin"];
    assert_eq!(
        refused(&state, &[], &needed),
        "the program cannot do without file 5 (/tmp/x), its service origin"
    );
    assert_eq!(
        refused(&state, &[1, 2], &[]),
        "the program has 2 bytes of packets that nobody has read yet, which cannot go along"
    );
    let ended = State { frames: Frames::Portable(vec![]), entry: Entry::default(), ..state };
    assert_eq!(refused(&ended, &[], &[]), "the program has ended: there is nothing to continue");
}
