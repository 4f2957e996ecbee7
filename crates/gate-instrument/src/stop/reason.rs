//! Why functions can stop.

use wasmparser::Operator;

use super::Program;
use super::calls::Calls;
use super::error::StopError;
use super::extra::Extra;
use super::site::Call;

/// Why a program can be stopped in a function, or in what it calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Reason {
    /// It has a loop.
    Loop,
    /// It is where cycles of calls are interrupted.
    Cycle,
    /// It makes a call in which the program can be stopped.
    Call(Call),
    /// It ends in such a call.
    TailCall(Call),
    /// It is imported and may block.
    Blocks,
    /// It has a breakpoint.
    Breakpoint,
}

impl Program<'_> {
    /// Whether the program can be stopped in a function, or in what that calls. All others are as they are in the original.
    /// That there is no such function is no error.
    pub fn can_stop(&self, function: u32) -> bool {
        function < self.functions() && self.calls.may_unwind(function)
    }

    /// Why the program can be stopped in a function: each reason once, in the order of the code, those that concern the whole
    /// function first. There are none if it cannot.
    ///
    /// # Errors
    /// [`StopError::Invalid`] when the function is not valid.
    pub fn reasons(&self, function: u32) -> Result<Vec<Reason>, StopError> {
        let mut reasons = Vec::new();
        if !self.can_stop(function) {
            return Ok(reasons);
        }
        let Some(body) = self.module.body(function) else { return Ok(vec![Reason::Blocks]) };
        if self.calls.polls_at_entry(function) {
            reasons.push(Reason::Cycle);
        }
        let extra = Extra::in_body(&self.breakpoints, body);
        reasons.extend((!extra.breakpoints.is_empty()).then_some(Reason::Breakpoint));
        let mut seen: std::collections::HashSet<_> = reasons.iter().copied().collect();
        let mut reader = body.get_operators_reader()?;
        while !reader.eof() {
            let reason = reason(&self.calls, &reader.read()?);
            reasons.extend(reason.filter(|reason| seen.insert(*reason)));
        }
        Ok(reasons)
    }
}

/// Why an instruction makes its function one that can stop.
fn reason(calls: &Calls, operator: &Operator<'_>) -> Option<Reason> {
    let (reason, call): (fn(Call) -> Reason, _) = match *operator {
        Operator::Loop { .. } => return Some(Reason::Loop),
        Operator::Call { function_index } => (Reason::Call, Call::Direct(function_index)),
        Operator::CallIndirect { type_index, .. } => (Reason::Call, Call::Indirect(type_index)),
        Operator::ReturnCall { function_index } => (Reason::TailCall, Call::Direct(function_index)),
        Operator::ReturnCallIndirect { type_index, .. } => (Reason::TailCall, Call::Indirect(type_index)),
        _ => return None,
    };
    calls.stops_in_call(call).then(|| reason(call))
}
