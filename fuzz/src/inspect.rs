//! Descriptions of files: any bytes, and modules with debug information changed in some places.

use gate_inspect::{Symbols, facts, locate};

/// What a compiler made of a few lines, with debug information of versions 4 and 5.
const MODULES: [&[u8]; 2] = [
    include_bytes!("../../crates/gate-inspect/tests/data/lines4.wasm"),
    include_bytes!("../../crates/gate-inspect/tests/data/lines5.wasm"),
];

/// How many instructions are asked about.
const ASKED: usize = 500;

/// Describes `data`, and one of two modules that is changed as `data` says: in steps of three bytes, two of which say where.
///
/// # Panics
/// When a description could make a terminal do something, is no JSON, or instructions are found where there are none.
pub fn run(data: &[u8]) {
    judge(data);
    let Some((choice, changes)) = data.split_first() else { return };
    let mut module = MODULES[usize::from(*choice) % MODULES.len()].to_vec();
    for change in changes.chunks_exact(3) {
        if let [high, low, byte] = *change {
            let at = usize::from(u16::from_be_bytes([high, low])) % module.len();
            module[at] = byte;
        }
    }
    judge(&module);
}

fn judge(bytes: &[u8]) {
    let facts = facts(bytes);
    assert!(facts.text().chars().all(|character| character == '\n' || !character.is_control()));
    assert!(facts.json().bytes().all(|byte| matches!(byte, b' '..=b'~' | b'\n')));
    let symbols = Symbols::read(bytes);
    let end = u32::try_from(bytes.len()).expect("inputs are short");
    let step = bytes.len() / ASKED + 1;
    let asked: Vec<u32> = (0..end).step_by(step).collect();
    assert_eq!(symbols.lines_of(&asked).len(), asked.len());
    for place in ["divide", "lines.c:3", "c:18", "0x100", "7"] {
        for offset in locate(&symbols, place).unwrap_or_default() {
            assert!(symbols.function_at(offset).is_some(), "{place} is at {offset:#x}, where no function is");
        }
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn smoke() {
        crate::driver::smoke(super::run, 3_000);
    }

    #[test]
    fn the_modules_are_sound() {
        for module in super::MODULES {
            let symbols = gate_inspect::Symbols::read(module);
            assert_eq!(gate_inspect::locate(&symbols, "lines.c:3").map(|offsets| offsets.len()).unwrap(), 2);
        }
    }
}
