//! The compiled filters, run over all numbers by an interpreter of the kernel's filter language.

use super::*;

#[test]
fn every_list_compiles() {
    for stage in Stage::ALL {
        Filter::new(stage).unwrap();
    }
}
