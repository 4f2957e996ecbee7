(module (rec (type $a (descriptor $b) (struct)) (type $b (describes $a) (struct))))
;; the module uses garbage collection (struct, array and other heap types) at offset 0xb, which is not supported
