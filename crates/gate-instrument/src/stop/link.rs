//! Functions that emitted code calls, and the types that it names.

use std::collections::{BTreeSet, HashMap};

use wasm_encoder::BlockType;

use super::copies::Copies;
use super::module::{Module, count};
use super::values;
use crate::accept::{FunctionType, ValueType};

/// A function that emitted code calls.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum Callee {
    /// A function of the program.
    Function(u32),
    /// Calls one of the functions of the type with this index, by position, for code in another module; there can be several such
    /// functions. Compilers make an entry for each exported function from outside of compiled code, so that this is one instead of
    /// many.
    Choose(u32, u32),
    /// Calls an imported function that may block, and is a stop point.
    Import(u32),
    /// Calls an imported function, for code in another module: the host shall see calls from the program only.
    Host(u32),
    /// Gives a reference to a function of the program, for code in another module.
    Reference(u32),
    /// Appends values of these types to the frames. The last of a frame also gets the stop point.
    Save(Vec<ValueType>, Last),
    /// Appends the record to the frames, given the stop point and the size with that.
    Keep,
    /// Appends the stop point to values that are in the frames already, given their size with that of the stop point.
    Saved,
    /// `memory.init` of a segment, for code in another module.
    MemoryInit(u32, u32),
    /// `table.init` of a segment, for code in another module.
    TableInit(u32, u32),
    /// `data.drop`, with a note of it in the control memory.
    DataDrop(u32),
    /// `elem.drop`, with a note of it in the control memory.
    ElementDrop(u32),
}

fn name_of_save(what: &str, types: &[ValueType]) -> String {
    let mut name = String::from(what);
    for ty in types {
        name.push(' ');
        name.push_str(&ty.to_string());
    }
    name
}

/// Whether values are the last of a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Last {
    /// The stop point follows.
    Yes,
    /// More values follow.
    No,
}

impl Callee {
    /// The name it is exported by, behind the prefix of all such names.
    pub(super) fn name(&self) -> String {
        match self {
            Self::Function(function) => format!("function {function}"),
            Self::Choose(ty, part) => format!("call {ty} {part}"),
            Self::Import(function) => format!("import {function}"),
            Self::Host(function) => format!("host {function}"),
            Self::Reference(function) => format!("reference {function}"),
            Self::Save(types, Last::Yes) => name_of_save("save", types),
            Self::Save(types, Last::No) => name_of_save("save some", types),
            Self::Keep => String::from("keep"),
            Self::Saved => String::from("saved"),
            Self::MemoryInit(data, memory) => format!("memory.init {memory} {data}"),
            Self::TableInit(element, table) => format!("table.init {table} {element}"),
            Self::DataDrop(data) => format!("data.drop {data}"),
            Self::ElementDrop(element) => format!("elem.drop {element}"),
        }
    }

    /// Its type.
    pub(super) fn ty(&self, module: &Module<'_>) -> FunctionType {
        let params = match self {
            Self::Reference(_) => {
                return FunctionType { params: Vec::new(), results: vec![ValueType::FuncRef] };
            }
            Self::Function(function) | Self::Import(function) | Self::Host(function) => {
                return module.function_type(*function).clone();
            }
            Self::Choose(ty, _) => {
                let FunctionType { mut params, results } = module.type_at(*ty).clone();
                params.push(ValueType::I32);
                return FunctionType { params, results };
            }
            Self::Save(types, Last::No) => types.clone(),
            Self::Save(types, Last::Yes) => types.iter().copied().chain([ValueType::I32]).collect(),
            Self::Keep | Self::Saved => vec![ValueType::I32; 2],
            Self::MemoryInit(..) | Self::TableInit(..) => vec![ValueType::I32; 3],
            Self::DataDrop(_) | Self::ElementDrop(_) => Vec::new(),
        };
        FunctionType { params, results: Vec::new() }
    }
}

/// The module that code is emitted into.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// The program itself.
    Main,
    /// A module beside it, which imports from it.
    Side,
    /// A module with the program as it is: there are no stop points.
    Alone,
}

/// What emitted code refers to by an index that is not the program's own.
///
/// Tables, memories, globals and tags have the same indices everywhere: in the program since additions come after what is there,
/// and in a module beside it since that imports all of them, in order. Such a module has only the types that are named: engines
/// compile something for each.
pub(super) struct Linker {
    /// Where code is emitted.
    pub(super) place: Place,
    /// The functions called so far that need an index of their own, in the order of these indices.
    pub(super) callees: Vec<Callee>,
    /// The functions of the program that there are references to.
    pub(super) referenced: BTreeSet<u32>,
    /// Copies of functions of the program, in a module beside it.
    pub(super) copies: Option<Copies>,
    indices: HashMap<Callee, u32>,
    first: u32,
    /// The types that were added, in the order of their indices.
    pub(super) types: Vec<FunctionType>,
    type_indices: HashMap<FunctionType, u32>,
    first_type: u32,
}

impl Linker {
    pub(super) fn new(module: &Module<'_>, place: Place) -> Self {
        Self {
            place,
            callees: Vec::new(),
            referenced: BTreeSet::new(),
            copies: None,
            indices: HashMap::new(),
            first: match place {
                Place::Main | Place::Alone => count(module.functions.len()),
                Place::Side => 0,
            },
            types: Vec::new(),
            type_indices: HashMap::new(),
            first_type: match place {
                Place::Main | Place::Alone => count(module.types.len()),
                Place::Side => 0,
            },
        }
    }

    /// The index of a function.
    pub(super) fn function(&mut self, callee: Callee) -> u32 {
        if let (Place::Main, Callee::Function(function)) = (self.place, &callee) {
            return *function;
        }
        let next = self.first + count(self.callees.len());
        let callees = &mut self.callees;
        *self.indices.entry(callee).or_insert_with_key(|callee| {
            callees.push(callee.clone());
            next
        })
    }

    /// The index of a type.
    pub(super) fn ty(&mut self, ty: FunctionType) -> u32 {
        let next = self.first_type + count(self.types.len());
        let types = &mut self.types;
        *self.type_indices.entry(ty).or_insert_with_key(|ty| {
            types.push(ty.clone());
            next
        })
    }

    /// The index of the type that has an index in the original.
    pub(super) fn original_type(&mut self, module: &Module<'_>, ty: u32) -> u32 {
        match self.place {
            Place::Main | Place::Alone => ty,
            Place::Side => self.ty(module.type_at(ty).clone()),
        }
    }

    /// The type of a block without parameters.
    pub(super) fn block_type(&mut self, results: &[ValueType]) -> BlockType {
        match results {
            [] => BlockType::Empty,
            [result] => BlockType::Result(values::encoded(*result)),
            results => BlockType::FunctionType(
                self.ty(FunctionType { params: Vec::new(), results: results.to_vec() }),
            ),
        }
    }
}
