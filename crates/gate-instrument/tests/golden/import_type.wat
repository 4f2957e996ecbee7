(module (import "wasi_snapshot_preview1" "fd_write" (func (param i32 i32 f32 i32) (result i32))) (memory 1))
;; import 0 of the module, at offset 0x16, cannot be satisfied
;;   because: function fd_write is imported with type (i32, i32, f32, i32) -> i32, and its type is (i32, i32, i32, i32) -> i32
