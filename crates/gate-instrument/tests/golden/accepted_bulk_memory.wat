(module (memory 1) (data $d "x") (table 1 funcref) (elem $e func 0)
  (func (memory.init $d (i32.const 0) (i32.const 0) (i32.const 0)) (data.drop $d)
    (memory.copy (i32.const 0) (i32.const 0) (i32.const 0)) (memory.fill (i32.const 0) (i32.const 0) (i32.const 0))
    (table.init $e (i32.const 0) (i32.const 0) (i32.const 0)) (elem.drop $e)
    (table.copy (i32.const 0) (i32.const 0) (i32.const 0))))
;; accepted: Wasi
;; memory 0: 1 to None pages (used by imports)
;; table 0: 1 to None elements
;; 1 functions, names
