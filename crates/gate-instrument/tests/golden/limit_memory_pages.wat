(module (memory 65536) (memory 1))
;; the module has 65537 initial pages of memory at offset 0xf, and at most 65536 are allowed
