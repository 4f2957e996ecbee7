(module (import "env" "t" (tag)))
;; import 0 of the module, at offset 0x11, cannot be satisfied
;;   because: "t" of module "env" is imported as a tag, and only functions can be imported
