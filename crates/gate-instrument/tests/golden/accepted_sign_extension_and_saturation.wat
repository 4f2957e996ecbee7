(module (func (param f32) (result i32) (i32.extend8_s (i32.trunc_sat_f32_s (local.get 0)))))
;; accepted: Wasi
;; 1 functions
