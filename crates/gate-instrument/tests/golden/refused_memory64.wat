(module (memory i64 1))
;; the module uses 64-bit memories and tables (memory64) at offset 0xb, which is not supported
