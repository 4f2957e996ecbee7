//! Tests of contents against a vector of bytes.

use proptest::prelude::*;

use super::{CHUNK, Content, Extent, unit};

const IMAGE_FILE: u64 = 3 * CHUNK + 1000;

fn image() -> Vec<u8> {
    (0..IMAGE_FILE + 64).map(|i| u8::try_from(i % 251).unwrap()).collect()
}

#[derive(Clone, Debug)]
enum Op {
    Write { at: u64, len: usize, fill: u8 },
    SetLen(u64),
    Allocate { at: u64, len: u64 },
    Read { at: u64, len: usize },
}

fn op() -> impl Strategy<Value = Op> {
    let at = prop_oneof![0..5 * CHUNK, (0..5_u64).prop_map(|n| n * CHUNK), (0..5_u64).prop_map(|n| n * 512)];
    let len = prop_oneof![0..1000_usize, 0..150_000_usize];
    prop_oneof![
        (at.clone(), len.clone(), 1..=255_u8).prop_map(|(at, len, fill)| Op::Write { at, len, fill }),
        at.clone().prop_map(Op::SetLen),
        (at.clone(), 1..100_000_u64).prop_map(|(at, len)| Op::Allocate { at, len }),
        (at, len).prop_map(|(at, len)| Op::Read { at, len }),
    ]
}

proptest! {
    #[test]
    fn behaves_like_a_vector(borrowed in any::<bool>(), ops in prop::collection::vec(op(), 1..30)) {
        let image = image();
        let mut model = Vec::new();
        let mut content = Content::default();
        if borrowed {
            model = image[64..].to_vec();
            content = Content::from_extents(IMAGE_FILE, vec![Extent { at: 0, from: 64, len: IMAGE_FILE }]);
        }
        for op in ops {
            match op {
                Op::Write { at, len, fill } => {
                    let data = vec![fill; len];
                    prop_assert_eq!(content.write(&image, at, &data, u64::MAX), Ok(len));
                    let at = usize::try_from(at).unwrap();
                    if len > 0 && model.len() < at + len {
                        model.resize(at + len, 0);
                    }
                    if len > 0 {
                        model[at..at + len].copy_from_slice(&data);
                    }
                }
                Op::SetLen(len) => {
                    content.set_len(len);
                    model.resize(usize::try_from(len).unwrap(), 0);
                }
                Op::Allocate { at, len } => {
                    prop_assert_eq!(content.allocate(&image, at, len, u64::MAX), Ok(()));
                    let before = content.charge();
                    let data = vec![0x5a; usize::try_from(len).unwrap()];
                    prop_assert_eq!(content.write(&image, at, &data, 0), Ok(data.len()));
                    prop_assert_eq!(content.charge(), before);
                    let at = usize::try_from(at).unwrap();
                    model.resize(model.len().max(at + data.len()), 0);
                    model[at..at + data.len()].copy_from_slice(&data);
                }
                Op::Read { at, len } => {
                    let mut buf = vec![0xee; len];
                    let read = content.read(&image, at, &mut buf);
                    let from = usize::try_from(at).unwrap().min(model.len());
                    let to = (from + len).min(model.len());
                    prop_assert_eq!(&buf[..read], &model[from..to]);
                    prop_assert!(buf[read..].iter().all(|byte| *byte == 0xee));
                }
            }
            prop_assert_eq!(content.len(), model.len() as u64);
            prop_assert_eq!(content.charge(), content.count_charge());
        }
        let mut all = vec![0; model.len()];
        prop_assert_eq!(content.read(&image, 0, &mut all), model.len());
        prop_assert!(all == model);
        let mut pieces = vec![0; model.len()];
        for piece in content.pieces(&image) {
            let at = usize::try_from(piece.at).unwrap();
            pieces[at..at + piece.bytes.len()].copy_from_slice(piece.bytes);
            prop_assert!(piece.at + piece.len() <= content.len());
        }
        prop_assert!(pieces == model);
    }
}

/// What is left of `content` in an image, and the contents that are restored from it.
fn saved(content: &Content, image: &[u8]) -> (Vec<u8>, Content) {
    let (mut stored, mut extents) = (vec![0; 64], Vec::new());
    for piece in content.pieces(image) {
        extents.push(Extent { at: piece.at, from: stored.len() as u64, len: piece.len() });
        stored.extend(piece.bytes);
        stored.resize(stored.len() + usize::try_from(piece.zeros).unwrap(), 0);
    }
    (stored, Content::from_extents(content.len(), extents))
}

/// Does `op` within `budget`, and tells what came of it.
fn apply(content: &mut Content, image: &[u8], op: &Op, budget: u64) -> (Option<usize>, Vec<u8>) {
    match *op {
        Op::Write { at, len, fill } => {
            (content.write(image, at, &vec![fill % 3; len], budget).ok(), Vec::new())
        }
        Op::SetLen(len) => {
            content.set_len(len);
            (None, Vec::new())
        }
        Op::Allocate { at, len } => (content.allocate(image, at, len, budget).ok().map(|()| 0), Vec::new()),
        Op::Read { at, len } => {
            let mut buf = vec![0; len];
            (Some(content.read(image, at, &mut buf)), buf)
        }
    }
}

proptest! {
    /// Whatever is done to contents, it makes no difference whether they were saved and restored before.
    #[test]
    fn saved_and_restored_contents_go_on(
        before in prop::collection::vec(op(), 0..20),
        between in prop::collection::vec(op(), 0..5),
        after in prop::collection::vec((op(), 0..200_000_u64), 0..20),
    ) {
        let mut content = Content::default();
        for op in &before {
            apply(&mut content, &[], op, u64::MAX);
        }
        let (mut image, mut restored) = saved(&content, &[]);
        for op in &between {
            let expect = apply(&mut content, &[], op, u64::MAX);
            prop_assert!(apply(&mut restored, &image, op, u64::MAX) == expect);
        }
        (image, restored) = saved(&restored, &image);
        for (op, budget) in &after {
            let expect = apply(&mut content, &[], op, *budget);
            prop_assert!(apply(&mut restored, &image, op, *budget) == expect, "{op:?}");
            prop_assert_eq!((restored.len(), restored.charge()), (content.len(), content.charge()));
        }
        prop_assert!(saved(&restored, &image).0 == saved(&content, &[]).0, "equal contents are saved in one way");
    }
}

#[test]
fn pieces_do_not_tell_their_history() {
    let bytes = |content: &Content| -> Vec<(u64, Vec<u8>, u64)> {
        content.pieces(&[]).map(|piece| (piece.at, piece.bytes.to_vec(), piece.zeros)).collect()
    };
    let written = |len: usize, data: &[u8], size: u64| {
        let mut content = Content::default();
        content.write(&[], 0, &[vec![0; len - data.len()], data.to_vec()].concat(), u64::MAX).unwrap();
        content.set_len(size);
        content
    };
    // As long as it is charged for what it was, the zeros that were written are left out.
    assert_eq!(bytes(&written(3, b"abc", 500)), [(0, b"abc".to_vec(), 0)]);
    assert_eq!(bytes(&written(6, b"abc\0\0\0", 500)), [(0, b"abc".to_vec(), 0)]);
    assert_eq!(bytes(&written(9, b"\0", 500)), [(0, vec![0], 0)]);
    assert_eq!(bytes(&written(1000, b"\0", 2000)), [(0, vec![0; 513], 0)]);
    // A chunk that is charged for as a whole is written as a whole.
    let whole = bytes(&written(40_000, b"x", 70_000));
    assert_eq!((whole.len(), whole[0].1.len() as u64 + whole[0].2), (1, CHUNK));
    let cut = bytes(&written(40_000, b"x", 41_000));
    assert_eq!((cut.len(), cut[0].1.len() as u64 + cut[0].2), (1, 41_000));
}

#[test]
fn unit_is_a_power_of_two() {
    for (stored, expect) in [(0, 0), (1, 512), (512, 512), (513, 1024), (40_000, 65_536), (65_536, 65_536)] {
        assert_eq!(unit(stored), expect, "unit({stored})");
    }
}

#[test]
fn overwriting_borrowed_contents_is_free() {
    let image = image();
    let mut content = Content::from_extents(IMAGE_FILE, vec![Extent { at: 0, from: 64, len: IMAGE_FILE }]);
    assert_eq!(content.charge(), 3 * CHUNK + 1024);
    for at in [0, CHUNK - 1, 2 * CHUNK + 7, IMAGE_FILE - 2] {
        assert_eq!(content.write(&image, at, b"xy", 0), Ok(2), "at {at}");
    }
    assert_eq!(content.charge(), 3 * CHUNK + 1024);
}

#[test]
fn a_write_stops_where_the_budget_ends() {
    let mut content = Content::default();
    let data = vec![1; 200_000];
    assert_eq!(content.write(&[], 0, &data, 2 * CHUNK), Ok(2 * 65_536));
    assert_eq!(content.len(), 2 * CHUNK);
    assert_eq!(
        content.write(&[], 2 * CHUNK, &data, 511),
        Err(gate_abi::errno::Errno::NoSpc),
        "not even one unit"
    );
    assert_eq!(content.charge(), 2 * CHUNK);
}
