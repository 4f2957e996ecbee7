;; Functions that can neither loop nor recurse nor call what can are left as they are.
(module
  (func $square (param i32) (result i32) (i32.mul (local.get 0) (local.get 0)))
  (func (param i32) (result i32) (block (result i32) (call $square (call $square (local.get 0))))))
;; (module
;;   (type (;0;) (func (param i32) (result i32)))
;;   (type (;1;) (func))
;;   (memory (;0;) 4 4)
;;   (memory (;1;) i64 1)
;;   (global (;0;) (mut i32) i32.const 0)
;;   (export "gate memory 0" (memory 0))
;;   (export "gate memory 1" (memory 1))
;;   (export "gate global 0" (global 0))
;;   (export "gate initialize" (func 2))
;;   (export "gate restore" (func 3))
;;   (func $square (;0;) (type 0) (param i32) (result i32)
;;     local.get 0
;;     local.get 0
;;     i32.mul
;;   )
;;   (func (;1;) (type 0) (param i32) (result i32)
;;     block (result i32) ;; label = @1
;;       local.get 0
;;       call $square
;;       call $square
;;     end
;;   )
;;   (func (;2;) (type 1))
;;   (func (;3;) (type 1))
;; )
