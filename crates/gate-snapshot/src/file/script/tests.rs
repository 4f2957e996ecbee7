//! Scripts that are written, run, and made up.

use proptest::prelude::*;

use super::*;

const SNAPSHOT: &[u8] = b"0123456789";

#[derive(Clone, Debug)]
enum Wish {
    Copy(usize, usize),
    Insert(Vec<u8>),
    Zeros(usize),
}

fn wish() -> impl Strategy<Value = Wish> {
    let end = SNAPSHOT.len();
    prop_oneof![
        (0..=end).prop_flat_map(move |from| (Just(from), 0..=end - from)).prop_map(|(a, b)| Wish::Copy(a, b)),
        prop::collection::vec(any::<u8>(), 0..5).prop_map(Wish::Insert),
        (0usize..300).prop_map(Wish::Zeros),
    ]
}

proptest! {
    #[test]
    fn a_script_gives_what_was_wished(wishes in prop::collection::vec(wish(), 0..20)) {
        let mut script = Script::default();
        let mut expected = Vec::new();
        for wish in wishes {
            match wish {
                Wish::Copy(from, length) => {
                    script.copy(from as u64, length as u64);
                    expected.extend_from_slice(&SNAPSHOT[from..from + length]);
                }
                Wish::Insert(bytes) => {
                    script.insert(&bytes);
                    expected.extend(bytes);
                }
                Wish::Zeros(length) => {
                    script.zeros(length as u64);
                    expected.resize(expected.len() + length, 0);
                }
            }
        }
        let mut bytes = Vec::new();
        script.encode(&mut bytes);
        let length = expected.len() as u64;
        prop_assert_eq!(run(&bytes, SNAPSHOT, length), Ok(expected));
        prop_assert_eq!(
            run(&bytes, SNAPSHOT, length + 1),
            Err(ScriptError::Length { found: length, expected: length + 1 })
        );
    }

    #[test]
    fn any_bytes_give_what_is_expected_or_nothing(script in any::<Vec<u8>>(), expected in 0u64..1000) {
        if let Ok(bytes) = run(&script, SNAPSHOT, expected) {
            prop_assert_eq!(bytes.len() as u64, expected);
        }
    }
}

#[track_caller]
fn check_refused(script: &[u8], expected: ScriptError) {
    assert_eq!(run(script, SNAPSHOT, 4), Err(expected));
}

#[test]
fn steps_that_make_no_sense_are_refused() {
    check_refused(&[3], ScriptError::Step { at: 0 });
    check_refused(&[0x80], ScriptError::CutOff { at: 0 });
    check_refused(&[2 << 2 | 1, b'x'], ScriptError::CutOff { at: 0 });
    check_refused(&[1 << 2 | 2, 2 << 2, 20], ScriptError::Range { at: 1 });
    check_refused(&[1 << 2, 1], ScriptError::Range { at: 0 });
    check_refused(&[5 << 2 | 2], ScriptError::Length { found: 5, expected: 4 });
    let all = [[0xff; 9].as_slice(), &[1, 0]].concat();
    check_refused(&all, ScriptError::Length { found: (1 << 62) - 1, expected: 4 });
}
