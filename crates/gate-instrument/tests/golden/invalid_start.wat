(module (func $f (param i32)) (start $f))
;; the module is invalid at offset 0x15: invalid start function type
