(module (func (param eqref) (result i32) (ref.eq (local.get 0) (local.get 0))))
;; the module uses garbage collection (struct, array and other heap types) at offset 0xb, which is not supported
