(module (import "wasi_snapshot_preview1" "sched_yield" (func (result v128))))
;; import 0 of the module, at offset 0x12, cannot be satisfied
;;   because: function sched_yield is imported with type () -> v128, and its type is () -> i32
