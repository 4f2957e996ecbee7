;; The least there can be to start: no imports, no memory used.
(module
  (memory (export "memory") 1)
  (func (export "_start")))
