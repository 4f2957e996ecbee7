//! Saved states of programs: any bytes, and states of programs that have made calls, changed in some places.

use arbitrary::Unstructured;
use gate_abi::errno::Errno;
use gate_abi::host::Stop;
use gate_fs::Backing;
use gate_wasi::{FUNCTIONS, MAGIC, RestoreError, VERSION, Wasi, inspect};

use crate::host::{Plan, ScriptedHost};
use crate::memory;
use crate::wasi_pointers::{self, LIMITS};

/// Restores states. What is accepted must be sound: it is saved in one way only, and the program can make calls.
///
/// # Panics
/// When it is not, or when the code under test panics.
pub fn run(data: &[u8]) {
    judge(data.to_vec(), data);
    judge(with_header(data), data);
    let (calls, changes) = data.split_at(data.len() - data.len() / 4);
    let mut state = wasi_pointers::state_after(calls);
    assert!(judge(state.clone(), data), "what was saved cannot be restored");
    for change in changes.chunks_exact(5) {
        let &[high, low, place, how, byte] = change else { continue };
        // Mostly in front, where the descriptors are, and at the end, where the file system says what it holds.
        let offset = usize::from(u16::from_be_bytes([high, low])) % state.len().clamp(1, 1500);
        let at = if place < 0xc0 { offset } else { state.len().saturating_sub(1 + offset) };
        if how == 0xff {
            state.truncate(at);
        } else if let Some(target) = state.get_mut(at) {
            *target = if how < 0x80 { byte } else { target.wrapping_add(byte % 3).wrapping_sub(1) };
        }
    }
    judge(state, data);
}

/// A header of lengths that may be right, and what follows it.
fn with_header(data: &[u8]) -> Vec<u8> {
    let Some(([flags, args, env, descriptors], rest)) = data.split_first_chunk() else { return Vec::new() };
    let mut state = Vec::from(MAGIC);
    state.extend([VERSION, 64].into_iter().flat_map(u32::to_le_bytes));
    state.extend([1_u64, 2, 3].into_iter().flat_map(u64::to_le_bytes));
    state.extend([flags, args, env, descriptors].into_iter().flat_map(|n| u32::from(*n % 8).to_le_bytes()));
    state.resize(64, 0);
    state.extend(rest);
    state
}

fn restore(state: Vec<u8>, host: &mut ScriptedHost) -> Result<Wasi, RestoreError> {
    Wasi::restore(&Backing::new(state), LIMITS, 5, host)
}

/// Returns whether `state` was accepted.
fn judge(state: Vec<u8>, calls: &[u8]) -> bool {
    let mut host = ScriptedHost::new();
    let summary = inspect(&Backing::new(state.clone()), LIMITS);
    let mut wasi = match (restore(state, &mut host), &summary) {
        (Ok(wasi), Ok(_)) => wasi,
        (Err(refused), Err(also)) => {
            assert_eq!(&refused, also);
            return false;
        }
        (restored, _) => panic!("{summary:?}, but {restored:?}"),
    };
    assert_eq!(Ok(wasi.describe()), summary);
    let fs = wasi.fs();
    assert_eq!(fs.used_bytes(), fs.count_used(), "miscounted");
    assert!(fs.used_bytes() <= LIMITS.bytes && fs.used_inodes() <= LIMITS.inodes as usize);

    let saved = wasi.save(&mut host).expect("memory can be written to");
    assert_eq!(wasi.saved_bytes().ok(), Some(saved.len() as u64));
    let mut again = restore(saved.clone(), &mut host).expect("what was saved can be restored");
    assert_eq!(again.describe(), wasi.describe());
    let second = again.save(&mut host).expect("memory can be written to");
    assert!(second == saved, "the state of a state is another one");

    let (mut here, mut there) = (memory::fresh(), memory::fresh());
    let mut u = Unstructured::new(calls);
    for number in 0..20_u8 {
        let (Ok(function), Ok(plan)) = (u.choose(FUNCTIONS), u.arbitrary::<Plan>()) else { break };
        let args: Vec<u64> = function
            .params
            .iter()
            .map(|param| match param.name {
                "fd" | "old_fd" | "new_fd" | "to" => u64::from(number % 10),
                "path" | "old_path" | "new_path" => memory::path(number % 8).0,
                "path_len" | "old_path_len" | "new_path_len" => memory::path(number % 8).1,
                "iovs" => memory::list_of_buffers(),
                "iovs_len" | "count" => 2,
                "subscriptions" => memory::subscriptions(),
                _ => memory::result(number % 8),
            })
            .collect();
        let make = |wasi: &mut Wasi, memory: &mut [u8]| -> Result<Errno, Stop> {
            let mut host = host.clone();
            host.begin(plan, false);
            wasi.call(function.function, memory, &mut host, &args)
        };
        let expect = make(&mut wasi, &mut here);
        assert_eq!(make(&mut again, &mut there), expect, "{}{args:?}", function.name);
        assert!(here == there, "{}{args:?}", function.name);
        assert_eq!(wasi.fs().used_bytes(), wasi.fs().count_used(), "miscounted");
    }
    true
}

#[test]
fn smoke() {
    crate::driver::smoke(run, 1_500);
}

/// The target is worth something only if changed states are accepted now and then.
#[test]
fn changes_are_accepted_sometimes() {
    let mut inputs = crate::driver::Inputs::new(1, Vec::new());
    let mut accepted = 0;
    for _ in 0..500 {
        let mut state = wasi_pointers::state_after(&inputs.next_input());
        // Standard input, if it is still the first descriptor, without the right to read: behind the header, two arguments
        // and one environment variable.
        let first = 64 + 17 + 11;
        state[first + 7] ^= 2;
        accepted += u32::from(judge(state, &[]));
    }
    assert!(accepted > 100, "{accepted}");
}
