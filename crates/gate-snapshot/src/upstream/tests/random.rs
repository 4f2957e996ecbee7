//! Random modules, stopped in random ways.

use arbitrary::Unstructured;
use gate_abi::import::{Personality, resolve};
use gate_instrument::accept::ValueType;
use gate_instrument::stop::{Config, Poll, Program, SiteId};
use proptest::prelude::*;
use wasmparser::Operator;

use super::super::module::{Module, wide};
use super::super::numbering::NUMBERINGS;
use super::super::scan::{self, Callee, Kind, Scan, Site, Visit};
use super::super::table::Table;
use super::*;
use crate::Value;
use crate::upstream::{Expressible, expressible};

/// A module whose first exported function of that kind can be an entry function.
fn generate(seed: &[u8]) -> Option<(Vec<u8>, u32)> {
    let config = wasm_smith::Config {
        export_everything: true,
        max_imports: 0,
        allow_start_export: true,
        bulk_memory_enabled: false,
        custom_page_sizes_enabled: false,
        exceptions_enabled: false,
        extended_const_enabled: false,
        gc_enabled: false,
        max_globals: 8,
        max_memories: 1,
        max_memory32_bytes: 4 << 16,
        max_table_elements: 20,
        max_tables: 1,
        max_instructions: 400,
        memory64_enabled: false,
        min_funcs: 5,
        max_funcs: 12,
        max_type_size: 20,
        multi_value_enabled: false,
        reference_types_enabled: false,
        relaxed_simd_enabled: false,
        saturating_float_to_int_enabled: true,
        shared_everything_threads_enabled: false,
        sign_extension_ops_enabled: true,
        simd_enabled: false,
        tail_call_enabled: false,
        threads_enabled: false,
        wide_arithmetic_enabled: false,
        ..wasm_smith::Config::default()
    };
    let module = wasm_smith::Module::new(config, &mut Unstructured::new(seed)).ok()?;
    let wasm = module.to_bytes();
    // Segments can be out of bounds, which no engine finds out before it runs the program.
    let module = Module::parse(&wasm).ok()?;
    let is_entry =
        |function: &&u32| crate::upstream::load::is_entry(module.function_type(**function).unwrap());
    let entry = module.exported.iter().find(is_entry).copied()?;
    Some((wasm, entry))
}

/// Numbers that follow from a seed.
struct Numbers(u64);

impl Numbers {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn choose<T: Copy>(&mut self, from: &[T]) -> Option<T> {
        let position = usize::try_from(self.next() >> 8).unwrap().checked_rem(from.len())?;
        from.get(position).copied()
    }
}

/// A site where a program can be stopped.
#[derive(Clone, Copy)]
struct Place {
    number: u32,
    words: u64,
    callee: Option<Callee>,
}

struct Collector {
    start: u32,
    places: Vec<Place>,
}

impl Visit for Collector {
    fn site(&mut self, scan: &Scan<'_, '_>, site: Site, operator: Option<&Operator<'_>>) {
        let callee = match (site.kind, operator) {
            _ if !scan.is_live() => return,
            (Kind::Call(callee), _) => Some(callee),
            (Kind::Branch { depth }, _) if !scan.is_sound(depth) => return,
            (Kind::Table, Some(Operator::BrTable { targets })) if !scan.is_sound(targets.default()) => return,
            (Kind::Other, _) => return,
            _ => None,
        };
        let words = u64::from(site.offset / 8 - 1);
        self.places.push(Place { number: self.start + site.number, words, callee });
    }
}

/// A stack that a program can have: the function `entry` has called others, at random.
fn walk(module: &Module<'_>, table: &Table<'_>, entry: u32, numbers: &mut Numbers) -> Vec<u8> {
    let mut frames: Vec<(u32, Vec<u64>)> = Vec::new();
    let mut function = entry;
    loop {
        let start = table.start(function);
        if function < module.imported() {
            frames.push((start, Vec::new()));
            break;
        }
        let mut collector = Collector { start, places: Vec::new() };
        scan::scan(module, function, table.rules(), &mut collector).unwrap();
        let deep = frames.len() > 6;
        collector.places.retain(|place| !deep || place.callee.is_none());
        let place = numbers.choose(&collector.places).expect("each function has an entry");
        let words = (0..place.words).map(|_| numbers.next()).collect();
        let called = match place.callee {
            None => None,
            Some(Callee::Direct(called)) => Some(called),
            Some(Callee::Indirect(ty)) => {
                let in_table = module.in_table();
                let all = (0..module.functions()).filter(|function| in_table[wide(*function)]);
                let fitting: Vec<_> =
                    all.filter(|function| module.function_type(*function) == module.type_at(ty)).collect();
                match numbers.choose(&fitting) {
                    None => continue,
                    called => called,
                }
            }
        };
        frames.push((place.number, words));
        match called {
            Some(called) => function = called,
            None => break,
        }
    }
    frames.reverse();
    let frames: Vec<_> = frames.iter().map(|(number, words)| (*number, words.as_slice())).collect();
    stack(&frames, ENTRY)
}

/// Checks that each frame is at a stop point of the program, with the values that it has there.
fn check_frames(snapshot: &Snapshot<'_>) {
    let may_block =
        |module: &str, field: &str| resolve(Personality::Gate, module, field).unwrap().may_block();
    let config = Config { poll: Poll::Store, control_pages: 1, may_block: &may_block, breakpoints: &[] };
    let program = Program::new(&snapshot.module, &config).unwrap();
    let types = |values: &[Value]| -> Vec<ValueType> {
        let ty = |value: &Value| match value {
            Value::I32(_) => ValueType::I32,
            Value::I64(_) => ValueType::I64,
            Value::F32(_) => ValueType::F32,
            Value::F64(_) => ValueType::F64,
            Value::V128(_) | Value::Reference(..) => panic!("there are no such values"),
        };
        values.iter().map(ty).collect()
    };
    for frame in frames(&snapshot.state) {
        let site = program.site(SiteId(frame.site)).unwrap();
        assert_eq!(site.function, frame.function);
        assert_eq!(*site.locals, *types(&frame.locals));
        assert_eq!(*site.operands(), *types(&frame.operands));
    }
}

/// Checks what becomes of a program that is stopped in some way, and stopped elsewhere from there. Gives how many frames it has.
fn check(wasm: &[u8], entry: u32, numbers: &mut Numbers) -> usize {
    let module = Module::parse(wasm).unwrap();
    let mut breakpoints = Vec::new();
    if numbers.next().is_multiple_of(2) {
        breakpoints = instructions(&module, numbers);
    }
    let details = Details { breakpoints, ..SUSPENDED };
    let numbering = numbers.choose(&[0, 1]).unwrap();
    let table = Table::new(&module, &NUMBERINGS[numbering], &details.breakpoints).unwrap();
    let stack = walk(&module, &table, entry, numbers);
    let first = file_of(wasm, &details, Some(&stack));
    // By the other numbering, the same numbers can mean something else that makes sense.
    let snapshot = match crate::upstream::read(&first, &LIMITS) {
        Ok(snapshot) => snapshot,
        Err(error) => panic!("{error}: {stack:02x?}"),
    };
    check_frames(&snapshot);
    let second = write(&snapshot);
    let again = read(&second);
    assert_eq!(relative(&again), relative(&snapshot));
    assert_eq!((&again.state.globals, memory(&again)), (&snapshot.state.globals, memory(&snapshot)));
    assert!(write(&again) == second, "another file for {stack:02x?}");
    check_elsewhere(&again, numbers);
    frames(&again.state).len()
}

/// Some breakpoints.
fn instructions(module: &Module<'_>, numbers: &mut Numbers) -> Vec<u64> {
    struct Places(Vec<u32>);
    impl Visit for Places {
        fn instruction(&mut self, _: &Scan<'_, '_>, place: u32, _: &Operator<'_>) {
            self.0.push(place);
        }
        fn site(&mut self, _: &Scan<'_, '_>, _: Site, _: Option<&Operator<'_>>) {}
    }
    let rules = scan::Rules { numbering: &NUMBERINGS[0], breakpoints: &[] };
    let mut places = Places(Vec::new());
    for function in module.imported()..module.functions() {
        scan::scan(module, function, rules, &mut places).unwrap();
    }
    let chosen = (0..5).filter_map(|_| numbers.choose(&places.0));
    chosen.map(|place| u64::from(place) + 1 - module.code as u64).collect()
}

/// Stops the innermost function before each of its instructions: if it can be written, it is read back as something that has
/// the same frames further out.
fn check_elsewhere(snapshot: &Snapshot<'_>, numbers: &mut Numbers) {
    struct Points<'t> {
        numbers: &'t mut Numbers,
        points: Vec<(u32, Vec<Value>)>,
    }
    impl Visit for Points<'_> {
        fn instruction(&mut self, scan: &Scan<'_, '_>, place: u32, _: &Operator<'_>) {
            if scan.is_live() {
                let operands = scan.operands(scan.height());
                let value = |ty: ValueType| random_value(ty, self.numbers);
                self.points.push((place, operands.into_iter().map(value).collect()));
            }
        }
        fn site(&mut self, _: &Scan<'_, '_>, _: Site, _: Option<&Operator<'_>>) {}
    }
    let module = Module::parse(&snapshot.module).unwrap();
    let Some((innermost, outer)) = frames(&snapshot.state).split_last() else { return };
    if innermost.function < module.imported() {
        return;
    }
    let rules = scan::Rules { numbering: &NUMBERINGS[0], breakpoints: &[] };
    let mut points = Points { numbers, points: Vec::new() };
    scan::scan(&module, innermost.function, rules, &mut points).unwrap();
    for (place, operands) in points.points.into_iter().take(30) {
        let moved = Frame { site: SiteId::before(place).0, operands, ..innermost.clone() };
        let frames = Frames::Portable(outer.iter().cloned().chain([moved]).collect());
        let moved = Snapshot { state: State { frames, ..snapshot.state.clone() }, ..snapshot.clone() };
        match expressible(&source(&moved)) {
            Expressible::Yes => {
                let written = write(&moved);
                let again = read(&written);
                check_frames(&again);
                let (again, outer) = (relative(&again), outer.len());
                assert_eq!(again[..outer], relative(&moved)[..outer]);
                assert!(write(&read(&written)) == written, "another file for {place:#x}: {moved:?}");
            }
            Expressible::LaterPoint(_) => {}
            Expressible::Never(error) => panic!("{error}"),
        }
    }
}

fn random_value(ty: ValueType, numbers: &mut Numbers) -> Value {
    let bits = numbers.next();
    let low = u32::try_from(bits >> 32).unwrap() >> (bits & 31);
    match ty {
        ValueType::I32 => Value::I32(low),
        ValueType::F32 => Value::F32(low),
        ValueType::I64 => Value::I64(bits),
        _ => Value::F64(bits),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, ..ProptestConfig::default() })]

    #[test]
    fn stopped_programs_are_read_and_written(
        seed in prop::collection::vec(any::<u8>(), 1024..6144),
        choices in prop::collection::vec(1..u64::MAX, 12),
    ) {
        if let Some((wasm, entry)) = generate(&seed) {
            for choice in choices {
                check(&wasm, entry, &mut Numbers(choice));
            }
        }
    }
}

/// The test above is worth something only if there are programs with frames.
#[test]
fn random_programs_have_frames() {
    let mut numbers = Numbers(1);
    let mut depths = [0; 10];
    for _ in 0..400 {
        let seed: Vec<u8> = (0..500).flat_map(|_| numbers.next().to_le_bytes()).collect();
        if let Some((wasm, entry)) = generate(&seed) {
            depths[check(&wasm, entry, &mut numbers)] += 1;
        }
    }
    assert!(depths[1] > 20 && depths[2..].iter().sum::<i32>() > 10, "{depths:?}");
}
