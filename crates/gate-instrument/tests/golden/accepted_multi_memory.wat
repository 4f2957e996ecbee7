(module (memory 1) (memory 2 3) (func (memory.copy 0 1 (i32.const 0) (i32.const 0) (i32.const 0))))
;; accepted: Wasi
;; memory 0: 1 to None pages (used by imports)
;; memory 1: 2 to Some(3) pages
;; 1 functions
