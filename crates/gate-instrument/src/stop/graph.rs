//! The graph of calls, and what follows from it alone.
//!
//! Its nodes are the functions that are not imported, and behind them the function types: an indirect call goes to its type, and
//! from there to every function that it may call.

use super::module::{count, index};

/// The calls of a module, as one list with the place where each node's part starts.
pub(super) struct Graph {
    functions: usize,
    starts: Vec<usize>,
    calls: Vec<Edge>,
}

#[derive(Clone, Copy)]
struct Edge {
    callee: u32,
    /// Whether the call is in a loop: it is not reached without a poll.
    in_loop: bool,
}

impl Graph {
    /// A graph without calls, of a module that has so many functions.
    pub(super) fn new(functions: usize) -> Self {
        Self { functions, starts: vec![0], calls: Vec::new() }
    }

    /// Adds a call of a function by the node that comes next.
    pub(super) fn add(&mut self, callee: u32, in_loop: bool) {
        self.calls.push(Edge { callee, in_loop });
    }

    /// Adds a call of whatever has a type by the node that comes next.
    pub(super) fn add_indirect(&mut self, ty: u32, in_loop: bool) {
        self.add(count(self.functions) + ty, in_loop);
    }

    /// Goes on to the next node.
    pub(super) fn next(&mut self) {
        self.starts.push(self.calls.len());
    }

    fn len(&self) -> usize {
        self.starts.len().saturating_sub(1)
    }

    fn calls(&self, node: usize) -> &[Edge] {
        match self.starts.get(node..node + 2) {
            Some([start, end]) => self.calls.get(*start..*end).unwrap_or_default(),
            _ => &[],
        }
    }

    /// Marks the callees of marked nodes.
    pub(super) fn callees_of(&self, marked: &[bool]) -> Vec<bool> {
        let mut called = vec![false; self.len()];
        let callers = marked.iter().enumerate().filter(|(_, marked)| **marked);
        callers
            .flat_map(|(caller, _)| self.calls(caller))
            .for_each(|call| mark(&mut called, index(call.callee)));
        called
    }

    /// Marks all nodes from which there is a way to a marked one.
    pub(super) fn spread_to_callers(&self, marked: &mut [bool]) {
        let mut callers = vec![Vec::new(); self.len()];
        for caller in 0..self.len() {
            for call in self.calls(caller) {
                if let Some(callers) = callers.get_mut(index(call.callee)) {
                    callers.push(caller);
                }
            }
        }
        let mut pending: Vec<_> =
            marked.iter().enumerate().filter(|(_, marked)| **marked).map(|(node, _)| node).collect();
        while let Some(node) = pending.pop() {
            for caller in callers.get(node).into_iter().flatten() {
                if let Some(marked @ false) = marked.get_mut(*caller) {
                    *marked = true;
                    pending.push(*caller);
                }
            }
        }
    }

    /// Marks functions so that every cycle of calls that are not in loops has a marked one.
    ///
    /// A search in depth, without recursion, finds a call in each cycle that goes back to where it has come from: the one that
    /// is called there is marked. What is called indirectly cannot be, but who calls it can.
    pub(super) fn cut(&self) -> Vec<bool> {
        let mut cut = vec![false; self.functions];
        let mut states = vec![State::New; self.len()];
        // Nodes being visited, with the number of calls done.
        let mut visits: Vec<(usize, usize)> = Vec::new();
        for root in 0..self.len() {
            if states.get(root) == Some(&State::New) {
                visits.push((root, 0));
            }
            while let Some((node, done)) = visits.last_mut() {
                let node = *node;
                let state = states.get_mut(node).expect("only nodes are visited");
                let Some(call) = self.calls(node).get(*done) else {
                    *state = State::Done;
                    visits.pop();
                    continue;
                };
                *state = State::Open;
                *done += 1;
                if call.in_loop {
                    continue;
                }
                let callee = index(call.callee);
                match states.get(callee) {
                    Some(State::New) => visits.push((callee, 0)),
                    Some(State::Open) => {
                        let is_cut = |node: usize| cut.get(node).copied().unwrap_or_default();
                        if !is_cut(node) && !is_cut(callee) {
                            mark(&mut cut, if callee < self.functions { callee } else { node });
                        }
                    }
                    Some(State::Done) | None => {}
                }
            }
        }
        cut
    }
}

/// How far a search has come with a node.
#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    New,
    /// Its callees are being visited.
    Open,
    Done,
}

fn mark(flags: &mut [bool], node: usize) {
    if let Some(flag) = flags.get_mut(node) {
        *flag = true;
    }
}
