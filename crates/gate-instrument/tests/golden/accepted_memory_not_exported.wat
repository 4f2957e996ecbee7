(module
  (import "env" "__wasi_fd_write" (func (param i32 i32 i32 i32) (result i32)))
  (memory 1) (memory 2))
;; accepted: Wasi
;; import env.__wasi_fd_write = Wasi(FdWrite)
;; memory 0: 1 to None pages (used by imports)
;; memory 1: 2 to None pages
;; 1 functions
