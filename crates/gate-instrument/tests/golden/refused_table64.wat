(module (table i64 1 funcref))
;; the module uses 64-bit memories and tables (memory64) at offset 0xb, which is not supported
