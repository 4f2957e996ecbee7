(module (import "env" "t" (table 1 funcref)))
;; import 0 of the module, at offset 0xb, cannot be satisfied
;;   because: "t" of module "env" is imported as a table, and only functions can be imported
