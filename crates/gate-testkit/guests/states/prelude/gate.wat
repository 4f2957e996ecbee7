;; What states with Gate's own functions have in addition.
(import "gate" "io_65536" (func $io (param i32 i32 i32 i32 i32 i32 i64 i32)))
(import "gate" "fd_65536" (func $fd (result i32)))
