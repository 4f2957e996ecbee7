//! Arguments as people write them.

use gate_engine::Argument;
use gate_instrument::accept::{FunctionType, ValueType};

use super::arguments;

#[track_caller]
fn check(text: &str, ty: ValueType, expected: Option<Argument>) {
    let ty = FunctionType { params: vec![ty], results: vec![] };
    let found = arguments(&[text.to_owned()], &ty).ok().and_then(|mut values| values.pop());
    assert_eq!(found, expected, "{text}");
}

#[test]
fn numbers_are_read_by_their_type() {
    check("42", ValueType::I32, Some(Argument::I32(42)));
    check("-1", ValueType::I32, Some(Argument::I32(-1)));
    check("4294967295", ValueType::I32, Some(Argument::I32(-1)));
    check("0xff", ValueType::I32, Some(Argument::I32(255)));
    check("4294967296", ValueType::I32, None);
    check("-2147483649", ValueType::I32, None);
    check("18446744073709551615", ValueType::I64, Some(Argument::I64(-1)));
    check("-9223372036854775808", ValueType::I64, Some(Argument::I64(i64::MIN)));
    check("1.5", ValueType::F64, Some(Argument::F64(1.5f64.to_bits())));
    check("1e3", ValueType::F32, Some(Argument::F32(1e3f32.to_bits())));
    check("", ValueType::I32, None);
    check("--1", ValueType::I32, None);
    check("x", ValueType::F64, None);
}

#[test]
fn their_number_must_fit() {
    let ty = FunctionType { params: vec![ValueType::I32, ValueType::I32], results: vec![ValueType::I32] };
    assert_eq!(
        arguments(&["1".to_owned()], &ty),
        Err("the function takes 2 arguments of type (i32, i32) -> i32, and was given 1".to_owned())
    );
}
