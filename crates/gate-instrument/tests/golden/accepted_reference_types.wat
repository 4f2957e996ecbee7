(module (table 1 2 externref) (table 3 funcref) (elem declare func 0)
  (func (param externref) (table.set 0 (i32.const 0) (local.get 0)) (drop (table.grow 1 (ref.func 0) (i32.const 1)))
    (drop (select (result funcref) (ref.null func) (ref.func 0) (i32.const 0)))))
;; accepted: Wasi
;; table 0: 1 to Some(2) elements
;; table 1: 3 to None elements
;; 1 functions
