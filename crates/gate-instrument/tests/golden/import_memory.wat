(module (import "env" "memory" (memory 1)))
;; import 0 of the module, at offset 0xb, cannot be satisfied
;;   because: "memory" of module "env" is imported as a memory, and only functions can be imported
