(module (func (atomic.fence)))
;; the module uses threads (shared memories and atomic instructions) at offset 0x17 in function 0, which is not supported
