//! Which functions may be running in a call.
//!
//! That of a direct call is the one that it names. That of an indirect call has the type that it names, and there is a reference
//! to it. Either may have made a tail call since, and what runs then is what that has called.

use std::collections::{HashMap, HashSet};

use wasmparser::{ElementItems, Operator};

use super::error::StopError;
use super::module::{Module, index};
use super::site::Call;

/// Answers for calls of a module.
///
/// Bodies are read when an answer depends on their tail calls, each once.
pub(super) struct Callees<'c, 'a> {
    module: &'c Module<'a>,
    references: Option<References>,
    /// The tail calls of a function, each once.
    tails: HashMap<u32, Vec<Call>>,
    answers: HashMap<(Call, u32), bool>,
}

impl<'c, 'a> Callees<'c, 'a> {
    pub(super) fn new(module: &'c Module<'a>) -> Self {
        Self { module, references: None, tails: HashMap::new(), answers: HashMap::new() }
    }

    /// Whether `function` may be what runs in a call.
    pub(super) fn can_be(&mut self, function: u32, call: Call) -> Result<bool, StopError> {
        let results = match call {
            Call::Direct(callee) => &self.module.function_type(callee).results,
            Call::Indirect(ty) => &self.module.type_at(ty).results,
        };
        // Tail calls do not change them.
        if self.module.function_type(function).results != *results {
            return Ok(false);
        }
        if let Some(answer) = self.answers.get(&(call, function)) {
            return Ok(*answer);
        }
        let answer = self.is_callee(function, call)? || self.is_reached(function, call)?;
        self.answers.insert((call, function), answer);
        Ok(answer)
    }

    /// Whether a call goes to the function itself.
    fn is_callee(&mut self, function: u32, call: Call) -> Result<bool, StopError> {
        Ok(match call {
            Call::Direct(callee) => callee == function,
            Call::Indirect(ty) => {
                let has_type = self.module.function_type(function) == self.module.type_at(ty);
                has_type && self.references()?.functions.contains(&function)
            }
        })
    }

    /// Whether tail calls lead from a call to the function.
    fn is_reached(&mut self, function: u32, call: Call) -> Result<bool, StopError> {
        let mut seen = HashSet::from([call]);
        let mut visited = HashSet::new();
        let mut pending = vec![call];
        while let Some(call) = pending.pop() {
            let callees = match call {
                Call::Direct(callee) => vec![callee],
                Call::Indirect(ty) => self.references()?.of_type(ty).to_vec(),
            };
            for callee in callees {
                if callee == function {
                    return Ok(true);
                }
                if visited.insert(callee) {
                    let tails = self.tails(callee)?;
                    pending.extend(tails.iter().filter(|tail| seen.insert(**tail)));
                }
            }
        }
        Ok(false)
    }

    fn references(&mut self) -> Result<&References, StopError> {
        if self.references.is_none() {
            self.references = Some(References::read(self.module)?);
        }
        Ok(self.references.as_ref().expect("they have just been read"))
    }

    fn tails(&mut self, function: u32) -> Result<&[Call], StopError> {
        if !self.tails.contains_key(&function) {
            let tails = self.read_tails(function)?;
            self.tails.insert(function, tails);
        }
        Ok(self.tails.get(&function).map(Vec::as_slice).unwrap_or_default())
    }

    fn read_tails(&mut self, function: u32) -> Result<Vec<Call>, StopError> {
        // The host makes no tail calls.
        let Some(body) = self.module.body(function) else { return Ok(Vec::new()) };
        let mut tails = HashSet::new();
        let mut reader = body.get_operators_reader()?;
        while !reader.eof() {
            match reader.read()? {
                Operator::ReturnCall { function_index } => {
                    tails.insert(Call::Direct(function_index));
                }
                Operator::ReturnCallIndirect { type_index, .. } => {
                    tails.insert(Call::Indirect(self.references()?.canonical(type_index)));
                }
                _ => {}
            }
        }
        Ok(tails.into_iter().collect())
    }
}

/// The functions that there may be references to: valid code can take one only of those in element segments, of those in the
/// initial values of globals, and of exported ones.
pub(super) struct References {
    functions: HashSet<u32>,
    /// By the canonical indices of their types.
    by_type: HashMap<u32, Vec<u32>>,
    /// For each type the index of the first one that equals it.
    canonical: Vec<u32>,
}

impl References {
    pub(super) fn read(module: &Module<'_>) -> Result<Self, StopError> {
        let mut functions: HashSet<u32> = module.exported.iter().map(|(_, function)| *function).collect();
        for initial in &module.initial {
            functions.extend(function_in(initial)?);
        }
        for element in &module.elements {
            match &element.items {
                ElementItems::Functions(items) => {
                    for function in items.clone() {
                        functions.insert(function?);
                    }
                }
                ElementItems::Expressions(_, items) => {
                    for item in items.clone() {
                        functions.extend(function_in(&item?)?);
                    }
                }
            }
        }
        let mut first = HashMap::new();
        let canonical: Vec<u32> =
            (0..).zip(&module.types).map(|(position, ty)| *first.entry(ty).or_insert(position)).collect();
        let mut by_type: HashMap<u32, Vec<u32>> = HashMap::new();
        for function in &functions {
            let ty = module.functions.get(index(*function)).and_then(|ty| canonical.get(index(*ty)));
            by_type.entry(ty.copied().expect("functions have types")).or_default().push(*function);
        }
        Ok(Self { functions, by_type, canonical })
    }

    /// The first type that equals one.
    pub(super) fn canonical(&self, ty: u32) -> u32 {
        self.canonical.get(index(ty)).copied().unwrap_or(ty)
    }

    /// The functions of a type that is the first of those that it equals, in ascending order.
    pub(super) fn of_canonical_type(&self, ty: u32) -> Vec<u32> {
        let mut functions = self.by_type.get(&ty).cloned().unwrap_or_default();
        functions.sort_unstable();
        functions
    }

    /// The functions, in ascending order.
    pub(super) fn into_functions(self) -> Vec<u32> {
        let mut functions: Vec<_> = self.functions.into_iter().collect();
        functions.sort_unstable();
        functions
    }

    /// The first type that equals each.
    pub(super) fn into_canonical(self) -> Vec<u32> {
        self.canonical
    }

    fn of_type(&self, ty: u32) -> &[u32] {
        self.by_type.get(&self.canonical(ty)).map(Vec::as_slice).unwrap_or_default()
    }
}

/// The function that a constant expression refers to.
fn function_in(expression: &wasmparser::ConstExpr<'_>) -> Result<Option<u32>, StopError> {
    let mut reader = expression.get_operators_reader();
    while !reader.eof() {
        if let Operator::RefFunc { function_index } = reader.read()? {
            return Ok(Some(function_index));
        }
    }
    Ok(None)
}
