(module (tag $t (param i32))
  (func (result i32) (block $l (result i32 exnref) (try_table (catch_ref $t $l) (throw $t (i32.const 1))) (unreachable))
    (drop))
  (func (param exnref) (throw_ref (local.get 0))))
;; accepted: Wasi
;; 2 functions, names
