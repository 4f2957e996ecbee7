//! Functions that do in a module what the directives of a script do with it.
//!
//! Those that are to return are done one after the other in groups, each a function that returns the line of the first that goes wrong, or 0. One more function
//! calls all groups. Each directive that is to trap gets a function that first calls the groups before it.

use std::collections::HashMap;

use gate_instrument::accept::{Export, FunctionType, Kind};
use wasm_encoder::{BlockType, Encode, Function, HeapType, Ieee32, Ieee64, Instruction as I, ValType};
use wast::core::{AbstractHeapType, HeapType as Heap, NanPattern, V128Pattern, WastArgCore, WastRetCore};
use wast::token::{F32, F64};
use wast::{WastArg, WastInvoke, WastRet};

/// How many directives are in a group: what continues in the middle of one is as large as what is left of it.
const GROUP: usize = 40;

/// What a directive says of a call.
pub(super) enum Check<'s> {
    /// It returns something.
    Nothing,
    /// It returns this.
    Results(&'s [WastRet<'s>]),
    /// It traps or throws.
    Fails,
}

/// A function that was added, and is to be run.
pub(super) struct Entry {
    pub(super) name: String,
    pub(super) directives: usize,
    fails: bool,
}

impl Entry {
    /// Whether a text of [`run`](super::super::machine::run) is what the script says.
    pub(super) fn is_expected(&self, text: &str) -> bool {
        let outcome = text.lines().next().unwrap_or_default();
        match self.fails {
            true => !outcome.starts_with("Returned"),
            false => outcome == "Returned([I32(0)])",
        }
    }
}

/// What is added to a module.
pub(super) struct Driver {
    functions: HashMap<String, (u32, FunctionType)>,
    groups: Vec<Function>,
    /// How many directives are in the last group.
    filled: usize,
    /// How many there are in all groups.
    returning: usize,
    /// The calls that are to fail, each with the number of groups before it.
    failing: Vec<(usize, Vec<I<'static>>)>,
}

impl Driver {
    pub(super) fn new(exports: &[Export]) -> Self {
        let function = |export: &Export| match &export.kind {
            Kind::Function(ty) => Some((export.name.clone(), (export.index, ty.clone()))),
            _ => None,
        };
        let functions = exports.iter().filter_map(function).collect();
        Self { functions, groups: Vec::new(), filled: 0, returning: 0, failing: Vec::new() }
    }

    pub(super) fn directives(&self) -> usize {
        self.returning + self.failing.len()
    }

    /// Adds a call. `None` when it cannot be made, or not be checked, in a module.
    pub(super) fn add(&mut self, line: usize, invoke: &WastInvoke<'_>, check: Check<'_>) -> Option<()> {
        let (index, ty) = self.functions.get(invoke.name)?;
        let mut code = Vec::new();
        for argument in &invoke.args {
            let WastArg::Core(argument) = argument else { return None };
            code.push(constant(argument)?);
        }
        code.push(I::Call(*index));
        let mut counts = true;
        match check {
            Check::Fails => {
                self.failing.push((self.groups.len(), code));
                // What comes after it comes after it.
                self.filled = GROUP;
                return Some(());
            }
            Check::Nothing => code.extend(ty.results.iter().map(|_| I::Drop)),
            Check::Results(results) => match expectations(results, line) {
                Some(checks) => code.extend(checks),
                None => {
                    // What it does is done all the same.
                    code.extend(ty.results.iter().map(|_| I::Drop));
                    counts = false;
                }
            },
        }
        if self.groups.is_empty() || self.filled == GROUP {
            self.groups.push(Function::new([(1, ValType::V128)]));
            self.filled = 0;
        }
        let group = self.groups.last_mut()?;
        for instruction in &code {
            group.instruction(instruction);
        }
        self.filled += 1;
        self.returning += usize::from(counts);
        counts.then_some(())
    }

    /// What is to be run, one after the other, each in a new instance.
    pub(super) fn entries(&self) -> Vec<Entry> {
        let all = Entry { name: name(0), directives: self.returning, fails: false };
        let failing = (1..).zip(&self.failing);
        let failing = failing.map(|(number, _)| Entry { name: name(number), directives: 1, fails: true });
        std::iter::once(all).filter(|all| all.directives > 0).chain(failing).collect()
    }

    /// The module with everything that was added.
    pub(super) fn build(&self, wasm: &[u8]) -> Vec<u8> {
        let (header, mut rest) = wasm.split_at(8);
        let mut sections = Vec::new();
        while let Some((id, after)) = rest.split_first() {
            let (size, after) = number(after);
            let (content, after) = after.split_at(size);
            sections.push((*id, content.to_vec()));
            rest = after;
        }
        let count = |wanted| {
            let found = sections.iter().find(|(id, _)| *id == wanted);
            found.map_or(0, |(_, content)| u32::try_from(number(content).0).unwrap())
        };
        // There are no imports, so that functions are numbered from 0.
        let (ty, first) = (count(1), count(3));
        let mut bodies = self.groups.clone();
        let groups = u32::try_from(bodies.len()).unwrap();
        let mut exports = vec![(name(0), first + groups)];
        bodies.push(calls(first, self.groups.len(), &[I::I32Const(0)]));
        for (number, (before, code)) in (1..).zip(&self.failing) {
            exports.push((name(number), first + u32::try_from(bodies.len()).unwrap()));
            bodies.push(calls(first, *before, &[code.as_slice(), &[I::Unreachable]].concat()));
        }
        for body in &mut bodies[..self.groups.len()] {
            body.instruction(&I::I32Const(0)).instruction(&I::End);
        }
        let mut output = header.to_vec();
        for (id, content) in sections {
            let added: Vec<Vec<u8>> = match id {
                // No parameters, one result.
                1 => vec![vec![0x60, 0, 1, 0x7f]],
                3 => bodies.iter().map(|_| encoded(&ty)).collect(),
                7 => exports
                    .iter()
                    .map(|(name, index)| [encoded(name.as_str()), vec![0], encoded(index)].concat())
                    .collect(),
                10 => bodies.iter().map(encoded).collect(),
                _ => Vec::new(),
            };
            output.push(id);
            extended(&content, &added).as_slice().encode(&mut output);
        }
        output
    }
}

/// The name of a function that was added. No script has such a one.
fn name(number: usize) -> String {
    format!("directives {number}")
}

/// A function that calls the first groups, returns what the first of them returns that finds something wrong, and does `last` otherwise.
fn calls(first: u32, groups: usize, last: &[I<'_>]) -> Function {
    let mut function = Function::new([(1, ValType::I32)]);
    for group in (first..).take(groups) {
        function.instruction(&I::Call(group)).instruction(&I::LocalTee(0));
        function.instruction(&I::If(BlockType::Empty)).instruction(&I::LocalGet(0));
        function.instruction(&I::Return).instruction(&I::End);
    }
    for instruction in last {
        function.instruction(instruction);
    }
    function.instruction(&I::End);
    function
}

fn constant(argument: &WastArgCore<'_>) -> Option<I<'static>> {
    Some(match argument {
        WastArgCore::I32(value) => I::I32Const(*value),
        WastArgCore::I64(value) => I::I64Const(*value),
        WastArgCore::F32(value) => I::F32Const(Ieee32::new(value.bits)),
        WastArgCore::F64(value) => I::F64Const(Ieee64::new(value.bits)),
        WastArgCore::V128(value) => I::V128Const(i128::from_le_bytes(value.to_le_bytes())),
        WastArgCore::RefNull(Heap::Abstract { shared: false, ty }) => I::RefNull(match ty {
            AbstractHeapType::Func => HeapType::FUNC,
            AbstractHeapType::Extern => HeapType::EXTERN,
            AbstractHeapType::Exn => {
                HeapType::Abstract { shared: false, ty: wasm_encoder::AbstractHeapType::Exn }
            }
            _ => return None,
        }),
        _ => return None,
    })
}

/// Takes the results of a call from the stack, and returns `line` if one is another than expected. `None` when that cannot be found out.
fn expectations(results: &[WastRet<'_>], line: usize) -> Option<Vec<I<'static>>> {
    let mut code = Vec::new();
    for result in results.iter().rev() {
        let WastRet::Core(result) = result else { return None };
        expect(&mut code, result, i32::try_from(line).ok()?)?;
    }
    Some(code)
}

/// Takes a value from the stack, and returns `fail` if it is another one. Of vectors, local 0 has what is looked at.
fn expect(code: &mut Vec<I<'static>>, expected: &WastRetCore<'_>, fail: i32) -> Option<()> {
    match expected {
        WastRetCore::I32(value) => code.extend([I::I32Const(*value), I::I32Ne]),
        WastRetCore::I64(value) => code.extend([I::I64Const(*value), I::I64Ne]),
        WastRetCore::F32(pattern) => {
            code.push(I::I32ReinterpretF32);
            differs_f32(code, pattern);
        }
        WastRetCore::F64(pattern) => {
            code.push(I::I64ReinterpretF64);
            differs_f64(code, pattern);
        }
        WastRetCore::V128(pattern) => {
            code.push(I::LocalSet(0));
            differs_v128(code, pattern);
        }
        WastRetCore::RefNull(_) => code.extend([I::RefIsNull, I::I32Eqz]),
        WastRetCore::RefFunc(None) => code.push(I::RefIsNull),
        _ => return None,
    }
    code.extend([I::If(BlockType::Empty), I::I32Const(fail), I::Return, I::End]);
    Some(())
}

/// The bits on the stack that count become whether they are others than those expected. The sign of a NaN does not count; a canonical one has
/// the highest bit of its payload alone, an arithmetic one at least that.
fn differs_f32(code: &mut Vec<I<'static>>, pattern: &NanPattern<F32>) {
    let (mask, bits) = match pattern {
        NanPattern::CanonicalNan => (0x7fff_ffff, 0x7fc0_0000),
        NanPattern::ArithmeticNan => (0x7fc0_0000, 0x7fc0_0000),
        NanPattern::Value(value) => (u32::MAX, value.bits),
    };
    code.extend([I::I32Const(mask.cast_signed()), I::I32And, I::I32Const(bits.cast_signed()), I::I32Ne]);
}

fn differs_f64(code: &mut Vec<I<'static>>, pattern: &NanPattern<F64>) {
    let (mask, bits) = match pattern {
        NanPattern::CanonicalNan => (0x7fff_ffff_ffff_ffff, 0x7ff8_0000_0000_0000),
        NanPattern::ArithmeticNan => (0x7ff8_0000_0000_0000, 0x7ff8_0000_0000_0000),
        NanPattern::Value(value) => (u64::MAX, value.bits),
    };
    code.extend([I::I64Const(mask.cast_signed()), I::I64And, I::I64Const(bits.cast_signed()), I::I64Ne]);
}

/// Leaves on the stack whether a lane of local 0 is not as expected.
fn differs_v128(code: &mut Vec<I<'static>>, pattern: &V128Pattern) {
    code.push(I::I32Const(0));
    for lane in 0..16 {
        let at = usize::from(lane);
        let before = code.len();
        code.push(I::LocalGet(0));
        match pattern {
            V128Pattern::I8x16(lanes) => {
                code.extend([I::I8x16ExtractLaneS(lane), I::I32Const(lanes[at].into()), I::I32Ne]);
            }
            V128Pattern::I16x8(lanes) if at < 8 => {
                code.extend([I::I16x8ExtractLaneS(lane), I::I32Const(lanes[at].into()), I::I32Ne]);
            }
            V128Pattern::I32x4(lanes) if at < 4 => {
                code.extend([I::I32x4ExtractLane(lane), I::I32Const(lanes[at]), I::I32Ne]);
            }
            V128Pattern::I64x2(lanes) if at < 2 => {
                code.extend([I::I64x2ExtractLane(lane), I::I64Const(lanes[at]), I::I64Ne]);
            }
            V128Pattern::F32x4(lanes) if at < 4 => {
                code.push(I::I32x4ExtractLane(lane));
                differs_f32(code, &lanes[at]);
            }
            V128Pattern::F64x2(lanes) if at < 2 => {
                code.push(I::I64x2ExtractLane(lane));
                differs_f64(code, &lanes[at]);
            }
            _ => {
                code.truncate(before);
                continue;
            }
        }
        code.push(I::I32Or);
    }
}

/// A section of entries, with more at its end.
fn extended(content: &[u8], added: &[Vec<u8>]) -> Vec<u8> {
    if added.is_empty() {
        return content.to_vec();
    }
    let (count, entries) = number(content);
    let count = u32::try_from(count + added.len()).unwrap();
    [encoded(&count), entries.to_vec(), added.concat()].concat()
}

fn encoded(what: &(impl Encode + ?Sized)) -> Vec<u8> {
    let mut bytes = Vec::new();
    what.encode(&mut bytes);
    bytes
}

/// A number in LEB128 at the start of `bytes`, and what follows it.
fn number(bytes: &[u8]) -> (usize, &[u8]) {
    let len = 1 + bytes.iter().position(|byte| byte & 0x80 == 0).unwrap();
    let (number, rest) = bytes.split_at(len);
    let value = number.iter().rev().fold(0, |value, byte| value << 7 | usize::from(byte & 0x7f));
    (value, rest)
}
