(module (global (shared mut i32) (i32.const 0)))
;; the module uses shared-everything threads at offset 0xb, which is not supported
