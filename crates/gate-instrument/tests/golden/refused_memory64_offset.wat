(module (memory i64 1) (func (drop (i32.load offset=0x100000000 (i64.const 0)))))
;; the module uses 64-bit memories and tables (memory64) at offset 0x15, which is not supported
