(module (import "wasi_unstable" "proc_exit" (func (param i32))))
;; import 0 of the module, at offset 0x12, cannot be satisfied
;;   because: cannot resolve import "proc_exit" from module "wasi_unstable": this is WASI snapshot 0, an older version with other data layouts; build the program for wasi_snapshot_preview1
