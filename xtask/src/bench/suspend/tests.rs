//! The bench, made small.

use super::{Size, lives, snapshots};

#[test]
fn programs_of_the_bench_stop_continue_and_are_written_down() {
    let tiny = Size { stopped: 1, lives: 2, written: 4, snapshots: 2 };
    let figures = lives(&tiny).unwrap().into_iter().chain(snapshots(&tiny).unwrap());
    let mut count = 0;
    for figure in figures {
        assert!(figure.values.iter().all(|value| *value > 0.0), "{}", figure.line("suspend"));
        count += 1;
    }
    assert_eq!(count, 7);
}
