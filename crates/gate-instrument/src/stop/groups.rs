//! Which stop points of a function have their code in common.

use std::collections::HashMap;
use std::sync::Arc;

use super::plan::{ByItself, Plan, Stop};
use super::site::SiteKind;
use crate::accept::ValueType;

/// The stop points of a function in groups: calls that save the same values have the same code, which gets the name of the
/// stop point as an operand. Each of the others has its own.
///
/// In polls the operand would be in the way: each would come to the code with its values in other registers, which had to be moved,
/// or the register allocator had to keep them in the same ones everywhere.
pub(super) struct Groups {
    /// The group of each stop point.
    of: Vec<usize>,
    /// The stop points of each group: the position of the first, and how many there are.
    groups: Vec<(usize, usize)>,
}

impl Groups {
    /// Puts the stop points from a position on into groups, which are in the order of the first stop point of each.
    pub(super) fn new(plan: &Plan<'_>, first_stop: usize) -> Self {
        let mut known: HashMap<(Arc<[u32]>, Vec<ValueType>), usize> = HashMap::new();
        let mut groups: Vec<(usize, usize)> = Vec::new();
        let mut of = vec![0; first_stop.min(plan.stops.len())];
        for (position, stop) in plan.stops.iter().enumerate().skip(first_stop) {
            let next = groups.len();
            let group = if plan.shared.is_none() && Self::can_share(stop) {
                *known.entry((stop.live.clone(), plan.operands(stop))).or_insert(next)
            } else {
                next
            };
            match groups.get_mut(group) {
                Some((_, stops)) => *stops += 1,
                None => groups.push((position, 1)),
            }
            of.push(group);
        }
        Self { of, groups }
    }

    fn can_share(stop: &Stop) -> bool {
        stop.kind == SiteKind::Call && stop.by_itself == ByItself::Always
    }

    /// How many groups there are.
    pub(super) fn len(&self) -> usize {
        self.groups.len()
    }

    /// The group of the stop point at a position.
    pub(super) fn of(&self, position: usize) -> usize {
        *self.of.get(position).expect("all stop points are in a group")
    }

    /// The position of the first stop point of a group.
    pub(super) fn first(&self, group: usize) -> usize {
        self.groups.get(group).expect("only groups that exist are asked for").0
    }

    /// Whether a group has more than one stop point.
    pub(super) fn is_shared(&self, group: usize) -> bool {
        self.groups.get(group).is_some_and(|(_, stops)| *stops > 1)
    }
}
