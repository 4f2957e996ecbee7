(module (import "wasi_snapshot_preview1" "fd_write" (func (param i32 i32 i32 i32) (result i32))))
;; the module imports fd_write, which reads or writes the program's memory, but it has no memory; define one and export it as "memory"
