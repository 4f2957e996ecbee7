//! References of an instance as a program's state has them: functions by index, exceptions by their place in a list.

use std::collections::HashMap;

use gate_instrument::accept::ValueType;
use gate_snapshot::{Exception, Reference, Value};
use wasmtime::{AsContextMut, ExnRef, Func, Ref, Rooted, Tag, Val};

use crate::live::Live;

/// Finds out what references refer to.
#[derive(Default)]
pub(crate) struct References {
    /// The indices of functions that there can be references to, by the address of what the engine knows of each. It is
    /// made when the first reference is looked at: most programs that have many functions have references to many.
    functions: Option<HashMap<usize, u32>>,
    /// The exception tags, made likewise.
    tags: Option<Vec<Tag>>,
    /// Where each exception is in the list, by the number of the object. Objects stay where they are as long as they live,
    /// and whoever looks at them here keeps them alive.
    places: HashMap<u32, u32>,
    /// The exceptions. Those that one carries are before it.
    pub(crate) exceptions: Vec<Exception>,
}

/// An exception that is being looked at.
struct Visit {
    object: u32,
    tag: u32,
    fields: Vec<Val>,
    values: Vec<Value>,
}

impl References {
    /// A value.
    pub(crate) fn value(
        &mut self,
        store: &mut impl AsContextMut,
        live: &Live<'_>,
        value: Val,
    ) -> wasmtime::Result<Value> {
        let (ty, reference) = match value {
            Val::I32(value) => return Ok(Value::I32(value.cast_unsigned())),
            Val::I64(value) => return Ok(Value::I64(value.cast_unsigned())),
            Val::F32(bits) => return Ok(Value::F32(bits)),
            Val::F64(bits) => return Ok(Value::F64(bits)),
            Val::V128(value) => return Ok(Value::V128(value.as_u128())),
            Val::FuncRef(function) => (ValueType::FuncRef, Ref::Func(function)),
            Val::ExternRef(reference) => (ValueType::ExternRef, Ref::Extern(reference)),
            Val::ExnRef(exception) => (ValueType::ExnRef, Ref::Exn(exception)),
            Val::AnyRef(_) | Val::ContRef(_) => wasmtime::bail!("a value of a type that is not accepted"),
        };
        Ok(Value::Reference(ty, self.reference(store, live, reference)?))
    }

    /// A reference.
    pub(crate) fn reference(
        &mut self,
        store: &mut impl AsContextMut,
        live: &Live<'_>,
        reference: Ref,
    ) -> wasmtime::Result<Reference> {
        Ok(match reference {
            Ref::Func(Some(function)) => Reference::Function(self.function(store, live, function)?),
            Ref::Exn(Some(exception)) => Reference::Exception(self.exception(store, live, exception)?),
            Ref::Func(None) | Ref::Exn(None) | Ref::Extern(None) | Ref::Any(None) => Reference::Null,
            // No function that can be imported makes any.
            Ref::Extern(Some(_)) | Ref::Any(Some(_)) => {
                wasmtime::bail!("a reference to something of the host")
            }
        })
    }

    fn function(
        &mut self,
        store: &mut impl AsContextMut,
        live: &Live<'_>,
        function: Func,
    ) -> wasmtime::Result<u32> {
        let functions = self.functions.get_or_insert_with(|| functions(store, live));
        let address = function.to_raw(store).addr();
        let index = functions.get(&address).copied();
        index.ok_or_else(|| wasmtime::format_err!("a reference to a function that is not exported"))
    }

    /// The place of an exception, after those that it carries. It may carry one that carries one, and so on: there is no
    /// recursion here.
    fn exception(
        &mut self,
        store: &mut impl AsContextMut,
        live: &Live<'_>,
        exception: Rooted<ExnRef>,
    ) -> wasmtime::Result<u32> {
        let object = exception.to_raw(&mut *store)?;
        if let Some(place) = self.places.get(&object) {
            return Ok(*place);
        }
        let mut visits = vec![self.visit(store, live, exception, object)?];
        while let Some(visit) = visits.last_mut() {
            if let Some(field) = visit.fields.get(visit.values.len()) {
                if let Val::ExnRef(Some(carried)) = *field {
                    let object = carried.to_raw(&mut *store)?;
                    if !self.places.contains_key(&object) {
                        let next = self.visit(store, live, carried, object)?;
                        visits.push(next);
                        continue;
                    }
                }
                let value = self.known(store, live, *field)?;
                visit.values.push(value);
                continue;
            }
            let place = u32::try_from(self.exceptions.len())?;
            if let Some(Visit { object, tag, values, .. }) = visits.pop() {
                self.exceptions.push(Exception { tag, values });
                self.places.insert(object, place);
            }
        }
        self.places.get(&object).copied().ok_or_else(|| wasmtime::format_err!("an exception is nowhere"))
    }

    /// A value that is no exception, or one that has its place.
    fn known(
        &mut self,
        store: &mut impl AsContextMut,
        live: &Live<'_>,
        value: Val,
    ) -> wasmtime::Result<Value> {
        if let Val::ExnRef(Some(exception)) = value {
            let object = exception.to_raw(&mut *store)?;
            let place = self.places.get(&object).copied();
            let place = place.ok_or_else(|| wasmtime::format_err!("an exception is nowhere"))?;
            return Ok(Value::Reference(ValueType::ExnRef, Reference::Exception(place)));
        }
        self.value(store, live, value)
    }

    fn visit(
        &mut self,
        store: &mut impl AsContextMut,
        live: &Live<'_>,
        exception: Rooted<ExnRef>,
        object: u32,
    ) -> wasmtime::Result<Visit> {
        let tags = self.tags.get_or_insert_with(|| tags(store, live));
        let tag = exception.tag(&mut *store)?;
        let tag = tags.iter().position(|known| Tag::eq(known, &tag, &*store));
        let tag = tag.ok_or_else(|| wasmtime::format_err!("an exception with a tag of somebody else"))?;
        let fields = exception.fields(&mut *store)?.collect();
        Ok(Visit { object, tag: u32::try_from(tag)?, fields, values: Vec::new() })
    }
}

/// The exception tags of a program.
pub(crate) fn tags(store: &mut impl AsContextMut, live: &Live<'_>) -> Vec<Tag> {
    (0..).map_while(|index| live.tag(&mut *store, index)).collect()
}

/// All functions that there can be references to.
fn functions(store: &mut impl AsContextMut, live: &Live<'_>) -> HashMap<usize, u32> {
    let mut functions = HashMap::with_capacity(live.added.referenced.len());
    for index in &live.added.referenced {
        if let Some(function) = live.referenced(&mut *store, *index) {
            functions.insert(function.to_raw(&mut *store).addr(), *index);
        }
    }
    functions
}
