(module (@custom ".debug_line" "\00") (func $named))
;; accepted: Wasi
;; 1 functions, names, debug lines
