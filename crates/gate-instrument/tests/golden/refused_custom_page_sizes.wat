(module (memory 1 (pagesize 1)))
;; the module uses custom page sizes at offset 0xb, which is not supported
