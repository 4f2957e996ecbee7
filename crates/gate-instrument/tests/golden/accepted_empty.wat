;;! run
;;! run f
(module)
;; accepted: Wasi
;; 0 functions
;; run nothing: the program exports no function _start, so name the function to run: it exports no function that could be run
;; run f: the program exports nothing named "f": it exports no function that could be run
