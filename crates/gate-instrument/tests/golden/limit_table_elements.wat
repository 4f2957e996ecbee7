(module (table 10000001 funcref))
;; the module has 10000001 initial elements of tables at offset 0xb, and at most 10000000 are allowed
