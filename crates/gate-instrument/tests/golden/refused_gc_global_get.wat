(module (global i32 (i32.const 1)) (global i32 (global.get 0)))
;; the module uses garbage collection (struct, array and other heap types) at offset 0x12, which is not supported
