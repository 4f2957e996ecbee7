(module (table 1 funcref (ref.null func)))
;; the module uses typed function references at offset 0xb, which is not supported
