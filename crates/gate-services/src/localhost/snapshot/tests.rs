//! Tests of what is kept of calls.

use proptest::prelude::*;

use super::*;

#[test]
fn the_layout_is_as_documented() {
    let call: &[u8] = b"call";
    let replies = [(1, &b"reply"[..]), (0, b"")];
    let written = write(0x0102, [call].into_iter(), replies.into_iter());
    let expected = [
        &[1][..],
        &[12, 0, 0, 0, 2, 1, 0, 0],
        b"call",
        &[2],
        &[13, 0, 0, 0, 2, 1, 0, 1],
        b"reply",
        &[8, 0, 0, 0, 2, 1, 0, 0],
    ]
    .concat();
    assert_eq!(written, expected);
    let kept = Kept { calls: vec![call.to_vec()], replies: vec![(1, b"reply".to_vec()), (0, Vec::new())] };
    assert_eq!(read(&written).unwrap(), kept);
    for len in 0..written.len() {
        assert!(read(&written[..len]).is_err(), "{len} bytes");
    }
}

#[test]
fn nothing_can_be_kept() {
    assert_eq!(read(&[0, 0]).unwrap(), Kept { calls: Vec::new(), replies: Vec::new() });
}

#[test]
fn what_makes_no_sense_is_refused() {
    let packet = [8, 0, 0, 0, 0, 0, 0, 0];
    for (snapshot, reason) in [
        (vec![0, 0, 0], "behind its end"),
        (vec![11, 0], "11 calls"),
        (vec![0, 0xf7, 1], "247 replies"),
        (vec![0xff, 0xff, 0xff, 0xff, 1], "too large"),
        ([&[0, 1][..], &[8, 0, 0, 0, 0, 0, 0, 1]].concat(), "to no call"),
        ([&[1][..], &[7, 0, 0, 0, 0, 0, 0, 0], &[0]].concat(), "none of the service"),
        ([&[1][..], &[1, 0, 1, 0, 0, 0, 0, 0], &[0]].concat(), "none of the service"),
        ([&[1][..], &[8, 0, 0, 0, 0, 0, 2, 0], &[0]].concat(), "none of the service"),
        ([&[2][..], &packet, &[0]].concat(), "cut"),
    ] {
        let Err(Failure::Snapshot(found)) = read(&snapshot) else { panic!("{reason}: it is read") };
        assert!(found.contains(reason), "{found}");
    }
}

proptest! {
    #[test]
    fn what_is_written_is_read(
        code in 0..=0x7fff_u16,
        calls in prop::collection::vec(any::<Vec<u8>>(), 0..=MAX_REQUESTS),
        replies in prop::collection::vec(any::<Vec<u8>>(), 0..=MAX_REPLIES),
    ) {
        let replies: Vec<_> = replies.into_iter().map(|reply| (0, reply)).collect();
        let parts = replies.iter().map(|(index, reply)| (*index, &**reply));
        let written = write(code, calls.iter().map(|call| &**call), parts);
        prop_assert_eq!(read(&written).unwrap(), Kept { calls, replies });
    }

    #[test]
    fn anything_is_read_or_refused(snapshot: Vec<u8>) {
        let _ = read(&snapshot);
    }
}
