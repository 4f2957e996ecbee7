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
        for (at, piece) in content.pieces(&image) {
            let at = usize::try_from(at).unwrap();
            pieces[at..at + piece.len()].copy_from_slice(piece);
        }
        prop_assert!(pieces == model);
    }
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
