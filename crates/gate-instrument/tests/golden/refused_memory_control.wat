(module (memory 1) (func (memory.discard (i32.const 0) (i32.const 0))))
;; the module uses memory control at offset 0x20 in function 0, which is not supported
