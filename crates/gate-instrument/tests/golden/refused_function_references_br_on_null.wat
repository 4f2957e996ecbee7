(module (func $name (param funcref) (block (drop (br_on_null 0 (local.get 0))))))
;; the module uses typed function references at offset 0x1c in function 0 "name", which is not supported
