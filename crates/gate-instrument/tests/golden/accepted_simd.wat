(module (func (param v128) (result v128) (i8x16.swizzle (local.get 0) (v128.const i64x2 1 2))))
;; accepted: Wasi
;; 1 functions
