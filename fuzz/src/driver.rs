//! Runs a target over and over on inputs made from random bytes and from mutated earlier ones.
//!
//! It works on stable Rust and knows nothing of coverage, so it finds what structured targets and seeds lead it to.
//! Everything follows from a seed: the same seed, corpus and number of executions give the same inputs.

use std::time::{Duration, Instant};

use crate::Target;

/// The largest input made here, in bytes, unless there is a larger seed. Larger ones only make executions slow.
const MAX_INPUT_BYTES: usize = 4096;

/// How many inputs are kept to be mutated further.
const POOL: usize = 512;

/// The seed of smoke tests. Any number would do, as long as it stays.
const SMOKE_SEED: u64 = 0x6761_7465;

/// Numbers at which code tends to behave differently, put into inputs in little-endian form.
const INTERESTING: [u64; 12] =
    [0, 1, 0x7f, 0x80, 0xff, 0x7fff, 0xffff, 0x1_0000, 0x7fff_ffff, 0x8000_0000, 0xffff_ffff, u64::MAX];

/// A pseudo-random number generator (SplitMix64): small, seedable with anything, and good enough to choose inputs.
#[derive(Clone, Debug)]
pub struct Prng(u64);

impl Prng {
    /// The generator whose numbers follow from `seed`.
    #[must_use]
    pub const fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// The next number.
    pub fn next_u64(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number below `bound`; 0 if that is 0.
    pub fn below(&mut self, bound: usize) -> usize {
        let number = self.next_u64().checked_rem(bound as u64).unwrap_or(0);
        usize::try_from(number).expect("it is below a usize")
    }

    /// A byte.
    pub fn byte(&mut self) -> u8 {
        self.next_u64().to_le_bytes()[0]
    }
}

/// Makes inputs.
#[derive(Debug)]
pub struct Inputs {
    prng: Prng,
    pool: Vec<Vec<u8>>,
    /// How many of the pool are seeds, which are never replaced, and how many of them have been handed out as they are.
    seeds: usize,
    handed_out: usize,
    max_bytes: usize,
}

impl Inputs {
    /// Inputs that follow from `seed`, and from `seeds`, which come first.
    #[must_use]
    pub fn new(seed: u64, seeds: Vec<Vec<u8>>) -> Self {
        let max_bytes = seeds.iter().map(Vec::len).max().unwrap_or(0).max(MAX_INPUT_BYTES);
        Self { prng: Prng::new(seed), seeds: seeds.len(), pool: seeds, handed_out: 0, max_bytes }
    }

    /// The next input.
    pub fn next_input(&mut self) -> Vec<u8> {
        if self.handed_out < self.seeds {
            self.handed_out += 1;
            return self.pool[self.handed_out - 1].clone();
        }
        let input = if self.pool.is_empty() || self.prng.below(8) == 0 {
            // Small ones more often than large ones: half of them have less than 64 bytes.
            let most = if self.prng.below(2) == 0 { 64 } else { MAX_INPUT_BYTES };
            let len = self.prng.below(most);
            (0..len).map(|_| self.prng.byte()).collect()
        } else {
            // Every other one stems from a seed directly, or else the seeds would drown in the pool.
            let from_seed = self.seeds > 0 && self.prng.below(2) == 0;
            let parent = self.prng.below(if from_seed { self.seeds } else { self.pool.len() });
            let mut input = self.pool[parent].clone();
            for _ in 0..=self.prng.below(6) {
                self.mutate(&mut input);
            }
            input
        };
        if self.pool.len() < self.seeds + POOL {
            self.pool.push(input.clone());
        } else if self.prng.below(16) == 0 {
            let replaced = self.seeds + self.prng.below(POOL);
            self.pool[replaced].clone_from(&input);
        }
        input
    }

    /// Changes `input` in one place.
    fn mutate(&mut self, input: &mut Vec<u8>) {
        let prng = &mut self.prng;
        let at = prng.below(input.len() + 1);
        match prng.below(8) {
            0 => input.insert(at, prng.byte()),
            1 => input.truncate(at),
            2 => {
                let end = at + prng.below(input.len() - at + 1);
                input.drain(at..end);
            }
            3 => {
                let number = INTERESTING[prng.below(INTERESTING.len())].to_le_bytes();
                let width = 1 << prng.below(4);
                let end = input.len().min(at + width);
                input[at..end].copy_from_slice(&number[..end - at]);
            }
            4 => {
                // A piece of another input (or the same), in place of or in front of what is here.
                let donor = &self.pool[prng.below(self.pool.len())];
                let start = prng.below(donor.len() + 1);
                let piece = donor[start..start + prng.below(donor.len() - start + 1)].to_vec();
                let end = if prng.below(2) == 0 { at } else { input.len().min(at + piece.len()) };
                input.splice(at..end, piece);
            }
            5 => {
                if let Some(byte) = input.get_mut(at) {
                    *byte = byte.wrapping_add_signed(if prng.below(2) == 0 { 1 } else { -1 });
                }
            }
            6 => {
                if let Some(byte) = input.get_mut(at) {
                    *byte ^= 1 << prng.below(8);
                }
            }
            _ => {
                if let Some(byte) = input.get_mut(at) {
                    *byte = prng.byte();
                }
            }
        }
        input.truncate(self.max_bytes);
    }
}

/// What a campaign did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Summary {
    /// How often the target was run.
    pub executions: u64,
    /// How long all of them took.
    pub elapsed: Duration,
    /// How long the slowest took.
    pub slowest: Duration,
}

/// Runs `execute` on input after input until `duration` has passed, or until it returns `false`.
pub fn campaign(inputs: &mut Inputs, duration: Duration, mut execute: impl FnMut(&[u8]) -> bool) -> Summary {
    let start = Instant::now();
    let mut summary = Summary { executions: 0, elapsed: Duration::ZERO, slowest: Duration::ZERO };
    while summary.elapsed < duration {
        let input = inputs.next_input();
        let before = Instant::now();
        let go_on = execute(&input);
        summary.executions += 1;
        summary.slowest = summary.slowest.max(before.elapsed());
        summary.elapsed = start.elapsed();
        if !go_on {
            break;
        }
    }
    summary
}

/// Runs `target` on `executions` inputs that are the same each time: the test of each target.
///
/// # Panics
/// When the target does.
pub fn smoke(target: Target, executions: u32) {
    let mut inputs = Inputs::new(SMOKE_SEED, Vec::new());
    for _ in 0..executions {
        target(&inputs.next_input());
    }
}

#[cfg(test)]
mod tests;
