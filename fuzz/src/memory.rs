//! The memory of programs whose calls are fuzzed: what is in it, what points into it, and where calls wrote.

use std::fmt::Debug;

use arbitrary::{Result, Unstructured};

/// Small, so that it can be compared after each call.
pub(crate) const MEMORY_BYTES: u32 = 8192;

/// Where [`PATHS`] are, [`PATH_STRIDE`] bytes from each other.
const PATH: u32 = 0x100;
const PATH_STRIDE: u32 = 32;

/// Where there is a list of buffers, and what it says. Some overlap each other.
const VECTORS: u32 = 0x800;
const BUFFERS: [(u32, u32); 8] =
    [(0x1000, 64), (0x1040, 0), (0x1100, 200), (0x1180, 20), (0x1ff0, 16), (0x1200, 600), (0x400, 1), (0, 3)];

/// Where there are subscriptions, and what they say: tag, clock or descriptor, time, flags.
const SUBSCRIPTIONS: u32 = 0x900;
const WAITS: [(u8, u32, u64, u16); 8] = [
    (0, 0, 1000, 0),
    (1, 0, 0, 0),
    (2, 1, 0, 0),
    (0, 1, 1_001_000_000, 1),
    (1, 4, 0, 0),
    (2, 4, 0, 0),
    (0, 2, 5, 0),
    (2, 2, 0, 0),
];

/// Where nothing else is.
const FREE: u32 = 0x1000;

/// What programs call files.
const PATHS: [&str; 20] = [
    "file",
    "dir",
    "link",
    "new",
    "dir/inner",
    "dir/file",
    "dir/new",
    ".",
    "..",
    "dir/..",
    "loop",
    "dir/../../x",
    "/file",
    "file/",
    "dir/",
    "big",
    "none/x",
    "link/",
    "a\0b",
    "\u{e9}",
];

/// The numbers of a path to a file that is there, and of one to a file that is not.
pub(crate) const FILE: u8 = 0;
pub(crate) const NEW: u8 = 3;

/// Memory as each program finds it.
pub(crate) fn fresh() -> Vec<u8> {
    let mut memory = vec![0xa5; MEMORY_BYTES as usize];
    for (at, path) in (PATH..).step_by(PATH_STRIDE as usize).zip(PATHS) {
        put(&mut memory, at, path.as_bytes());
    }
    for (at, (ptr, len)) in (VECTORS..).step_by(8).zip(BUFFERS) {
        put(&mut memory, at, &[ptr.to_le_bytes(), len.to_le_bytes()].concat());
    }
    for (at, (tag, subject, time, flags)) in (SUBSCRIPTIONS..).step_by(48).zip(WAITS) {
        let mut subscription = [0; 48];
        subscription[8] = tag;
        subscription[16..20].copy_from_slice(&subject.to_le_bytes());
        subscription[24..32].copy_from_slice(&time.to_le_bytes());
        subscription[40..42].copy_from_slice(&flags.to_le_bytes());
        put(&mut memory, at, &subscription);
    }
    memory
}

fn put(memory: &mut [u8], at: u32, bytes: &[u8]) {
    memory[at as usize..][..bytes.len()].copy_from_slice(bytes);
}

/// What a program writes before a call: mostly nothing.
pub(crate) fn pokes(u: &mut Unstructured<'_>) -> Result<Vec<(u32, [u8; 8])>> {
    let count = u.arbitrary::<u8>()? / 86;
    (0..count)
        .map(|_| {
            let at = match u.int_in_range(0..=3)? {
                0 => VECTORS + u.int_in_range(0..=0x3f)?,
                1 => SUBSCRIPTIONS + u.int_in_range(0..=0x17f)?,
                2 => PATH + u.int_in_range(0..=0x27f)?,
                _ => u.int_in_range(0..=MEMORY_BYTES - 8)?,
            };
            let word = if u.arbitrary()? { u.arbitrary()? } else { argument(u, true)?.to_le_bytes() };
            Ok((at, word))
        })
        .collect()
}

/// Writes that.
pub(crate) fn poke(memory: &mut [u8], pokes: &[(u32, [u8; 8])]) {
    for (at, word) in pokes {
        put(memory, *at, word);
    }
}

/// Any argument: descriptors, counts, pointers to what there is, pointers around the end, and extremes.
pub(crate) fn argument(u: &mut Unstructured<'_>, wide: bool) -> Result<u64> {
    let kind: u8 = u.arbitrary()?;
    let small = u64::from(kind & 0xf);
    Ok(match kind >> 4 {
        0..=5 => small,
        6 | 7 => u64::from(FREE) + small * 8,
        8 => VECTORS.into(),
        9 => SUBSCRIPTIONS.into(),
        10 => path(kind & 0xf).0,
        11 => u64::from(MEMORY_BYTES) + 4 - small,
        12 => u.int_in_range(0..=u64::from(MEMORY_BYTES))?,
        13 => [u64::from(u32::MAX), 1 << 31, u64::MAX, 1 << 63][usize::from(kind & 3)] - small / 4,
        14 if wide => u.arbitrary()?,
        14 => u.arbitrary::<u32>()?.into(),
        _ => u.arbitrary::<u16>()?.into(),
    })
}

/// Pointer to a path, and its length.
pub(crate) fn path(number: u8) -> (u64, u64) {
    let index = usize::from(number) % PATHS.len();
    (u64::from(PATH) + u64::from(PATH_STRIDE) * index as u64, PATHS[index].len() as u64)
}

/// Pointer to the list of buffers.
pub(crate) fn list_of_buffers() -> u64 {
    VECTORS.into()
}

/// Pointer to subscriptions.
pub(crate) fn subscriptions() -> u64 {
    SUBSCRIPTIONS.into()
}

/// Pointer to memory that is free for results; one of a few.
pub(crate) fn result(number: u8) -> u64 {
    u64::from(FREE) + u64::from(number) * 16
}

/// A part of memory, or beyond.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Region {
    start: usize,
    end: usize,
}

impl Region {
    /// `len` bytes at a pointer, of which the lower half counts.
    pub(crate) fn new(ptr: u64, len: u64) -> Self {
        let index = |place| usize::try_from(place).unwrap_or(usize::MAX);
        let start = ptr & 0xffff_ffff;
        Self { start: index(start), end: index(start.saturating_add(len)) }
    }

    /// That many things of `size` bytes at a pointer.
    pub(crate) fn list(ptr: u64, count: u64, size: u64) -> Self {
        Self::new(ptr, (count & 0xffff_ffff) * size)
    }

    /// Whether they have a byte in common.
    pub(crate) fn overlaps(&self, other: &Self) -> bool {
        self.start < other.end && other.start < self.end
    }
}

/// The buffers of a list, as far as that is in memory.
pub(crate) fn vectors(memory: &[u8], list: u64, count: u64) -> Vec<Region> {
    let Region { start, end } = Region::list(list, count, 8);
    let list = memory.get(start..end.min(memory.len())).unwrap_or_default();
    let buffers = list.as_chunks::<8>().0.iter().map(|&[a, b, c, d, e, f, g, h]| {
        Region::new(u32::from_le_bytes([a, b, c, d]).into(), u32::from_le_bytes([e, f, g, h]).into())
    });
    buffers.collect()
}

/// Compares memory before and after a call that may have written to `regions`.
///
/// # Panics
/// When there is a change elsewhere.
#[track_caller]
pub(crate) fn written_inside(before: &[u8], after: &[u8], regions: &[Region], call: &dyn Debug) {
    assert_eq!(before.len(), after.len());
    if before == after {
        return;
    }
    let mut expect = before.to_vec();
    for Region { start, end } in regions {
        let (start, end) = (*start, (*end).min(after.len()));
        if start < end {
            expect[start..end].copy_from_slice(&after[start..end]);
        }
    }
    if expect != after {
        let at = (0..after.len()).find(|at| expect[*at] != after[*at]).unwrap_or_default();
        panic!("{call:?} wrote to {at:#x}, which is in none of {regions:x?}");
    }
}
