(module (rec (type (func)) (type (func))))
;; the module uses garbage collection (struct, array and other heap types) at offset 0xb, which is not supported
