;;! run
(module (func $main) (start $main))
;; accepted: Wasi
;; start function 0
;; 1 functions, names
;; run nothing: 0 to run
