(module (memory 1 2 shared))
;; the module uses threads (shared memories and atomic instructions) at offset 0xb, which is not supported
