//! What a program finds that looks around through its imports. What it could do by system calls is in the tests of the
//! sandbox.

use gate_runtime::{Container, Entry, Outcome, Value, Verdict};

use crate::crowd::{compile, container, invoke, report};

const PROBE: &[u8] = include_bytes!("probe.wat");

fn call(container: &mut Container, function: &str) -> Verdict {
    let Ok(compiled) = compile(container, PROBE) else { panic!("it is a module") };
    let entry = Entry::Invoke { name: function.to_owned(), arguments: Vec::new() };
    let (instance, _input) = invoke(container, &compiled.artifact, entry);
    report(container, instance).verdict
}

#[test]
fn a_program_reaches_nothing() {
    match call(&mut container(), "reach") {
        Verdict::Ended { outcome: Outcome::Returned(values), .. } => {
            assert_eq!(values, [Value::I32(0)], "so many attempts succeeded");
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_program_signals_nobody() {
    let mut container = container();
    let verdict = call(&mut container, "raise");
    assert!(matches!(verdict, Verdict::Ended { .. }), "{verdict:?}");
    // The container is as before.
    assert!(matches!(call(&mut container, "reach"), Verdict::Ended { .. }));
}
