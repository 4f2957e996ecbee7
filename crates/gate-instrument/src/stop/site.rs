//! Stop points.

use std::sync::Arc;

use super::layout::{self, Layout};
use super::module::index;
use super::operands::StackOf;
use super::plan::Parked;
use crate::accept::ValueType;

/// A stop point: the offset of its instruction, in bytes from the start of the module, and for a breakpoint [`SiteId::BEFORE`]
/// besides.
///
/// | Kind | Offset of |
/// |---|---|
/// | [`SiteKind::Entry`] | the function's body, that is, of the declarations of its locals |
/// | [`SiteKind::Loop`] | the `loop` instruction |
/// | [`SiteKind::Call`] | the `call` or `call_indirect` instruction |
/// | [`SiteKind::Import`] | the import |
/// | [`SiteKind::Breakpoint`] | any instruction that can be reached |
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SiteId(pub u32);

impl SiteId {
    /// What is added to the offset of an instruction to name the stop point before it, rather than the one in it. Modules are
    /// smaller.
    pub const BEFORE: u32 = 1 << 31;

    /// The stop point before the instruction at an offset less than [`SiteId::BEFORE`].
    pub const fn before(offset: u32) -> Self {
        Self(offset | Self::BEFORE)
    }

    /// The offset alone.
    pub const fn offset(self) -> u32 {
        self.0 & !Self::BEFORE
    }

    /// Whether this is before the instruction: that of a [`SiteKind::Breakpoint`].
    pub const fn is_before(self) -> bool {
        self.0 & Self::BEFORE != 0
    }
}

/// What a program does at a stop point.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SiteKind {
    /// It has entered a function and done nothing there.
    Entry,
    /// It has entered a loop or come back to its head, and not done anything in it.
    Loop,
    /// It is inside of a call. This is the only kind of stop point that is not innermost.
    Call,
    /// It is about to call a function of the host, which may have been called before but had no effect.
    Import,
    /// It is about to run an instruction.
    Breakpoint,
}

impl SiteKind {
    /// Whether a program stops here by itself, rather than because it stops in a function that it has called.
    pub const fn is_innermost(self) -> bool {
        !matches!(self, Self::Call)
    }
}

/// A stop point of a function, and what there is to save at it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Site {
    /// Its place.
    pub id: SiteId,
    /// The function it is in, or the imported function it is about.
    pub function: u32,
    /// What the program does there.
    pub kind: SiteKind,
    /// The types of all parameters and locals of the function.
    pub locals: Arc<[ValueType]>,
    /// The locals that are saved, in ascending order: those that may be read before they are written again. All others
    /// are zero or null in a program that continues. In a function that has very many of them, they are those of all its stop
    /// points together.
    pub live: Arc<[u32]>,
    /// What is called, at a stop point of kind [`SiteKind::Call`].
    pub call: Option<Call>,
    pub(super) operands: StackOf,
    /// What else the record has room for, if it is the same for all stop points of the function.
    pub(super) parked: Option<Arc<[Parked]>>,
}

/// What a call calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Call {
    /// This function.
    Direct(u32),
    /// A function of the type with this index.
    Indirect(u32),
}

impl Site {
    /// The types of the operands, the lowest first. In a call they are those below its arguments.
    pub fn operands(&self) -> Vec<ValueType> {
        self.operands.types()
    }

    /// The record that saves a frame here.
    pub(super) fn layout(&self) -> Layout {
        let ty = |local: u32| self.locals.get(index(local)).copied().unwrap_or(ValueType::I32);
        let live = self.live.iter().map(|local| (*local, ty(*local)));
        layout::layout(live, &self.operands(), self.parked.as_deref())
    }
}
