(module (type (struct (field i32))))
;; the module uses garbage collection (struct, array and other heap types) at offset 0xb, which is not supported
