(module (memory 1) (global i32 (i32.add (i32.const 1) (i32.mul (i32.const 2) (i32.const 3)))))
;; accepted: Wasi
;; memory 0: 1 to None pages (used by imports)
;; 0 functions
