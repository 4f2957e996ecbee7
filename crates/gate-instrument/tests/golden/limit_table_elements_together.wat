(module (table 5000001 funcref) (table 5000000 externref))
;; the module has 10000001 initial elements of tables at offset 0x11, and at most 10000000 are allowed
