(module (func (drop (ref.i31 (i32.const 1)))))
;; the module uses garbage collection (struct, array and other heap types) at offset 0x19 in function 0, which is not supported
