(module (func $f (return_call $f)) (table 1 funcref) (func (return_call_indirect (i32.const 0))))
;; accepted: Wasi
;; table 0: 1 to None elements
;; 2 functions, names
