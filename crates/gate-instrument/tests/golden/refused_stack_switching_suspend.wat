(module (tag $t) (func (suspend $t)))
;; the module uses stack switching at offset 0x1c in function 0, which is not supported
