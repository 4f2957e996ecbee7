//! The report from child to parent.

use super::*;

#[test]
fn every_step_crosses_the_pipe() {
    assert!(decode(encode(None, 0)).is_none());
    for (index, step) in Step::ALL.into_iter().enumerate() {
        assert_eq!(step as usize, index + 1, "the list is complete and in order");
        let (found, error) = decode(encode(Some(step), libc::EPERM)).unwrap();
        assert_eq!((found, error.raw_os_error()), (step, Some(libc::EPERM)));
        assert!(!step.to_string().is_empty());
    }
}
