(module (func $f (call 7)))
;; the module is invalid at offset 0x17 in function 0 "f": unknown function 7: function index out of bounds
