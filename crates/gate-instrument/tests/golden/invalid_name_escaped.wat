(module (func $"\1b[31m" (result i32)))
;; the module is invalid at offset 0x18 in function 0 "\u{1b}[31m": type mismatch: expected i32 but nothing on stack
