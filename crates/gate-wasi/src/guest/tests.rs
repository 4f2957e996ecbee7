//! Tests of splitting memory into buffers.

use proptest::prelude::*;

use super::{Buffer, slices_mut};

proptest! {
    #[test]
    fn buffers_come_in_their_order(buffers in prop::collection::vec((0..60_u32, 1..8_u32), 1..8)) {
        let buffers: Vec<Buffer> = buffers.into_iter().map(|(ptr, len)| Buffer { ptr, len }).collect();
        let mut memory: Vec<u8> = (0..64).collect();
        memory.resize(128, 0);
        let expect: Vec<Vec<u8>> =
            buffers.iter().map(|b| memory[b.ptr as usize..][..b.len as usize].to_vec()).collect();
        let overlap = buffers.iter().enumerate().any(|(i, a)| {
            buffers[..i].iter().any(|b| a.ptr < b.ptr + b.len && b.ptr < a.ptr + a.len)
        });
        let got: Vec<Vec<u8>> = slices_mut(&mut memory, &buffers).unwrap().iter().map(|s| s.to_vec()).collect();
        prop_assert_eq!(&got[..], if overlap { &expect[..1] } else { &expect[..] });
    }
}
