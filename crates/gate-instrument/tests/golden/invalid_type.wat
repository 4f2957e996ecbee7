(module (func $broken (result i32) (i64.const 0)))
;; the module is invalid at offset 0x1a in function 0 "broken": type mismatch: expected i32, found i64
