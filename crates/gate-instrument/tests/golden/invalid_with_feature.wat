(module (memory 1) (func (drop (i32.load (i64.const 0)))))
;; the module is invalid at offset 0x1e in function 0: type mismatch: expected i32, found i64
