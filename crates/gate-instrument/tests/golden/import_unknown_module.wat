(module (import "nowhere" "f" (func)))
;; import 0 of the module, at offset 0x11, cannot be satisfied
;;   because: cannot resolve import "f" from module "nowhere": there is no such module (known: wasi_snapshot_preview1, gate, env)
