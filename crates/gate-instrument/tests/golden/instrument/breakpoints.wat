;;! break 36
;;! break 45
;;! continue 0
(module
  (func $leaf (param i32) (result i32) (i32.add (local.get 0) (i32.const 1)))
  (func $f (param $n i32) (result i32)
    (block $b (result i32)
      (call $leaf (local.get $n))))
  (func (result i32) (call $f (i32.const 2))))
;; stop point 0: 36 Breakpoint in function 0, locals [], operands [I32]
;; stop point 1: 43 Call in function 1, locals [], operands []
;; stop point 2: 45 Breakpoint in function 1, locals [], operands [I32]
;; stop point 3: 51 Call in function 2, locals [], operands []
;; (module
;;   (type (;0;) (func (param i32) (result i32)))
;;   (type (;1;) (func (result i32)))
;;   (type (;2;) (func (param i32 i32)))
;;   (type (;3;) (func (param i32 i32) (result i32)))
;;   (type (;4;) (func))
;;   (memory (;0;) 4 4)
;;   (memory (;1;) i64 1)
;;   (global (;0;) (mut i32) i32.const 0)
;;   (global (;1;) (mut i32) i32.const 0)
;;   (export "gate memory 0" (memory 0))
;;   (export "gate memory 1" (memory 1))
;;   (export "gate global 0" (global 0))
;;   (export "gate global 1" (global 1))
;;   (export "gate saved" (func 3))
;;   (export "gate call 0 0" (func 4))
;;   (export "gate initialize" (func 5))
;;   (export "gate restore" (func 6))
;;   (func $leaf (;0;) (type 0) (param i32) (result i32)
;;     (local i32 i32)
;;     block ;; label = @1
;;       block ;; label = @2
;;         block (result i32) ;; label = @3
;;           local.get 0
;;           i32.const 1
;;           i32.add
;;           local.set 1
;;           local.get 1
;;           global.get 1
;;           (@metadata.code.branch_hint "\00")
;;           br_if 1 (;@2;)
;;         end
;;         return
;;       end
;;       i32.const 12
;;       i32.const -2147483612
;;       i32.const 0
;;       i32.load offset=12
;;       local.set 2
;;       local.get 2
;;       local.get 1
;;       i32.store offset=1056
;;       call 3
;;     end
;;     i32.const 0
;;   )
;;   (func $f (;1;) (type 0) (param $n i32) (result i32)
;;     (local i32 i32)
;;     block ;; label = @1
;;       block ;; label = @2
;;         block ;; label = @3
;;           block (result i32) ;; label = @4
;;             block (result i32) ;; label = @5
;;               local.get $n
;;               call $leaf
;;               global.get 0
;;               (@metadata.code.branch_hint "\00")
;;               br_if 2 (;@3;)
;;               local.set 1
;;               local.get 1
;;               global.get 1
;;               (@metadata.code.branch_hint "\00")
;;               br_if 3 (;@2;)
;;             end
;;           end
;;           return
;;         end
;;         i32.const 8
;;         i32.const 43
;;         call 3
;;         br 1 (;@1;)
;;       end
;;       i32.const 12
;;       i32.const -2147483603
;;       i32.const 0
;;       i32.load offset=12
;;       local.set 2
;;       local.get 2
;;       local.get 1
;;       i32.store offset=1056
;;       call 3
;;     end
;;     i32.const 0
;;   )
;;   (func (;2;) (type 1) (result i32)
;;     (local i32)
;;     block ;; label = @1
;;       block ;; label = @2
;;         block (result i32) ;; label = @3
;;           i32.const 2
;;           call $f
;;           global.get 0
;;           (@metadata.code.branch_hint "\00")
;;           br_if 1 (;@2;)
;;         end
;;         return
;;       end
;;       i32.const 8
;;       i32.const 51
;;       call 3
;;     end
;;     i32.const 0
;;   )
;;   (func (;3;) (type 2) (param i32 i32)
;;     i32.const 0
;;     local.get 0
;;     i32.const 0
;;     i32.load offset=12
;;     i32.add
;;     local.tee 0
;;     i32.store offset=12
;;     local.get 0
;;     local.get 1
;;     i32.store offset=1048
;;     local.get 0
;;     i32.const 0
;;     i32.store offset=1052
;;     i32.const 1
;;     global.set 0
;;     local.get 0
;;     i32.const 260064
;;     i32.gt_u
;;     if ;; label = @1
;;       i32.const 0
;;       i32.const 1
;;       i32.store offset=8
;;       unreachable
;;     end
;;   )
;;   (func (;4;) (type 3) (param i32 i32) (result i32)
;;     block ;; label = @1
;;       block ;; label = @2
;;         local.get 1
;;         br_table 0 (;@2;) 1 (;@1;)
;;       end
;;       local.get 0
;;       call $leaf
;;       return
;;     end
;;     local.get 0
;;     call $f
;;   )
;;   (func (;5;) (type 4))
;;   (func (;6;) (type 4))
;; )
;;
;; continuation of frames at stop points 0
;; (module
;;   (type (;0;) (func (result i32)))
;;   (type (;1;) (func (param i32 i32)))
;;   (import "program" "gate memory 0" (memory (;0;) 4 4))
;;   (import "program" "gate memory 1" (memory (;1;) i64 1))
;;   (import "program" "gate global 0" (global (;0;) (mut i32)))
;;   (import "program" "gate global 1" (global (;1;) (mut i32)))
;;   (import "program" "gate saved" (func (;0;) (type 1)))
;;   (export "0" (func 1))
;;   (func (;1;) (type 0) (result i32)
;;     (local i32 i32 i32)
;;     i32.const 0
;;     i32.const 0
;;     i32.load offset=12
;;     i32.const 12
;;     i32.sub
;;     local.tee 2
;;     i32.store offset=12
;;     local.get 2
;;     i32.load offset=1056
;;     local.set 1
;;     block ;; label = @1
;;       block ;; label = @2
;;         block (result i32) ;; label = @3
;;           local.get 1
;;         end
;;         return
;;       end
;;       i32.const 12
;;       i32.const -2147483612
;;       i32.const 0
;;       i32.load offset=12
;;       local.set 2
;;       local.get 2
;;       local.get 1
;;       i32.store offset=1056
;;       call 0
;;     end
;;     i32.const 0
;;   )
;; )
