(module (memory i64 1 2 shared))
;; the module uses 64-bit memories and tables (memory64) at offset 0xb, which is not supported
