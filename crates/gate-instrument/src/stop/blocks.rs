//! The reachable instructions of a function, and how its blocks are nested.

use wasmparser::{FunctionBody, Operator};

use super::calls::Calls;
use super::error::StopError;
use super::extra::Extra;
use super::module::{Module, count, index};
use crate::accept::FunctionType;

/// A block of a function: its position among the blocks, in the order in which they start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct BlockId(u32);

/// An instruction.
#[derive(Clone)]
pub(super) struct Op<'a> {
    /// The instruction itself.
    pub(super) operator: Operator<'a>,
    /// Where it is, in bytes from the start of the module.
    pub(super) offset: u32,
    /// Its bytes.
    pub(super) bytes: &'a [u8],
    /// The innermost block it is in. What opens, divides or closes a block is in that block.
    pub(super) block: Option<BlockId>,
}

/// A `block`, `loop`, `if` or `try_table`.
pub(super) struct Block {
    /// The instruction that opens it.
    pub(super) start: usize,
    /// The `else`, if there is one.
    pub(super) middle: Option<usize>,
    /// The `end`.
    pub(super) end: usize,
    /// The block around it.
    pub(super) parent: Option<BlockId>,
    /// Its type.
    pub(super) ty: FunctionType,
    /// Whether there is a stop point in it.
    pub(super) stops: bool,
    /// Whether there is a call in it of the function that it is in.
    pub(super) recurs: bool,
    /// How many operands are below its parameters.
    pub(super) base: usize,
}

/// The reachable instructions of a function. What follows a branch that is always taken is left out up to the next
/// `else` or `end`: it has no effect, and its operands have no types.
pub(super) struct Structure<'a> {
    /// The instructions; the last one is the `end` of the function.
    pub(super) ops: Vec<Op<'a>>,
    blocks: Vec<Block>,
    /// Whether there is a call of the function itself in each of its loops, if it has any.
    pub(super) recurs: bool,
}

impl<'a> Structure<'a> {
    /// Reads the body of a function.
    pub(super) fn read(
        module: &Module<'a>,
        calls: &Calls,
        function: u32,
        body: &FunctionBody<'a>,
        extra: Extra<'_>,
    ) -> Result<Self, StopError> {
        let mut structure = Self { ops: Vec::new(), blocks: Vec::new(), recurs: true };
        let mut open: Option<BlockId> = None;
        // In unreachable code, how many blocks have been opened there.
        let mut unreachable: Option<u32> = None;
        let mut reader = body.get_operators_reader()?;
        while !reader.eof() {
            let start = reader.original_position();
            let operator = reader.read()?;
            let bytes = module.wasm.get(start..reader.original_position()).unwrap_or_default();
            if let Some(depth) = &mut unreachable {
                match &operator {
                    operator if Self::block_type(operator).is_some() => {
                        *depth += 1;
                        continue;
                    }
                    Operator::End if *depth > 0 => {
                        *depth -= 1;
                        continue;
                    }
                    Operator::Else | Operator::End if *depth == 0 => unreachable = None,
                    _ => continue,
                }
            }
            let op = structure.ops.len();
            let mut block = open;
            if let Some(block) = open.filter(|_| extra.is_before(count(start)) || extra.is_at(count(start))) {
                structure.block_mut(block).stops = true;
            }
            match &operator {
                Operator::Else => {
                    let block = open.expect("an else is in an if");
                    structure.block_mut(block).middle = Some(op);
                }
                Operator::End => {
                    if let Some(block) = open {
                        let Block { start, stops, recurs, .. } = *structure.block(block);
                        let opened = structure.ops.get(start).map(|op| &op.operator);
                        structure.recurs &= recurs || !matches!(opened, Some(Operator::Loop { .. }));
                        structure.block_mut(block).end = op;
                        open = structure.block(block).parent;
                        if let Some(parent) = open {
                            let parent = structure.block_mut(parent);
                            parent.stops |= stops;
                            parent.recurs |= recurs;
                        }
                    }
                }
                operator => {
                    if let Some(ty) = Self::block_type(operator) {
                        let id = BlockId(count(structure.blocks.len()));
                        let ty = module.block_type(ty);
                        let stops = matches!(operator, Operator::Loop { .. });
                        let parent = open;
                        structure.blocks.push(Block {
                            start: op,
                            middle: None,
                            end: op,
                            parent,
                            ty,
                            stops,
                            recurs: false,
                            base: 0,
                        });
                        open = Some(id);
                        block = open;
                    }
                    if let Some(block) = open.filter(|_| calls.stops_in(operator)) {
                        let block = structure.block_mut(block);
                        block.stops = true;
                        block.recurs |= matches!(
                            operator,
                            Operator::Call { function_index } if *function_index == function
                        );
                    }
                    if Self::diverges(operator) {
                        unreachable = Some(0);
                    }
                }
            }
            structure.ops.push(Op { operator, offset: count(start), bytes, block });
        }
        Ok(structure)
    }

    /// The type of the block that an instruction opens.
    pub(super) fn block_type(operator: &Operator<'_>) -> Option<wasmparser::BlockType> {
        match operator {
            Operator::Block { blockty } | Operator::Loop { blockty } | Operator::If { blockty } => {
                Some(*blockty)
            }
            Operator::TryTable { try_table } => Some(try_table.ty),
            _ => None,
        }
    }

    /// Whether the instruction behind this one is never reached from it.
    pub(super) fn diverges(operator: &Operator<'_>) -> bool {
        matches!(
            operator,
            Operator::Unreachable
                | Operator::Br { .. }
                | Operator::BrTable { .. }
                | Operator::Return
                | Operator::ReturnCall { .. }
                | Operator::ReturnCallIndirect { .. }
                | Operator::Throw { .. }
                | Operator::ThrowRef
        )
    }

    /// The block.
    pub(super) fn block(&self, block: BlockId) -> &Block {
        self.blocks.get(index(block.0)).expect("only blocks of the function itself are asked for")
    }

    /// The block, to note more of it.
    pub(super) fn block_mut(&mut self, block: BlockId) -> &mut Block {
        self.blocks.get_mut(index(block.0)).expect("only blocks of the function itself are asked for")
    }

    /// All blocks, in the order in which they start.
    pub(super) fn blocks(&self) -> &[Block] {
        &self.blocks
    }

    /// The position of a block among all blocks.
    pub(super) fn position(&self, block: BlockId) -> usize {
        index(block.0)
    }

    /// The block itself and those around it, the innermost first.
    pub(super) fn around(&self, block: Option<BlockId>) -> impl Iterator<Item = BlockId> {
        std::iter::successors(block, |block| self.block(*block).parent)
    }
}
