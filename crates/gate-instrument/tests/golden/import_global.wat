(module (import "env" "g" (global i32)))
;; import 0 of the module, at offset 0xb, cannot be satisfied
;;   because: "g" of module "env" is imported as a global, and only functions can be imported
