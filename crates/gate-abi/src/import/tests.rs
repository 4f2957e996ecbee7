//! Tests of import resolution.

use super::{Function, Personality, Reason, Signature, ValType, WasiFunction, resolve, resolve_all};

#[track_caller]
fn check(personality: Personality, module: &str, field: &str, expect: Result<Function, Reason>) {
    assert_eq!(resolve(personality, module, field).map_err(|error| error.reason), expect, "{module}.{field}");
}

#[test]
fn gate_names() {
    let cases = [
        ("fd_65536", Ok(Function::GateFd)),
        ("io_65536", Ok(Function::GateIo)),
        ("io_65537", Ok(Function::GateIo)),
        ("io_4294967296", Ok(Function::GateIo)),
        ("io_99999999999999999999999999999999999999999999999999", Ok(Function::GateIo)),
        ("io_65535", Err(Reason::PacketSizeTooSmall)),
        ("fd_9", Err(Reason::PacketSizeTooSmall)),
        ("fd_065536", Err(Reason::PacketSizeForm)),
        ("fd_0", Err(Reason::PacketSizeForm)),
        ("fd_", Err(Reason::PacketSizeForm)),
        ("fd_+65536", Err(Reason::PacketSizeForm)),
        ("fd_65536 ", Err(Reason::PacketSizeForm)),
        ("fd_\u{666}5536", Err(Reason::PacketSizeForm)),
        ("fd", Err(Reason::GateName)),
        ("fd_1_65536", Err(Reason::GateName)),
        ("_65536", Err(Reason::GateName)),
        ("", Err(Reason::GateName)),
        ("fd65536", Err(Reason::GateName)),
    ];
    for (field, expect) in cases {
        check(Personality::Gate, "gate", field, expect);
        check(Personality::Gate, "env", &format!("__gate_{field}"), expect);
    }
}

#[test]
fn every_wasi_function_resolves_by_its_name() {
    assert_eq!(WasiFunction::ALL.len(), 46);
    for function in WasiFunction::ALL {
        let name = function.name();
        assert_eq!(WasiFunction::from_name(name), Some(*function));
        check(Personality::Wasi, "wasi_snapshot_preview1", name, Ok(Function::Wasi(*function)));
        check(Personality::Wasi, "env", &format!("__wasi_{name}"), Ok(Function::Wasi(*function)));
        check(Personality::Wasi, "wasi_unstable", name, Err(Reason::WasiSnapshot0));
        let expect = match function {
            WasiFunction::SockAccept => Err(Reason::SockAccept),
            function => Ok(Function::Wasi(*function)),
        };
        check(Personality::Gate, "wasi_unstable", name, expect);
        check(Personality::Gate, "wasi_snapshot_preview1", name, expect);
        check(Personality::Gate, "env", &format!("__wasi_{name}"), expect);
    }
    assert!(WasiFunction::ALL.is_sorted_by_key(|function| function.name()));
}

#[test]
fn unknown_names() {
    let none = [
        ("wasi_snapshot_preview1", "fd_dup", Reason::WasiName),
        ("wasi_snapshot_preview1", "__wasi_fd_read", Reason::WasiName),
        ("wasi_snapshot_preview2", "fd_read", Reason::Module),
        ("", "fd_read", Reason::Module),
        ("env", "memory", Reason::Env),
        ("env", "rt_trap", Reason::Env),
        ("env", "__wasi_", Reason::WasiName),
        ("env", "__gate_", Reason::GateName),
    ];
    for (module, field, reason) in none {
        check(Personality::Gate, module, field, Err(reason));
    }
}

#[test]
fn signatures() {
    let texts = [
        (Function::GateFd, "() -> i32"),
        (Function::GateIo, "(i32, i32, i32, i32, i32, i32, i64, i32)"),
        (Function::GateIoNoFlags, "(i32, i32, i32, i32, i32, i32, i64)"),
        (Function::Wasi(WasiFunction::ProcExit), "(i32)"),
        (Function::Wasi(WasiFunction::SchedYield), "() -> i32"),
        (Function::Wasi(WasiFunction::SockAccept), "(i32, i32, i32) -> i32"),
        (Function::Wasi(WasiFunction::FdSeek), "(i32, i64, i32, i32) -> i32"),
        (Function::Wasi(WasiFunction::PathOpen), "(i32, i32, i32, i32, i32, i64, i64, i32, i32) -> i32"),
    ];
    for (function, text) in texts {
        assert_eq!(function.signature().to_string(), text);
    }
    for function in Function::all() {
        let nothing = matches!(
            function,
            Function::GateIo | Function::GateIoNoFlags | Function::Wasi(WasiFunction::ProcExit)
        );
        assert_eq!(function.signature().result.is_none(), nothing, "{function:?}");
    }
}

#[test]
fn a_signature_matches_only_itself() {
    let signature = WasiFunction::FdTell.signature();
    let int = Some(ValType::I32);
    assert!(signature.matches([int, int], [int]));
    assert!(!signature.matches([int], [int]));
    assert!(!signature.matches([int, int, int], [int]));
    assert!(!signature.matches([int, None], [int]));
    assert!(!signature.matches([int, Some(ValType::I64)], [int]));
    assert!(!signature.matches([int, int], []));
    assert!(!signature.matches([int, int], [int, int]));
    assert!(!signature.matches([int, int], [None]));
}

#[test]
fn io_has_two_types_and_every_other_function_one() {
    for function in Function::all() {
        let Signature { params, result } = function.signature();
        let params: Vec<_> = params.iter().copied().map(Some).collect();
        assert_eq!(function.typed(params.clone(), result.map(Some)), Some(function));
        assert_eq!(function.typed(params.clone(), [None]), None, "{function:?}");
        let shorter = params[..params.len().saturating_sub(1)].to_vec();
        let expected = match function {
            Function::GateIo => Some(Function::GateIoNoFlags),
            _ if params.is_empty() => Some(function),
            _ => None,
        };
        assert_eq!(function.typed(shorter, result.map(Some)), expected, "{function:?}");
    }
}

#[test]
fn one_gate_import_decides_the_personality() {
    let wasi = ("wasi_unstable", "fd_write");
    for gate in [("gate", "fd_65536"), ("env", "__gate_io_65536")] {
        for imports in [[gate, wasi], [wasi, gate]] {
            let (personality, functions) = resolve_all(imports).unwrap();
            assert_eq!(personality, Personality::Gate);
            assert_eq!(functions.len(), 2);
            assert!(functions.contains(&Function::Wasi(WasiFunction::FdWrite)));
        }
    }
    let accept = ("wasi_snapshot_preview1", "sock_accept");
    assert_eq!(
        resolve_all([accept]).unwrap(),
        (Personality::Wasi, vec![Function::Wasi(WasiFunction::SockAccept)])
    );
    assert_eq!(resolve_all([accept, ("gate", "fd_65536")]).unwrap_err().reason, Reason::SockAccept);
    assert_eq!(resolve_all([]).unwrap(), (Personality::Wasi, Vec::new()));
}

#[test]
fn messages_name_the_import_and_the_reason() {
    let error = resolve_all([("wasi_unstable", "fd_write")]).unwrap_err();
    assert_eq!(
        error.to_string(),
        "cannot resolve import \"fd_write\" from module \"wasi_unstable\": this is WASI snapshot 0, an older version \
         with other data layouts; build the program for wasi_snapshot_preview1"
    );
    let error = resolve_all([("gate", "io_4096")]).unwrap_err();
    assert!(error.to_string().ends_with("packets of 65536 bytes, so the number must not be less"), "{error}");
}

#[test]
fn names_in_messages_are_escaped_and_cut() {
    let error = resolve(Personality::Wasi, "\u{1b}[2J", &"x".repeat(100_000)).unwrap_err().to_string();
    assert!(!error.contains('\u{1b}'), "{error:?}");
    assert!(error.len() < 400, "{}", error.len());
}
