(module (import "gate" "io_4096" (func)))
;; import 0 of the module, at offset 0x11, cannot be satisfied
;;   because: cannot resolve import "io_4096" from module "gate": the program must be able to receive packets of 65536 bytes, so the number must not be less
