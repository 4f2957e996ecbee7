(module (memory 1) (func (export "memory")))
;; accepted: Wasi
;; export "memory" = function 0
;; memory 0: 1 to None pages (used by imports)
;; 1 functions
