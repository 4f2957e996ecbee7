(module (memory 1) (func $f (drop (i32.atomic.load (i32.const 0)))))
;; the module uses threads (shared memories and atomic instructions) at offset 0x1e in function 0 "f", which is not supported
