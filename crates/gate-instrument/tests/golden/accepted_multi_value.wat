(module (func (param i32) (result i32 i64) (local.get 0) (block (param i32) (result i32 i64) (i64.const 0))))
;; accepted: Wasi
;; 1 functions
