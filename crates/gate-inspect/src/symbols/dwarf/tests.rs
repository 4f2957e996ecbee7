//! Debug information that is hostile.

//! Debug information made by hand: sound, and such that asks for too much work.

use std::time::{Duration, Instant};

use super::Dwarf;

/// No machine that runs tests is so slow.
const PATIENCE: Duration = Duration::from_secs(20);

/// Sections made by hand.
#[derive(Default)]
struct Sections {
    info: Vec<u8>,
    abbrev: Vec<u8>,
    line: Vec<u8>,
    ranges: Vec<u8>,
    strings: Vec<u8>,
}

impl Sections {
    fn dwarf(&self) -> Dwarf<'_> {
        let section = |name: &str| -> &[u8] {
            match name {
                ".debug_info" => &self.info,
                ".debug_abbrev" => &self.abbrev,
                ".debug_line" => &self.line,
                ".debug_ranges" => &self.ranges,
                ".debug_str" => &self.strings,
                _ => &[],
            }
        };
        Dwarf::new(section).unwrap()
    }

    /// Adds a unit of version 4 with the abbreviations at an offset.
    fn unit(&mut self, abbreviations: u32, entries: &[u8]) {
        self.info.extend(u32::try_from(entries.len() + 7).unwrap().to_le_bytes());
        self.info.extend([4, 0]);
        self.info.extend(abbreviations.to_le_bytes());
        self.info.push(4);
        self.info.extend(entries);
    }

    /// Adds a line program of version 4 with a file "a.c".
    fn program(&mut self, files: usize, instructions: &[u8]) {
        let mut header = vec![1, 1, 1, 0xfb, 14, 13];
        header.extend([0, 1, 1, 1, 1, 0, 0, 0, 1, 0, 0, 1]);
        header.push(0);
        for _ in 0..files {
            header.extend(b"a.c\0\0\0\0");
        }
        header.push(0);
        let mut program = vec![4, 0];
        program.extend(u32::try_from(header.len()).unwrap().to_le_bytes());
        program.extend(header);
        program.extend(instructions);
        self.line.extend(u32::try_from(program.len()).unwrap().to_le_bytes());
        self.line.extend(program);
    }

    /// Asks for lines, which must not take long.
    #[track_caller]
    fn ask(&self) -> Vec<Vec<super::SourceLine>> {
        let start = Instant::now();
        let dwarf = self.dwarf();
        let addresses: Vec<u64> = (1..2_000).collect();
        let lines = dwarf.lines(&addresses);
        dwarf.addresses("a.c", 1);
        assert!(start.elapsed() < PATIENCE, "{:?}", start.elapsed());
        lines
    }
}

/// Line 1 from address 1 to 1001.
const TEN_LINES: &[u8] = &[0, 5, 2, 1, 0, 0, 0, 1, 2, 0xe8, 7, 0, 1, 1];

/// A compilation unit with lines, from address 1 to 1001, and children.
const UNIT: &[u8] = &[1, 0x11, 1, 0x10, 0x17, 0x11, 0x01, 0x12, 0x06, 0, 0];
const ROOT: &[u8] = &[1, 0, 0, 0, 0, 1, 0, 0, 0, 0xe8, 3, 0, 0];

/// The same for a function, and for one that is inlined.
const FUNCTION: &[u8] = &[2, 0x2e, 1, 0x03, 0x08, 0x11, 0x01, 0x12, 0x06, 0, 0];
const INLINED: &[u8] = &[3, 0x1d, 1, 0x11, 0x01, 0x12, 0x06, 0x58, 0x0b, 0x59, 0x0b, 0x31, 0x13, 0, 0];

fn function(name: &str) -> Vec<u8> {
    [&[2][..], name.as_bytes(), &[0, 1, 0, 0, 0, 0xe8, 3, 0, 0]].concat()
}

fn inlined(line: u8, origin: u32) -> Vec<u8> {
    [&[3, 1, 0, 0, 0, 0xe8, 3, 0, 0, 1, line][..], &origin.to_le_bytes()].concat()
}

fn sound() -> Sections {
    let mut sections = Sections::default();
    sections.abbrev.extend([UNIT, FUNCTION, INLINED, &[0]].concat());
    sections.program(1, TEN_LINES);
    sections
}

#[test]
fn what_is_made_by_hand_is_read() {
    let mut sections = sound();
    sections.unit(0, &[ROOT, &function("main"), &inlined(7, 24), &[0, 0, 0]].concat());
    let lines = sections.ask();
    let lines: Vec<_> = lines[500].iter().map(|line| (line.function.as_deref(), line.line)).collect();
    assert_eq!(lines, [(Some("main"), 1), (Some("main"), 7)]);
}

/// A million functions inlined into each other, all at the same instruction.
#[test]
fn nesting_is_no_recursion() {
    let mut sections = sound();
    let nested = inlined(7, 24).repeat(300_000);
    sections.unit(0, &[ROOT, &function("main"), &nested].concat());
    let lines = sections.ask();
    assert!(lines[500].len() <= 64, "{}", lines[500].len());
}

#[test]
fn names_that_refer_to_themselves_end() {
    let mut sections = sound();
    let start = u32::try_from(11 + ROOT.len() + function("main").len()).unwrap();
    sections.unit(0, &[ROOT, &function("main"), &inlined(7, start), &[0, 0, 0]].concat());
    let lines = sections.ask();
    assert_eq!(lines[500].first().map(|line| line.function.clone()), Some(None));
}

/// Each unit has the end of one large table of abbreviations as its own.
#[test]
fn tables_that_units_share_are_paid_for() {
    let mut sections = sound();
    sections.abbrev = [UNIT, FUNCTION, INLINED].concat();
    for code in 4u32..100_000 {
        let code =
            [code & 0x7f | 0x80, code >> 7 & 0x7f | 0x80, code >> 14].map(|byte| u8::try_from(byte).unwrap());
        sections.abbrev.extend(code);
        sections.abbrev.extend([0x34, 0, 0, 0]);
    }
    sections.abbrev.push(0);
    for _ in 0..100_000 {
        sections.unit(0, ROOT);
    }
    sections.ask();
}

/// Each entry has a million attributes of no size.
#[test]
fn attributes_of_no_size_are_paid_for() {
    let mut sections = sound();
    sections.abbrev = [UNIT, &[4, 0x34, 0]].concat();
    sections.abbrev.extend([0x3f, 0x19].repeat(500_000));
    sections.abbrev.extend([0, 0, 0]);
    sections.unit(0, &[ROOT, &vec![4; 1_000_000]].concat());
    sections.ask();
}

/// Each function refers to a list of a million ranges.
#[test]
fn ranges_are_paid_for() {
    let mut sections = sound();
    sections.abbrev = [UNIT, &[4, 0x2e, 0, 0x55, 0x17, 0, 0, 0]].concat();
    for _ in 0..200_000 {
        // A base address, which is no range.
        sections.ranges.extend([0xff, 0xff, 0xff, 0xff, 1, 0, 0, 0]);
    }
    sections.unit(0, &[ROOT, &[4, 0, 0, 0, 0].repeat(200_000)].concat());
    sections.ask();
}

/// All units have the same long line program, with many files and rows.
#[test]
fn line_programs_are_paid_for() {
    let mut sections = Sections::default();
    sections.abbrev.extend([UNIT, &[0]].concat());
    let rows = [&[0, 5, 2, 1, 0, 0, 0][..], &vec![0x20; 500_000], &[0, 1, 1]].concat();
    sections.program(10_000, &rows);
    for _ in 0..20_000 {
        sections.unit(0, ROOT);
    }
    sections.ask();
}

#[test]
fn headers_of_line_programs_that_are_too_long_are_not_read() {
    let mut sections = Sections::default();
    sections.abbrev.extend([UNIT, &[0]].concat());
    sections.program(400_000, TEN_LINES);
    sections.unit(0, ROOT);
    assert!(sections.ask().iter().all(Vec::is_empty));
}

/// Units whose directory is one long text.
#[test]
fn texts_are_paid_for() {
    let mut sections = sound();
    sections.abbrev = vec![1, 0x11, 0, 0x10, 0x17, 0x11, 0x01, 0x12, 0x06, 0x1b, 0x0e, 0, 0, 0];
    sections.strings = vec![b'x'; 4_000_000];
    sections.strings.push(0);
    for _ in 0..50_000 {
        sections.unit(0, &[ROOT, &[0, 0, 0, 0]].concat());
    }
    let lines = sections.ask();
    assert!(lines.iter().flatten().all(|line| line.file.len() <= 5_000));
}
