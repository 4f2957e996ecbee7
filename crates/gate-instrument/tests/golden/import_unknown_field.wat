(module (import "wasi_snapshot_preview1" "fd_frobnicate" (func)))
;; import 0 of the module, at offset 0x11, cannot be satisfied
;;   because: cannot resolve import "fd_frobnicate" from module "wasi_snapshot_preview1": WASI preview 1 has no such function
