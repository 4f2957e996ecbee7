//! Where the stop points of a function branch to.

use std::collections::HashMap;
use std::sync::Arc;

use super::plan::{ByItself, Plan, Stop};
use super::records::Records;
use super::site::SiteKind;
use crate::accept::ValueType;

/// In functions with more stop points, calls that store the same values name themselves before they branch, in the way of the
/// program, but with less code.
const FEW_STOPS: usize = 16;

/// The blocks that have the code of stop points behind them.
///
/// If several calls save the same values, they have the same code, which gets the name of the stop point as an operand. In polls the
/// operand would be in the way, so each has code of its own, if only to name it.
pub(super) struct Groups {
    /// The block of each stop point.
    of: Vec<Target>,
    /// Those for stop points that store no record, or name themselves, in the order of their code.
    blocks: Vec<Block>,
    /// What stop points store. There is a block for each record, behind all others.
    records: Records,
}

/// A block.
#[derive(Clone, Copy)]
pub(super) enum Target {
    /// One at a position.
    Block(usize),
    /// That of a record.
    Record(usize),
}

/// What is behind a block.
#[derive(Clone, Copy)]
pub(super) enum Block {
    /// Only the stop point at a position branches there. It saves its values by itself.
    One(usize),
    /// So do others that save the same, and name themselves.
    Some(usize),
    /// The stop point at a position gets its name, and goes on to store a record.
    Name(usize, usize),
}

impl Groups {
    /// Puts the stop points from a position on into groups.
    pub(super) fn new(plan: &Plan<'_>, first_stop: usize, records: Records) -> Self {
        let mut known: HashMap<(Arc<[u32]>, Vec<ValueType>), usize> = HashMap::new();
        let mut blocks = Vec::new();
        let mut of = vec![Target::Block(0); first_stop.min(plan.stops.len())];
        for (position, stop) in plan.stops.iter().enumerate().skip(first_stop) {
            let next = blocks.len();
            if let Some((number, record)) =
                records.of(position).and_then(|record| Some((record, records.all().get(record)?)))
            {
                let names_itself = stop.kind == SiteKind::Call && plan.stops.len() > FEW_STOPS;
                if names_itself || !record.is_shared {
                    of.push(Target::Record(number));
                } else {
                    blocks.push(Block::Name(position, number));
                    of.push(Target::Block(next));
                }
                continue;
            }
            let block = if plan.shared.is_none() && Self::can_share(stop) {
                *known.entry((stop.live.clone(), plan.operands(stop))).or_insert(next)
            } else {
                next
            };
            match blocks.get_mut(block) {
                Some(block) => {
                    if let Block::One(first) = *block {
                        *block = Block::Some(first);
                    }
                }
                None => blocks.push(Block::One(position)),
            }
            of.push(Target::Block(block));
        }
        Self { of, blocks, records }
    }

    fn can_share(stop: &Stop) -> bool {
        stop.kind == SiteKind::Call && stop.by_itself == ByItself::Always
    }

    /// Those for stop points that store no record, or name themselves, in the order of their code.
    pub(super) fn blocks(&self) -> &[Block] {
        &self.blocks
    }

    /// What is stored. There is a block for each record, behind all others, in this order.
    pub(super) fn records(&self) -> &Records {
        &self.records
    }

    /// The block that the stop point at a position branches to.
    pub(super) fn of(&self, position: usize) -> Target {
        *self.of.get(position).expect("all stop points branch somewhere")
    }

    /// Whether who branches to a block brings a name.
    pub(super) fn is_named(&self, target: Target) -> bool {
        match target {
            Target::Block(block) => matches!(self.blocks.get(block), Some(Block::Some(_))),
            Target::Record(record) => self.records.all().get(record).is_some_and(|record| record.is_shared),
        }
    }

    /// How many of the blocks are around a block, besides the one that everything goes to that has stored a record, if anything does.
    pub(super) fn around(&self, target: Target) -> usize {
        let records = self.records.all().len();
        match target {
            Target::Block(block) => records + self.blocks.len() - block - 1,
            Target::Record(record) => records - record - 1,
        }
    }
}
