//! Tests of the list of functions.

use gate_abi::import::{ValType, WasiFunction};

use super::{FUNCTIONS, Function};

#[test]
fn all_functions_are_there_in_order() {
    assert_eq!(FUNCTIONS.len(), 46);
    assert!(FUNCTIONS.windows(2).all(|pair| pair[0].name < pair[1].name));
    let never: Vec<_> = FUNCTIONS.iter().filter(|f| !f.returns).map(|f| f.name).collect();
    assert_eq!(never, ["proc_exit"]);
}

/// Names and types as in `wasi_snapshot_preview1.witx`: `i` is an `i32`, `I` an `i64`.
const SIGNATURES: &[&str] = &[
    "args_get ii",
    "args_sizes_get ii",
    "clock_res_get ii",
    "clock_time_get iIi",
    "environ_get ii",
    "environ_sizes_get ii",
    "fd_advise iIIi",
    "fd_allocate iII",
    "fd_close i",
    "fd_datasync i",
    "fd_fdstat_get ii",
    "fd_fdstat_set_flags ii",
    "fd_fdstat_set_rights iII",
    "fd_filestat_get ii",
    "fd_filestat_set_size iI",
    "fd_filestat_set_times iIIi",
    "fd_pread iiiIi",
    "fd_prestat_dir_name iii",
    "fd_prestat_get ii",
    "fd_pwrite iiiIi",
    "fd_read iiii",
    "fd_readdir iiiIi",
    "fd_renumber ii",
    "fd_seek iIii",
    "fd_sync i",
    "fd_tell ii",
    "fd_write iiii",
    "path_create_directory iii",
    "path_filestat_get iiiii",
    "path_filestat_set_times iiiiIIi",
    "path_link iiiiiii",
    "path_open iiiiiIIii",
    "path_readlink iiiiii",
    "path_remove_directory iii",
    "path_rename iiiiii",
    "path_symlink iiiii",
    "path_unlink_file iii",
    "poll_oneoff iiii",
    "proc_exit i",
    "proc_raise i",
    "random_get ii",
    "sched_yield ",
    "sock_accept iii",
    "sock_recv iiiiii",
    "sock_send iiiii",
    "sock_shutdown ii",
];

#[test]
fn signatures_are_those_of_the_documents() {
    let types = |function: &Function| -> String {
        function.params.iter().map(|param| if param.wide { 'I' } else { 'i' }).collect()
    };
    let got: Vec<String> =
        FUNCTIONS.iter().map(|function| format!("{} {}", function.name, types(function))).collect();
    assert_eq!(got, SIGNATURES);
}

/// What loading compares imports with is what calls expect.
#[test]
fn the_list_is_that_of_the_imports() {
    let functions: Vec<WasiFunction> = FUNCTIONS.iter().map(|function| function.function).collect();
    assert_eq!(functions, WasiFunction::ALL);
    for function in FUNCTIONS {
        assert_eq!(function.name, function.function.name());
        let wide: Vec<bool> = function.params.iter().map(|param| param.wide).collect();
        let signature = function.function.signature();
        let expect: Vec<bool> = signature.params.iter().map(|param| *param == ValType::I64).collect();
        assert_eq!(wide, expect, "{}", function.name);
        assert_eq!(function.returns.then_some(ValType::I32), signature.result, "{}", function.name);
    }
}
