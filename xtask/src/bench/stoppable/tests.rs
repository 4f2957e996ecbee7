//! The benches, made small.

use gate_testkit::guests::kernel;

use super::{compiling, computing, programs};

#[test]
fn programs_that_can_be_stopped_are_compared_with_others() {
    let module = programs::module(&kernel("busy").unwrap()).unwrap();
    let figures = compiling("busy", &module, 1).unwrap();
    assert_eq!(figures.len(), 4);
    // What makes it stoppable is code.
    assert!(figures[1].values.iter().all(|ratio| *ratio > 1.0), "{}", figures[1].line("compile"));

    let figures = computing(&[("fib", "5")], 1).unwrap();
    assert_eq!(figures.len(), 4);
}
