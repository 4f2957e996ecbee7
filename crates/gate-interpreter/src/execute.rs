//! Runs translated functions.

mod bulk;

use std::rc::Rc;

use gate_abi::host::Stop;
use gate_abi::trap::Trap;

use self::bulk::Bulk;
use crate::code::{Code, Function, Op, widths};
use crate::exception::Thrown;
use crate::instance::{INVALID, Instance, Memory, Next, Outside, Return, slots, vector};
use crate::numeric::{Cast, Divide, Fault, Float, Slot, Truncate};
use crate::scalars::scalars;
use crate::simd;

/// What a call takes on the stack besides its slots, in slots.
pub(crate) const CALL_SLOTS: usize = 8;

/// Why nothing runs any more.
#[derive(Debug)]
pub(crate) enum Exit {
    /// The outermost function has returned; its results are at the start of the stack.
    Returned,
    /// The program stops. [`Instance::next`] says where.
    Stopped,
    /// It traps, where [`Instance::next`] says.
    Fault(Fault),
    /// An imported function has stopped it.
    Host(Stop),
}

/// Why the instructions of a function stop to run.
enum Turn {
    Call { function: u32, base: usize },
    TailCall { function: u32 },
    Import { function: u32, base: usize },
    TailImport { function: u32 },
    Return,
    Throw(Rc<Thrown>),
    Stop,
    Fault(Fault),
}

macro_rules! dispatch {
    ([($op:ident, $frame:ident, $memory:ident, $position:ident) { $($special:tt)* }]
        unary { $($unary:ident, $unary_ty:ty => $unary_result:ty, $unary_f:expr;)* }
        partial_unary { $($partial_unary:ident, $pu_ty:ty => $pu_result:ty, $pu_f:expr;)* }
        binary { $($binary:ident, $binary_imm:ident, $binary_ty:ty => $binary_result:ty, $binary_f:expr;)* }
        partial_binary { $($partial_binary:ident, $pb_ty:ty => $pb_result:ty, $pb_f:expr;)* }
        compare { $($compare:ident, $compare_imm:ident, $br:ident, $br_imm:ident, $compare_ty:ty, $compare_f:expr, $opposite:ident;)* }
        load { $($load:ident, $load_n:literal, $load_ty:ty, $load_f:expr;)* }
        store { $($store:ident, $store_n:literal, $store_ty:ty, $store_f:expr;)* }
    ) => {
        match $op.code {
            $(Code::$unary => {
                let f: fn($unary_ty) -> $unary_result = $unary_f;
                $frame[$op.d as usize] = f(Slot::get($frame[$op.a as usize])).put();
            })*
            $(Code::$partial_unary => {
                let f: fn($pu_ty) -> Result<$pu_result, Fault> = $pu_f;
                match f(Slot::get($frame[$op.a as usize])) {
                    Ok(result) => $frame[$op.d as usize] = result.put(),
                    Err(fault) => break Turn::Fault(fault),
                }
            })*
            $(
                Code::$binary => {
                    let f: fn($binary_ty, $binary_ty) -> $binary_result = $binary_f;
                    let (a, b) = (Slot::get($frame[$op.a as usize]), Slot::get($frame[$op.b as usize]));
                    $frame[$op.d as usize] = f(a, b).put();
                }
                Code::$binary_imm => {
                    let f: fn($binary_ty, $binary_ty) -> $binary_result = $binary_f;
                    let (a, b) = (Slot::get($frame[$op.a as usize]), Slot::immediate($op.b));
                    $frame[$op.d as usize] = f(a, b).put();
                }
            )*
            $(Code::$partial_binary => {
                let f: fn($pb_ty, $pb_ty) -> Result<$pb_result, Fault> = $pb_f;
                let (a, b) = (Slot::get($frame[$op.a as usize]), Slot::get($frame[$op.b as usize]));
                match f(a, b) {
                    Ok(result) => $frame[$op.d as usize] = result.put(),
                    Err(fault) => break Turn::Fault(fault),
                }
            })*
            $(
                Code::$compare => {
                    let f: fn($compare_ty, $compare_ty) -> bool = $compare_f;
                    let (a, b) = (Slot::get($frame[$op.a as usize]), Slot::get($frame[$op.b as usize]));
                    $frame[$op.d as usize] = f(a, b).put();
                }
                Code::$compare_imm => {
                    let f: fn($compare_ty, $compare_ty) -> bool = $compare_f;
                    let (a, b) = (Slot::get($frame[$op.a as usize]), Slot::immediate($op.b));
                    $frame[$op.d as usize] = f(a, b).put();
                }
                Code::$br => {
                    let f: fn($compare_ty, $compare_ty) -> bool = $compare_f;
                    let (a, b) = (Slot::get($frame[$op.a as usize]), Slot::get($frame[$op.b as usize]));
                    if f(a, b) {
                        $position = $op.d as usize;
                    }
                }
                Code::$br_imm => {
                    let f: fn($compare_ty, $compare_ty) -> bool = $compare_f;
                    let (a, b) = (Slot::get($frame[$op.a as usize]), Slot::immediate($op.b));
                    if f(a, b) {
                        $position = $op.d as usize;
                    }
                }
            )*
            $(Code::$load => {
                let f: fn([u8; $load_n]) -> $load_ty = $load_f;
                let at = address($frame, $op);
                match $memory.get(at..).and_then(|bytes| bytes.first_chunk()) {
                    Some(bytes) => $frame[$op.d as usize] = f(*bytes).put(),
                    None => break Turn::Fault(Trap::MemoryAccessOutOfBounds.into()),
                }
            })*
            $(Code::$store => {
                let f: fn($store_ty) -> [u8; $store_n] = $store_f;
                let at = address($frame, $op);
                match $memory.get_mut(at..).and_then(|bytes| bytes.first_chunk_mut()) {
                    Some(bytes) => *bytes = f(Slot::get($frame[$op.d as usize])),
                    None => break Turn::Fault(Trap::MemoryAccessOutOfBounds.into()),
                }
            })*
            $($special)*
        }
    };
}

/// The address of a load or store. Addresses of this process have 64 bits.
#[inline(always)]
fn address(frame: &[u64], op: Op) -> usize {
    const { assert!(usize::BITS == 64, "addresses and offsets are added without a check") };
    u32::get(frame[op.a as usize]) as usize + op.b as usize
}

/// The memory that loads and stores use by default.
fn first<M: Memory>(memories: &mut [M]) -> &mut [u8] {
    memories.first_mut().map(Memory::bytes).unwrap_or_default()
}

fn get_vector(frame: &[u64], slot: u32) -> u128 {
    vector(frame[slot as usize], frame[slot as usize + 1])
}

fn put_vector(frame: &mut [u64], slot: u32, value: u128) {
    let [low, high] = slots(value);
    frame[slot as usize] = low;
    frame[slot as usize + 1] = high;
}

impl<'m, M: Memory> Instance<'m, M> {
    /// Runs what is next, until there is nothing any more, or the program stops or fails.
    pub(crate) fn execute<O: Outside>(&mut self, outside: &mut O) -> Exit {
        let Some(next) = self.next else { return Exit::Returned };
        let module = self.module;
        let bottom = 0;
        let (mut turn, mut current, mut position) = match next {
            Next::Go { function, position } => match module.function(function) {
                Ok(code) => (None, (function, code), position),
                Err(_) => return Exit::Fault(INVALID),
            },
            Next::Enter(function) => (Some(Turn::TailCall { function }), (function, NO_FUNCTION), 0),
            Next::Import(function) => (Some(Turn::TailImport { function }), (function, NO_FUNCTION), 0),
        };
        let mut base = self.base;
        let exit = loop {
            // What comes between functions.
            let mut entered = None;
            match turn.take() {
                None => {}
                Some(Turn::Call { function, base: callee }) => {
                    entered = Some((function, callee, true));
                }
                Some(Turn::TailCall { function }) => entered = Some((function, base, false)),
                Some(turn_ @ (Turn::Import { .. } | Turn::TailImport { .. })) => {
                    let function = match turn_ {
                        Turn::Import { function, base: callee } => {
                            self.frames.push(caller(current, position, base));
                            base = callee;
                            function
                        }
                        Turn::TailImport { function } => function,
                        _ => return Exit::Fault(INVALID),
                    };
                    match self.call_import(outside, function, base) {
                        Ok(()) => turn = Some(Turn::Return),
                        Err(Stop::Interrupted) if module.may_block(function) => {
                            (self.next, self.base) = (Some(Next::Import(function)), base);
                            return Exit::Stopped;
                        }
                        Err(stop) => {
                            (self.next, self.base) = (Some(Next::Import(function)), base);
                            return match stop {
                                Stop::Trap(trap) => Exit::Fault(trap.into()),
                                stop => Exit::Host(stop),
                            };
                        }
                    }
                    continue;
                }
                Some(Turn::Return) => match self.frames.len().checked_sub(bottom + 1) {
                    Some(_) => {
                        let Some(to) = self.frames.pop() else { break Exit::Returned };
                        (current, position, base) = ((to.index, to.function), to.position as usize, to.base);
                    }
                    None => break Exit::Returned,
                },
                Some(Turn::Throw(thrown)) => match self.catch(&thrown, current, position, base) {
                    Ok((function, handler, at)) => (current, position, base) = (function, handler, at),
                    Err(fault) => break Exit::Fault(fault),
                },
                Some(Turn::Stop) => break Exit::Stopped,
                Some(Turn::Fault(fault)) => break Exit::Fault(fault),
            }
            if let Some((function, callee, pushes)) = entered {
                let Ok(code) = module.function(function) else { break Exit::Fault(INVALID) };
                let used = callee + code.slots + (self.frames.len() + 1) * CALL_SLOTS;
                if used > self.stack.len() {
                    break Exit::Fault(Trap::CallStackExhausted.into());
                }
                if pushes {
                    self.frames.push(caller(current, position, base));
                }
                (current, position, base) = ((function, code), 0, callee);
                self.stack[base + code.param_slots..base + code.local_slots].fill(0);
                if outside.is_stop_requested() {
                    break Exit::Stopped;
                }
            }
            turn = Some(self.run_function(outside, current.1, &mut position, base));
        };
        let (function, _) = current;
        self.next = match exit {
            Exit::Returned => None,
            Exit::Stopped | Exit::Fault(_) | Exit::Host(_) => Some(Next::Go { function, position }),
        };
        self.base = base;
        exit
    }

    /// Runs a function from a position on, until something else has to be done.
    fn run_function<O: Outside>(
        &mut self,
        outside: &mut O,
        function: &Function,
        at: &mut usize,
        base: usize,
    ) -> Turn {
        let mut position = *at;
        let ops = function.ops.as_slice();
        let frame = &mut self.stack[base..base + function.slots];
        let mut memory = first(&mut self.memories);
        let turn = loop {
            let op = ops[position];
            position += 1;
            scalars!(dispatch (op, frame, memory, position) {
                Code::Move => frame[op.d as usize] = frame[op.a as usize],
                Code::Move2 => {
                    let value = get_vector(frame, op.a);
                    put_vector(frame, op.d, value);
                }
                Code::Copy => {
                    let from = op.a as usize;
                    frame.copy_within(from..from + op.b as usize, op.d as usize);
                }
                Code::Const => frame[op.d as usize] = u64::from(op.b) << 32 | u64::from(op.a),
                Code::Select => {
                    let condition = frame[ops[position].a as usize];
                    position += 1;
                    let from = if condition == 0 { op.b } else { op.a };
                    frame[op.d as usize] = frame[from as usize];
                }
                Code::Select2 => {
                    let condition = frame[ops[position].a as usize];
                    position += 1;
                    let value = get_vector(frame, if condition == 0 { op.b } else { op.a });
                    put_vector(frame, op.d, value);
                }
                Code::Br => position = op.d as usize,
                Code::BrIfZero => {
                    if frame[op.a as usize] == 0 {
                        position = op.d as usize;
                    }
                }
                Code::BrIfNonzero => {
                    if frame[op.a as usize] != 0 {
                        position = op.d as usize;
                    }
                }
                Code::BrTable => position += u32::get(frame[op.a as usize]).min(op.b) as usize,
                Code::Poll => {
                    if outside.is_stop_requested() {
                        break Turn::Stop;
                    }
                }
                Code::Return => break Turn::Return,
                Code::Return1 => {
                    frame[0] = frame[op.a as usize];
                    break Turn::Return;
                }
                Code::ReturnMany => {
                    let from = op.a as usize;
                    frame.copy_within(from..from + op.b as usize, 0);
                    break Turn::Return;
                }
                Code::Call => break Turn::Call { function: op.a, base: base + op.b as usize },
                Code::CallImport => break Turn::Import { function: op.a, base: base + op.b as usize },
                Code::CallIndirect => {
                    let element = u32::get(frame[op.d as usize]);
                    match callee(self.module, &self.tables, op, element) {
                        Ok(function) if self.module.imports.len() <= function as usize => {
                            break Turn::Call { function, base: base + op.b as usize };
                        }
                        Ok(function) => break Turn::Import { function, base: base + op.b as usize },
                        Err(fault) => break Turn::Fault(fault),
                    }
                }
                Code::ReturnCall | Code::ReturnCallImport => {
                    let arguments = self.module.function_type(op.a).map_or(0, |ty| widths(&ty.params));
                    let callee = op.a;
                    let from = op.b as usize;
                    frame.copy_within(from..from + arguments as usize, 0);
                    break if op.code == Code::ReturnCall {
                        Turn::TailCall { function: callee }
                    } else {
                        Turn::TailImport { function: callee }
                    };
                }
                Code::ReturnCallIndirect => {
                    let element = u32::get(frame[op.d as usize]);
                    match callee(self.module, &self.tables, op, element) {
                        Ok(function) => {
                            let ty = self.module.function_type(function);
                            let arguments = ty.map_or(0, |ty| widths(&ty.params)) as usize;
                            let from = op.b as usize;
                            frame.copy_within(from..from + arguments, 0);
                            break if self.module.imports.len() <= function as usize {
                                Turn::TailCall { function }
                            } else {
                                Turn::TailImport { function }
                            };
                        }
                        Err(fault) => break Turn::Fault(fault),
                    }
                }
                Code::Throw => {
                    let ty = self.module.tags.get(op.a as usize);
                    let ty = ty.and_then(|ty| self.module.types.get(*ty as usize));
                    let carried = ty.map_or(0, |ty| widths(&ty.params)) as usize;
                    let from = op.b as usize;
                    let values = frame[from..from + carried].into();
                    break Turn::Throw(Rc::new(Thrown { tag: op.a, values }));
                }
                Code::ThrowRef => {
                    let reference = frame[op.a as usize];
                    break match self.exceptions.get(reference) {
                        Some(thrown) => Turn::Throw(Rc::clone(thrown)),
                        None => Turn::Fault(Trap::NullReference.into()),
                    };
                }
                Code::Unreachable => break Turn::Fault(Trap::Unreachable.into()),
                Code::GlobalGet => frame[op.d as usize] = self.globals[op.a as usize],
                Code::GlobalGet2 => {
                    let value = get_vector(&self.globals, op.a);
                    put_vector(frame, op.d, value);
                }
                Code::GlobalSet => self.globals[op.b as usize] = frame[op.a as usize],
                Code::GlobalSet2 => put_vector(&mut self.globals, op.b, get_vector(frame, op.a)),
                Code::UseMemory => {
                    memory = self.memories.get_mut(op.a as usize).map(Memory::bytes).unwrap_or_default();
                }
                Code::MemorySize
                | Code::MemoryGrow
                | Code::MemoryFill
                | Code::MemoryCopy
                | Code::MemoryInit
                | Code::DataDrop
                | Code::TableGet
                | Code::TableSet
                | Code::TableSize
                | Code::TableGrow
                | Code::TableFill
                | Code::TableCopy
                | Code::TableInit
                | Code::ElemDrop => {
                    let mut bulk = Bulk {
                        module: self.module,
                        limits: &self.limits,
                        memories: &mut self.memories,
                        memory_bytes: &mut self.memory_bytes,
                        tables: &mut self.tables,
                        globals: &self.globals,
                        segments: &mut self.segments,
                    };
                    if let Err(fault) = bulk.run(op, frame) {
                        break Turn::Fault(fault);
                    }
                    memory = first(&mut self.memories);
                }
                Code::VectorConst => put_vector(frame, op.d, function.vectors[op.a as usize]),
                Code::VectorUnary => {
                    let value = simd::UNARY[usize::from(op.x)](get_vector(frame, op.a));
                    put_vector(frame, op.d, value);
                }
                Code::VectorBinary => {
                    let (a, b) = (get_vector(frame, op.a), get_vector(frame, op.b));
                    put_vector(frame, op.d, simd::BINARY[usize::from(op.x)](a, b));
                }
                Code::VectorTernary => {
                    let [a, b, c] = [0, 2, 4].map(|more| get_vector(frame, op.a + more));
                    put_vector(frame, op.d, simd::TERNARY[usize::from(op.x)](a, b, c));
                }
                Code::VectorShift => {
                    let (a, by) = (get_vector(frame, op.a), u32::get(frame[op.b as usize]));
                    put_vector(frame, op.d, simd::SHIFT[usize::from(op.x)](a, by));
                }
                Code::VectorTest => {
                    let result = simd::TEST[usize::from(op.x)](get_vector(frame, op.a));
                    frame[op.d as usize] = result.put();
                }
                Code::VectorSplat => {
                    let value = simd::SPLAT[usize::from(op.x)](frame[op.a as usize]);
                    put_vector(frame, op.d, value);
                }
                Code::VectorExtract => {
                    let lane = simd::EXTRACT[usize::from(op.x)](get_vector(frame, op.a), op.b);
                    frame[op.d as usize] = lane;
                }
                Code::VectorReplace => {
                    let (a, value) = (get_vector(frame, op.a), frame[op.a as usize + 2]);
                    put_vector(frame, op.d, simd::REPLACE[usize::from(op.x)](a, op.b, value));
                }
                Code::VectorShuffle => {
                    let lanes = function.vectors[ops[position].a as usize];
                    position += 1;
                    let (a, b) = (get_vector(frame, op.a), get_vector(frame, op.b));
                    put_vector(frame, op.d, simd::shuffle(a, b, lanes));
                }
                Code::VectorLoad => {
                    let (bytes, f) = simd::LOAD[usize::from(op.x)];
                    let at = address(frame, op);
                    let Some(from) = memory.get(at..at + bytes) else {
                        break Turn::Fault(Trap::MemoryAccessOutOfBounds.into());
                    };
                    put_vector(frame, op.d, f(vector_of(from)));
                }
                Code::VectorStore => {
                    let at = address(frame, op);
                    let value = get_vector(frame, op.d);
                    let Some(to) = memory.get_mut(at..at + 16) else {
                        break Turn::Fault(Trap::MemoryAccessOutOfBounds.into());
                    };
                    to.copy_from_slice(&value.to_le_bytes());
                }
                Code::VectorLoadLane => {
                    let [lane, size] = op.x.to_le_bytes();
                    let at = address(frame, op);
                    let Some(from) = memory.get(at..at + (1 << size)) else {
                        break Turn::Fault(Trap::MemoryAccessOutOfBounds.into());
                    };
                    let [value, _] = slots(vector_of(from));
                    let vector = get_vector(frame, op.a + 1);
                    put_vector(frame, op.d, simd::REPLACE[usize::from(size)](vector, lane.into(), value));
                }
                Code::VectorStoreLane => {
                    let [lane, size] = op.x.to_le_bytes();
                    let at = address(frame, op);
                    let size = 1 << size;
                    let bytes = get_vector(frame, op.d).to_le_bytes();
                    let Some(to) = memory.get_mut(at..at + size) else {
                        break Turn::Fault(Trap::MemoryAccessOutOfBounds.into());
                    };
                    let start = usize::from(lane) * size;
                    to.copy_from_slice(&bytes[start..start + size]);
                }
                Code::More => break Turn::Fault(INVALID),
            })
        };
        *at = position;
        turn
    }

    /// Runs an imported function, whose result replaces its arguments.
    fn call_import<O: Outside>(&mut self, outside: &mut O, function: u32, base: usize) -> Result<(), Stop> {
        let Some(ty) = self.module.function_type(function) else {
            return Err(Stop::Trap(Trap::InternalError));
        };
        let (params, results) = (ty.params.len(), ty.results.len());
        if base + params.max(results) + (self.frames.len() + 1) * CALL_SLOTS > self.stack.len() {
            return Err(Stop::Trap(Trap::CallStackExhausted));
        }
        let memory = self.host_memory.and_then(|memory| self.memories.get_mut(memory));
        let memory = memory.map(Memory::bytes).unwrap_or_default();
        let result = outside.call(function, &self.stack[base..base + params], memory)?;
        if results > 0 {
            self.stack[base] = result.unwrap_or_default().put();
        }
        Ok(())
    }

    /// Finds what catches an exception, gives up the calls that do not, and puts there what it carries. Gives the function,
    /// where it goes on, and where its frame is.
    fn catch(
        &mut self,
        thrown: &Rc<Thrown>,
        current: (u32, &'m Function),
        position: usize,
        base: usize,
    ) -> Result<((u32, &'m Function), usize, usize), Fault> {
        let callers = self.frames.iter().enumerate().rev().map(|(depth, frame)| {
            (depth, (frame.index, frame.function), frame.position as usize, frame.base)
        });
        let mut calls = [(self.frames.len(), current, position, base)].into_iter().chain(callers);
        let found = calls.find_map(|(depth, function, position, base)| {
            let mut handlers =
                function.1.regions_around(position.wrapping_sub(1)).flat_map(|it| &it.handlers);
            let handler = handlers.find(|handler| handler.tag.is_none_or(|tag| tag == thrown.tag))?;
            Some((depth, function, *handler, base))
        });
        let Some((depth, function, handler, base)) = found else {
            return Err(Trap::UncaughtException.into());
        };
        let end = base + function.1.slots;
        let mut slot = base + handler.slot as usize;
        let reference = match handler.with_reference {
            true => {
                let roots = [&self.stack[..end], &self.globals[..]];
                Some(self.exceptions.hold(Rc::clone(thrown), roots, &self.tables)?)
            }
            false => None,
        };
        self.frames.truncate(depth);
        if handler.tag.is_some() {
            self.stack[slot..slot + thrown.values.len()].copy_from_slice(&thrown.values);
            slot += thrown.values.len();
        }
        if let Some(reference) = reference {
            self.stack[slot] = reference;
        }
        Ok((function, handler.position as usize, base))
    }
}

/// What stands for a function before there is one.
const NO_FUNCTION: &Function = &Function {
    ops: Vec::new(),
    offsets: Vec::new(),
    vectors: Vec::new(),
    locals: Vec::new(),
    param_slots: 0,
    local_slots: 0,
    slots: 0,
    stops: Vec::new(),
    stacks: Vec::new(),
    regions: Vec::new(),
    offset: 0,
};

/// The lowest bytes of a vector.
fn vector_of(bytes: &[u8]) -> u128 {
    let mut lowest = [0; 16];
    lowest[..bytes.len()].copy_from_slice(bytes);
    u128::from_le_bytes(lowest)
}

fn caller<'m>(function: (u32, &'m Function), position: usize, base: usize) -> Return<'m> {
    let position = crate::module::count(position);
    Return { function: function.1, index: function.0, position, base }
}

/// The function that an indirect call goes to.
fn callee(module: &crate::Module<'_>, tables: &[Vec<u64>], op: Op, element: u32) -> Result<u32, Fault> {
    let table = tables.get(usize::from(op.x)).ok_or(INVALID)?;
    let reference = table.get(element as usize).ok_or(Trap::IndirectCallIndexOutOfBounds)?;
    let Some(function) = reference.checked_sub(1) else {
        let detail = Some("the table element is null");
        return Err(Fault { trap: Trap::IndirectCallSignatureMismatch, detail });
    };
    let function: u32 = function.cast();
    let ty = module.functions.get(function as usize).and_then(|ty| module.canonical.get(*ty as usize));
    if ty != Some(&op.a) {
        return Err(Trap::IndirectCallSignatureMismatch.into());
    }
    Ok(function)
}
