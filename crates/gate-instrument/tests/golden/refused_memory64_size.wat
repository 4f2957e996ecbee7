(module (memory i64 0x1_0000_0000))
;; the module uses 64-bit memories and tables (memory64) at offset 0x10, which is not supported
