//! Tests against the library of that format: it verifies what is built here, and builds what is read here.

use alloc::string::String;
use alloc::vec::Vec;

use flatbuffers::{
    FlatBufferBuilder, ForwardsUOffset, InvalidFlatbuffer, Vector, Verifiable, Verifier, VerifierOptions,
};
use proptest::prelude::*;

use super::*;

/// A number, a text, bytes, and a table with bytes.
type Content = (Option<u8>, Option<String>, Option<Vec<u8>>, Option<Option<Vec<u8>>>);

fn content() -> impl Strategy<Value = Content> {
    let bytes = || prop::option::of(prop::collection::vec(any::<u8>(), 0..20));
    (prop::option::of(any::<u8>()), prop::option::of("\\PC{0,20}"), bytes(), prop::option::of(bytes()))
}

/// Where the library says that a field is in a layout.
const fn slot(field: u16) -> u16 {
    4 + 2 * field
}

struct Outer;
struct Inner;

impl Verifiable for Outer {
    fn run_verifier(verifier: &mut Verifier<'_, '_>, at: usize) -> Result<(), InvalidFlatbuffer> {
        verifier
            .visit_table(at)?
            .visit_field::<u8>("number", slot(0), false)?
            .visit_field::<ForwardsUOffset<&str>>("text", slot(1), false)?
            .visit_field::<ForwardsUOffset<Vector<'_, u8>>>("bytes", slot(2), false)?
            .visit_field::<ForwardsUOffset<Inner>>("inner", slot(3), false)?
            .finish();
        Ok(())
    }
}

impl Verifiable for Inner {
    fn run_verifier(verifier: &mut Verifier<'_, '_>, at: usize) -> Result<(), InvalidFlatbuffer> {
        let table = verifier.visit_table(at)?;
        table.visit_field::<ForwardsUOffset<Vector<'_, u8>>>("bytes", slot(0), false)?.finish();
        Ok(())
    }
}

fn verify(buffer: &[u8]) -> Result<(), InvalidFlatbuffer> {
    let options = VerifierOptions::default();
    ForwardsUOffset::<Outer>::run_verifier(&mut Verifier::new(&options, buffer), 0)
}

fn read(buffer: &[u8]) -> Content {
    let root = Table::root(buffer).unwrap();
    let inner = root.table(3).map(|table| table.bytes(0).map(Vec::from));
    let text = root.bytes(1).map(|bytes| String::from_utf8(bytes.into()).unwrap());
    (root.u8(0), text, root.bytes(2).map(Vec::from), inner)
}

proptest! {
    #[test]
    fn the_library_accepts_what_is_built(content in content()) {
        let (number, text, bytes, inner) = &content;
        let inner_fields = [inner.iter().flatten().next().map_or(Field::Absent, |bytes| Field::Bytes(bytes))];
        let buffer = build(&[
            number.map_or(Field::Absent, Field::U8),
            text.as_deref().map_or(Field::Absent, Field::Text),
            bytes.as_deref().map_or(Field::Absent, Field::Bytes),
            inner.as_ref().map_or(Field::Absent, |_| Field::Table(&inner_fields)),
        ]);
        prop_assert_eq!(verify(&buffer), Ok(()));
        prop_assert_eq!(read(&buffer), content);
    }

    #[test]
    fn what_the_library_builds_is_read(content in content()) {
        let (number, text, bytes, inner) = &content;
        let mut builder = FlatBufferBuilder::new();
        let text = text.as_deref().map(|text| builder.create_string(text));
        let bytes = bytes.as_deref().map(|bytes| builder.create_vector(bytes));
        let inner = inner.as_ref().map(|inner| {
            let bytes = inner.as_deref().map(|bytes| builder.create_vector(bytes));
            let table = builder.start_table();
            if let Some(bytes) = bytes {
                builder.push_slot_always(slot(0), bytes);
            }
            builder.end_table(table)
        });
        let table = builder.start_table();
        if let Some(number) = number {
            builder.push_slot_always(slot(0), *number);
        }
        if let Some(text) = text {
            builder.push_slot_always(slot(1), text);
        }
        if let Some(bytes) = bytes {
            builder.push_slot_always(slot(2), bytes);
        }
        if let Some(inner) = inner {
            builder.push_slot_always(slot(3), inner);
        }
        let root = builder.end_table(table);
        builder.finish_minimal(root);
        prop_assert_eq!(read(builder.finished_data()), content);
    }

    #[test]
    fn any_bytes_are_read_or_not(bytes in prop::collection::vec(0..24_u8, 0..64)) {
        if let Some(root) = Table::root(&bytes) {
            for field in 0..5 {
                let _ = (root.u8(field), root.u16(field), root.bytes(field), root.table(field));
            }
        }
    }
}
