(module (func (local (ref func))))
;; the module uses typed function references at offset 0x17 in function 0, which is not supported
