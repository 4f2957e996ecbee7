;;! continue 0
;;! continue 1
(module
  (func $g (param i32) (loop))
  (func $f (param $n i32) (result i32) (local $dead i64)
    (i32.const 1)
    (loop $again
      (call $g (local.get $n))
      (local.set $dead (i64.const 5))
      (br_if $again (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))
    (i32.add (local.get $n))))
;; stop point 0: 30 Loop in function 0, locals [], operands []
;; stop point 1: 40 Loop in function 1, locals [0], operands [I32]
;; stop point 2: 44 Call in function 1, locals [0], operands [I32]
;; (module
;;   (type (;0;) (func (param i32)))
;;   (type (;1;) (func (param i32) (result i32)))
;;   (type (;2;) (func (param i32 i32)))
;;   (type (;3;) (func))
;;   (memory (;0;) 4 4)
;;   (memory (;1;) i64 1)
;;   (global (;0;) (mut i32) i32.const 0)
;;   (export "gate memory 0" (memory 0))
;;   (export "gate memory 1" (memory 1))
;;   (export "gate global 0" (global 0))
;;   (export "gate keep" (func 2))
;;   (export "gate call 0 0" (func 3))
;;   (export "gate saved" (func 4))
;;   (export "gate initialize" (func 5))
;;   (export "gate restore" (func 6))
;;   (func $g (;0;) (type 0) (param i32)
;;     (local i32)
;;     block ;; label = @1
;;       block (result i32) ;; label = @2
;;         block ;; label = @3
;;           block ;; label = @4
;;             block ;; label = @5
;;               loop ;; label = @6
;;                 i32.const 0
;;                 i32.atomic.load
;;                 (@metadata.code.branch_hint "\00")
;;                 br_if 3 (;@3;)
;;                 block ;; label = @7
;;                   br 2 (;@5;)
;;                 end
;;                 block ;; label = @7
;;                   br 2 (;@5;)
;;                 end
;;                 block ;; label = @7
;;                   br 2 (;@5;)
;;                 end
;;                 block ;; label = @7
;;                   br 2 (;@5;)
;;                 end
;;                 block ;; label = @7
;;                   br 2 (;@5;)
;;                 end
;;                 block ;; label = @7
;;                   br 2 (;@5;)
;;                 end
;;                 block ;; label = @7
;;                   br 2 (;@5;)
;;                 end
;;               end
;;             end
;;           end
;;           return
;;         end
;;         i32.const 30
;;         br 0 (;@2;)
;;       end
;;       i32.const 8
;;       call 2
;;     end
;;   )
;;   (func $f (;1;) (type 1) (param $n i32) (result i32)
;;     (local $dead i64) (local i32 i32)
;;     block ;; label = @1
;;       block (result i32) ;; label = @2
;;         block (result i32) ;; label = @3
;;           block ;; label = @4
;;             block ;; label = @5
;;               block (result i32) ;; label = @6
;;                 i32.const 1
;;                 local.set 2
;;                 local.get 2
;;                 loop ;; label = @7
;;                   i32.const 0
;;                   i32.atomic.load
;;                   (@metadata.code.branch_hint "\00")
;;                   br_if 2 (;@5;)
;;                   local.get $n
;;                   call $g
;;                   global.get 0
;;                   (@metadata.code.branch_hint "\00")
;;                   br_if 3 (;@4;)
;;                   i64.const 5
;;                   local.set $dead
;;                   local.get $n
;;                   i32.const 1
;;                   i32.sub
;;                   local.tee $n
;;                   br_if 0 (;@7;)
;;                 end
;;                 local.get $n
;;                 i32.add
;;               end
;;               return
;;             end
;;             i32.const 40
;;             br 1 (;@3;)
;;           end
;;           i32.const 44
;;           br 0 (;@3;)
;;         end
;;         i32.const 0
;;         local.get $n
;;         i32.store offset=32
;;         i32.const 0
;;         local.get 2
;;         i32.store offset=36
;;         br 0 (;@2;)
;;       end
;;       i32.const 16
;;       call 2
;;     end
;;     i32.const 0
;;   )
;;   (func (;2;) (type 2) (param i32 i32)
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
;;   (func (;3;) (type 2) (param i32 i32)
;;     block ;; label = @1
;;       local.get 1
;;       br_table 0 (;@1;)
;;     end
;;     local.get 0
;;     call $g
;;   )
;;   (func (;4;) (type 2) (param i32 i32)
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
;;   (func (;5;) (type 3))
;;   (func (;6;) (type 3))
;; )
;;
;; continuation of frames at stop points 0
;; (module
;;   (type (;0;) (func))
;;   (type (;1;) (func (param i32 i32)))
;;   (import "program" "gate memory 0" (memory (;0;) 4 4))
;;   (import "program" "gate memory 1" (memory (;1;) i64 1))
;;   (import "program" "gate global 0" (global (;0;) (mut i32)))
;;   (import "program" "gate saved" (func (;0;) (type 1)))
;;   (export "0" (func 1))
;;   (func (;1;) (type 0)
;;     (local i32 i32)
;;     i32.const 0
;;     i32.const 0
;;     i32.load offset=12
;;     i32.const 8
;;     i32.sub
;;     local.tee 1
;;     i32.store offset=12
;;     block ;; label = @1
;;       block ;; label = @2
;;         block ;; label = @3
;;           block ;; label = @4
;;             block ;; label = @5
;;               br 1 (;@4;)
;;             end
;;             block ;; label = @5
;;               loop ;; label = @6
;;                 i32.const 0
;;                 i32.atomic.load
;;                 br_if 4 (;@2;)
;;                 block ;; label = @7
;;                   br 2 (;@5;)
;;                 end
;;                 block ;; label = @7
;;                   br 2 (;@5;)
;;                 end
;;                 block ;; label = @7
;;                   br 2 (;@5;)
;;                 end
;;                 block ;; label = @7
;;                   br 2 (;@5;)
;;                 end
;;                 block ;; label = @7
;;                   br 2 (;@5;)
;;                 end
;;                 block ;; label = @7
;;                   br 2 (;@5;)
;;                 end
;;                 block ;; label = @7
;;                   br 2 (;@5;)
;;                 end
;;               end
;;             end
;;           end
;;         end
;;         return
;;       end
;;       i32.const 8
;;       i32.const 30
;;       call 0
;;     end
;;   )
;; )
;;
;; continuation of frames at stop points 1
;; (module
;;   (type (;0;) (func (result i32)))
;;   (type (;1;) (func (param i32 i32)))
;;   (import "program" "gate memory 0" (memory (;0;) 4 4))
;;   (import "program" "gate memory 1" (memory (;1;) i64 1))
;;   (import "program" "gate global 0" (global (;0;) (mut i32)))
;;   (import "program" "gate call 0 0" (func (;0;) (type 1)))
;;   (import "program" "gate saved" (func (;1;) (type 1)))
;;   (export "0" (func 2))
;;   (func (;2;) (type 0) (result i32)
;;     (local i32 i64 i32 i32)
;;     i32.const 0
;;     i32.const 0
;;     i32.load offset=12
;;     i32.const 16
;;     i32.sub
;;     local.tee 3
;;     i32.store offset=12
;;     local.get 3
;;     i32.load offset=1056
;;     local.set 0
;;     local.get 3
;;     i32.load offset=1060
;;     local.set 2
;;     block ;; label = @1
;;       block ;; label = @2
;;         block ;; label = @3
;;           block (result i32) ;; label = @4
;;             local.get 2
;;             block ;; label = @5
;;               block ;; label = @6
;;                 local.get 0
;;                 i32.const 0
;;                 call 0
;;                 global.get 0
;;                 br_if 4 (;@2;)
;;                 i64.const 5
;;                 local.set 1
;;                 local.get 0
;;                 i32.const 1
;;                 i32.sub
;;                 local.tee 0
;;                 br_if 0 (;@6;)
;;                 br 1 (;@5;)
;;               end
;;               loop ;; label = @6
;;                 i32.const 0
;;                 i32.atomic.load
;;                 br_if 3 (;@3;)
;;                 local.get 0
;;                 i32.const 0
;;                 call 0
;;                 global.get 0
;;                 br_if 4 (;@2;)
;;                 i64.const 5
;;                 local.set 1
;;                 local.get 0
;;                 i32.const 1
;;                 i32.sub
;;                 local.tee 0
;;                 br_if 0 (;@6;)
;;               end
;;             end
;;             local.get 0
;;             i32.add
;;           end
;;           return
;;         end
;;         i32.const 16
;;         i32.const 40
;;         i32.const 0
;;         i32.load offset=12
;;         local.set 3
;;         local.get 3
;;         local.get 0
;;         i32.store offset=1056
;;         local.get 3
;;         local.get 2
;;         i32.store offset=1060
;;         call 1
;;         br 1 (;@1;)
;;       end
;;       i32.const 16
;;       i32.const 44
;;       i32.const 0
;;       i32.load offset=12
;;       local.set 3
;;       local.get 3
;;       local.get 0
;;       i32.store offset=1056
;;       local.get 3
;;       local.get 2
;;       i32.store offset=1060
;;       call 1
;;     end
;;     i32.const 0
;;   )
;; )
