//! Runs modules, stops them, and continues them in new instances.

use gate_abi::host::Stop;
use gate_instrument::stop::{Config, Poll, Program};
use gate_interpreter::{Instance, Limits, Memory, Module, Outcome, Outside};
use gate_snapshot::{Entry, Frames, State};

pub(crate) const LIMITS: Limits =
    Limits { stack_bytes: 1 << 20, memory_bytes: 1 << 24, table_elements: 100_000, exception_bytes: 1 << 20 };

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Bytes(pub(crate) Vec<u8>);

impl Memory for Bytes {
    fn bytes(&mut self) -> &mut [u8] {
        &mut self.0
    }

    fn grow_to(&mut self, bytes: usize) -> bool {
        self.0.resize(bytes, 0);
        true
    }
}

/// What is outside of a program: imported functions note that they were called, and may be interrupted first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct World {
    /// How many stop points there are up to the one at which the program shall stop.
    pub(crate) countdown: Option<u64>,
    /// How many more stop points the program may pass at all: with none left, it is asked to stop, for good.
    pub(crate) budget: Option<u64>,
    /// Whether each call is interrupted before it is made.
    pub(crate) interrupts: bool,
    pub(crate) interrupted: bool,
    pub(crate) calls: Vec<(u32, Vec<u64>)>,
}

impl Outside for World {
    fn is_stop_requested(&mut self) -> bool {
        if let Some(budget) = &mut self.budget {
            *budget = budget.saturating_sub(1);
            if *budget == 0 {
                return true;
            }
        }
        let Some(countdown) = &mut self.countdown else { return false };
        *countdown -= 1;
        *countdown == 0
    }

    fn call(&mut self, import: u32, arguments: &[u64], memory: &mut [u8]) -> Result<Option<u32>, Stop> {
        if self.interrupts && !self.interrupted {
            self.interrupted = true;
            return Err(Stop::Interrupted);
        }
        self.interrupted = false;
        self.calls.push((import, arguments.to_vec()));
        if let Some(byte) = memory.first_mut() {
            *byte = byte.wrapping_add(1);
        }
        Ok(Some(u32::try_from(self.calls.len()).unwrap()))
    }
}

/// Everything that can be known of a program that has ended.
#[derive(Debug, PartialEq)]
pub(crate) struct End {
    pub(crate) outcome: Outcome,
    /// What it has left; without frames.
    pub(crate) state: State,
    pub(crate) memories: Vec<Bytes>,
    pub(crate) calls: Vec<(u32, Vec<u64>)>,
}

/// Runs a module to its end, stopped at each stop point whose number is a multiple of `every`. Each state is checked
/// against the module, written down, read, and put into a new instance. Returns how often that was, too.
pub(crate) fn run(wasm: &[u8], entry: Entry, every: Option<u64>, world: World) -> (End, usize) {
    let module = Module::parse(wasm, |_| true).unwrap();
    let config = Config { poll: Poll::Atomic, control_pages: 1, may_block: &|_, _| true, breakpoints: &[] };
    let program = Program::new(wasm, &config).unwrap();
    let memories = vec![Bytes::default(); memories(wasm)];
    let mut instance = Instance::new(&module, memories, Some(0), LIMITS, entry).unwrap();
    let mut world = world;
    let mut stops = 0;
    loop {
        world.countdown = every;
        match instance.run(&mut world) {
            Outcome::Suspended(state) if world.budget != Some(0) => {
                stops += 1;
                check(&program, &state);
                let state = State::decode(&state.encode()).unwrap();
                let canonical = state.clone().canonicalize(&program).unwrap();
                let memories = instance.into_memories();
                instance = Instance::resume(&module, memories, Some(0), LIMITS, canonical).unwrap();
            }
            outcome => {
                let outcome = match outcome {
                    // Where it was given up depends on how often it was stopped.
                    Outcome::Suspended(_) => Outcome::Stopped(Stop::Interrupted),
                    // Calls are told with the place, which does not.
                    other => other,
                };
                instance.abandon();
                let state = instance.state().unwrap();
                let memories = instance.into_memories();
                return (End { outcome, state, memories, calls: world.calls }, stops);
            }
        }
    }
}

/// All frames are at stop points of the program, and have the values that these say.
fn check(program: &Program<'_>, state: &State) {
    let Frames::Portable(frames) = &state.frames else { panic!("frames are not portable") };
    let unsettled = gate_snapshot::unsettle(frames).unwrap();
    for frame in &unsettled.frames {
        let site = program.site(frame.site).unwrap();
        assert_eq!(site.function, frame.function);
        assert!(frame.locals.iter().map(|value| value.ty()).eq(site.locals.iter().copied()));
        assert_eq!(frame.operands.iter().map(|value| value.ty()).collect::<Vec<_>>(), site.operands());
    }
    if frames.is_empty() {
        return;
    }
    // What continues it takes these frames, in this order.
    let sites: Vec<_> = unsettled.frames.iter().map(|frame| frame.site).collect();
    let continuations = program.continuations(&sites).unwrap();
    program.encode(&unsettled.frames, &continuations).unwrap();
}

fn memories(wasm: &[u8]) -> usize {
    let limits = gate_instrument::accept::Limits::STANDARD;
    gate_instrument::accept::validate(wasm, &limits).unwrap().memories.len()
}
