;;! continue 0
(module
  (import "host" "block" (func $block (param i32 i64) (result i32)))
  (table 1 funcref)
  (elem (i32.const 0) $block)
  (func (export "run") (result i32) (call $block (i32.const 1) (i64.const 2)))
  (func (result i32) (return_call $block (i32.const 1) (i64.const 2))))
;; stop point 0: 24 Import in function 0, locals [0, 1], operands []
;; stop point 1: 75 Call in function 1, locals [], operands []
;; (module
;;   (type (;0;) (func (param i32 i64) (result i32)))
;;   (type (;1;) (func (result i32)))
;;   (type (;2;) (func (param i32 i64) (result i32)))
;;   (type (;3;) (func (param i32 i32)))
;;   (type (;4;) (func (param i32) (result i32)))
;;   (type (;5;) (func (param i32 i64 i32)))
;;   (type (;6;) (func))
;;   (import "host" "block" (func $block (;0;) (type 0)))
;;   (table (;0;) 1 funcref)
;;   (memory (;0;) 4 4)
;;   (memory (;1;) i64 1)
;;   (global (;0;) (mut i32) i32.const 0)
;;   (export "run" (func 1))
;;   (export "gate table 0" (table 0))
;;   (export "gate memory 0" (memory 0))
;;   (export "gate memory 1" (memory 1))
;;   (export "gate global 0" (global 0))
;;   (export "gate function 0" (func $block))
;;   (export "gate import 0" (func 3))
;;   (export "gate keep" (func 4))
;;   (export "gate host 0" (func 5))
;;   (export "gate call 1 0" (func 6))
;;   (export "gate saved" (func 7))
;;   (export "gate save i32 i64" (func 8))
;;   (export "gate initialize" (func 9))
;;   (export "gate restore" (func 10))
;;   (elem (;0;) func 3)
;;   (func (;1;) (type 1) (result i32)
;;     (local i32)
;;     block ;; label = @1
;;       block (result i32) ;; label = @2
;;         block ;; label = @3
;;           block (result i32) ;; label = @4
;;             i32.const 1
;;             i64.const 2
;;             call 3
;;             global.get 0
;;             (@metadata.code.branch_hint "\00")
;;             br_if 1 (;@3;)
;;           end
;;           return
;;         end
;;         i32.const 75
;;         br 0 (;@2;)
;;       end
;;       i32.const 8
;;       call 4
;;     end
;;     i32.const 0
;;   )
;;   (func (;2;) (type 1) (result i32)
;;     i32.const 1
;;     i64.const 2
;;     return_call 3
;;   )
;;   (func (;3;) (type 2) (param i32 i64) (result i32)
;;     block ;; label = @1
;;       i32.const 0
;;       i32.atomic.load
;;       br_if 0 (;@1;)
;;       local.get 0
;;       local.get 1
;;       call $block
;;       global.get 0
;;       br_if 0 (;@1;)
;;       return
;;     end
;;     local.get 0
;;     local.get 1
;;     i32.const 24
;;     call 8
;;     i32.const 0
;;   )
;;   (func (;4;) (type 3) (param i32 i32)
;;     (local i32 i32)
;;     i32.const 0
;;     i32.load offset=12
;;     local.set 2
;;     loop ;; label = @1
;;       local.get 2
;;       local.get 3
;;       i32.add
;;       local.get 3
;;       i64.load offset=32 align=4
;;       i64.store offset=1056 align=4
;;       local.get 3
;;       i32.const 8
;;       i32.add
;;       local.tee 3
;;       local.get 1
;;       i32.lt_u
;;       br_if 0 (;@1;)
;;     end
;;     i32.const 0
;;     local.get 2
;;     local.get 1
;;     i32.add
;;     local.tee 2
;;     i32.store offset=12
;;     local.get 2
;;     local.get 0
;;     i32.store offset=1048
;;     local.get 2
;;     i32.const -1
;;     i32.store offset=1052
;;     i32.const 1
;;     global.set 0
;;     local.get 2
;;     i32.const 260064
;;     i32.gt_u
;;     if ;; label = @1
;;       i32.const 0
;;       i32.const 1
;;       i32.store offset=8
;;       unreachable
;;     end
;;   )
;;   (func (;5;) (type 2) (param i32 i64) (result i32)
;;     local.get 0
;;     local.get 1
;;     call $block
;;   )
;;   (func (;6;) (type 4) (param i32) (result i32)
;;     block ;; label = @1
;;       local.get 0
;;       br_table 0 (;@1;)
;;     end
;;     call 1
;;   )
;;   (func (;7;) (type 3) (param i32 i32)
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
;;   (func (;8;) (type 5) (param i32 i64 i32)
;;     (local i32 i32)
;;     i32.const 0
;;     i32.load offset=12
;;     local.tee 3
;;     i32.const 260044
;;     i32.gt_u
;;     if ;; label = @1
;;       i32.const 0
;;       i32.const 1
;;       i32.store offset=8
;;       unreachable
;;     end
;;     i32.const 0
;;     local.get 3
;;     i32.const 20
;;     i32.add
;;     i32.store offset=12
;;     local.get 3
;;     local.get 0
;;     i32.store offset=1056
;;     local.get 3
;;     local.get 1
;;     i64.store offset=1060 align=4
;;     local.get 3
;;     local.get 2
;;     i32.store offset=1068
;;     local.get 3
;;     i32.const 0
;;     i32.store offset=1072
;;     i32.const 1
;;     global.set 0
;;   )
;;   (func (;9;) (type 6)
;;     i32.const 0
;;     i32.const 0
;;     i32.const 1
;;     table.init 0
;;     elem.drop 0
;;   )
;;   (func (;10;) (type 6)
;;     elem.drop 0
;;   )
;; )
;;
;; continuation of frames at stop points 0
;; (module
;;   (type (;0;) (func (result i32)))
;;   (type (;1;) (func (param i32 i64) (result i32)))
;;   (type (;2;) (func (param i32 i64 i32)))
;;   (import "program" "gate table 0" (table (;0;) 1 funcref))
;;   (import "program" "gate memory 0" (memory (;0;) 4 4))
;;   (import "program" "gate memory 1" (memory (;1;) i64 1))
;;   (import "program" "gate global 0" (global (;0;) (mut i32)))
;;   (import "program" "gate host 0" (func (;0;) (type 1)))
;;   (import "program" "gate save i32 i64" (func (;1;) (type 2)))
;;   (export "0" (func 2))
;;   (func (;2;) (type 0) (result i32)
;;     (local i32 i64 i32)
;;     i32.const 0
;;     i32.const 0
;;     i32.load offset=12
;;     i32.const 20
;;     i32.sub
;;     local.tee 2
;;     i32.store offset=12
;;     local.get 2
;;     i32.load offset=1056
;;     local.set 0
;;     local.get 2
;;     i64.load offset=1060 align=4
;;     local.set 1
;;     block ;; label = @1
;;       local.get 0
;;       local.get 1
;;       call 0
;;       global.get 0
;;       br_if 0 (;@1;)
;;       return
;;     end
;;     local.get 0
;;     local.get 1
;;     i32.const 24
;;     call 1
;;     i32.const 0
;;   )
;; )
