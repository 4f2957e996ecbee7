;; A function with nothing but loops in which it calls itself polls a memory that may move, as does one without loops. One that has
;; another loop polls the control memory.
(module
  (func $ackermann (param $m i32) (param $n i32) (result i32)
    (if (local.get $m)
      (then
        (loop $again
          (if (local.get $n)
            (then
              (local.set $n
                (call $ackermann (local.get $m) (i32.sub (local.get $n) (i32.const 1)))))
            (else
              (local.set $n (i32.const 1))))
          (br_if $again (local.tee $m (i32.sub (local.get $m) (i32.const 1)))))))
    (i32.add (local.get $n) (i32.const 1)))
  (func $down (param $n i32)
    (if (local.get $n)
      (then (call $down (i32.sub (local.get $n) (i32.const 1))))))
  (func $both (param $n i32)
    (loop $calls
      (call $both (i32.sub (local.get $n) (i32.const 1)))
      (br_if $calls (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))
    (loop $counts
      (call $down (local.get $n))
      (br_if $counts (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))))
;; stop point 0: 36 Loop in function 0, locals [0, 1], operands []
;; stop point 1: 49 Call in function 0, locals [0], operands []
;; stop point 2: 77 Entry in function 1, locals [0], operands []
;; stop point 3: 87 Call in function 1, locals [], operands []
;; stop point 4: 93 Loop in function 2, locals [0], operands []
;; stop point 5: 100 Call in function 2, locals [0], operands []
;; stop point 6: 112 Loop in function 2, locals [0], operands []
;; stop point 7: 116 Call in function 2, locals [0], operands []
;; (module
;;   (type (;0;) (func (param i32 i32) (result i32)))
;;   (type (;1;) (func (param i32)))
;;   (type (;2;) (func (param i32 i32)))
;;   (type (;3;) (func (param i32 i32 i32 i32 i32 i32)))
;;   (type (;4;) (func (param i32 i32 i32 i32 i32)))
;;   (type (;5;) (func (param i32 i32 i32) (result i32)))
;;   (type (;6;) (func))
;;   (memory (;0;) 4 4)
;;   (memory (;1;) i64 1)
;;   (global (;0;) (mut i32) i32.const 0)
;;   (export "gate memory 0" (memory 0))
;;   (export "gate memory 1" (memory 1))
;;   (export "gate global 0" (global 0))
;;   (export "gate saved" (func 3))
;;   (export "gate save from stack i32" (func 4))
;;   (export "gate save from stack" (func 5))
;;   (export "gate call 0 0" (func 6))
;;   (export "gate call 1 0" (func 7))
;;   (export "gate initialize" (func 8))
;;   (export "gate restore" (func 9))
;;   (func $ackermann (;0;) (type 0) (param $m i32) (param $n i32) (result i32)
;;     (local i32)
;;     block ;; label = @1
;;       block ;; label = @2
;;         block ;; label = @3
;;           block (result i32) ;; label = @4
;;             local.get $m
;;             if ;; label = @5
;;               loop ;; label = @6
;;                 i64.const 0
;;                 i32.atomic.load 1
;;                 (@metadata.code.branch_hint "\00")
;;                 br_if 3 (;@3;)
;;                 local.get $n
;;                 if ;; label = @7
;;                   local.get $m
;;                   local.get $n
;;                   i32.const 1
;;                   i32.sub
;;                   call $ackermann
;;                   global.get 0
;;                   (@metadata.code.branch_hint "\00")
;;                   br_if 5 (;@2;)
;;                   local.set $n
;;                 else
;;                   i32.const 1
;;                   local.set $n
;;                 end
;;                 local.get $m
;;                 i32.const 1
;;                 i32.sub
;;                 local.tee $m
;;                 br_if 0 (;@6;)
;;               end
;;             end
;;             local.get $n
;;             i32.const 1
;;             i32.add
;;           end
;;           return
;;         end
;;         i32.const 16
;;         i32.const 36
;;         i32.const 0
;;         i32.load offset=12
;;         local.set 2
;;         local.get 2
;;         local.get $m
;;         i32.store offset=32
;;         local.get 2
;;         local.get $n
;;         i32.store offset=36
;;         call 3
;;         br 1 (;@1;)
;;       end
;;       i32.const 0
;;       i32.const 0
;;       i32.const 0
;;       i32.const 0
;;       local.get $m
;;       i32.const 49
;;       call 4
;;     end
;;     i32.const 0
;;   )
;;   (func $down (;1;) (type 1) (param $n i32)
;;     (local i32)
;;     block ;; label = @1
;;       block ;; label = @2
;;         block ;; label = @3
;;           block ;; label = @4
;;             i64.const 0
;;             i32.atomic.load 1
;;             (@metadata.code.branch_hint "\00")
;;             br_if 1 (;@3;)
;;             local.get $n
;;             if ;; label = @5
;;               local.get $n
;;               i32.const 1
;;               i32.sub
;;               call $down
;;               global.get 0
;;               (@metadata.code.branch_hint "\00")
;;               br_if 3 (;@2;)
;;             end
;;           end
;;           return
;;         end
;;         i32.const 12
;;         i32.const 77
;;         i32.const 0
;;         i32.load offset=12
;;         local.set 1
;;         local.get 1
;;         local.get $n
;;         i32.store offset=32
;;         call 3
;;         br 1 (;@1;)
;;       end
;;       i32.const 0
;;       i32.const 0
;;       i32.const 0
;;       i32.const 0
;;       i32.const 87
;;       call 5
;;     end
;;   )
;;   (func $both (;2;) (type 1) (param $n i32)
;;     (local i32)
;;     block ;; label = @1
;;       block ;; label = @2
;;         block (result i32) ;; label = @3
;;           block ;; label = @4
;;             block ;; label = @5
;;               loop ;; label = @6
;;                 i32.const 0
;;                 i32.atomic.load
;;                 (@metadata.code.branch_hint "\00")
;;                 br_if 2 (;@4;)
;;                 local.get $n
;;                 i32.const 1
;;                 i32.sub
;;                 call $both
;;                 i32.const 100
;;                 global.get 0
;;                 (@metadata.code.branch_hint "\00")
;;                 br_if 3 (;@3;)
;;                 drop
;;                 local.get $n
;;                 i32.const 1
;;                 i32.sub
;;                 local.tee $n
;;                 br_if 0 (;@6;)
;;               end
;;               loop ;; label = @6
;;                 i32.const 0
;;                 i32.atomic.load
;;                 (@metadata.code.branch_hint "\00")
;;                 br_if 4 (;@2;)
;;                 local.get $n
;;                 call $down
;;                 i32.const 116
;;                 global.get 0
;;                 (@metadata.code.branch_hint "\00")
;;                 br_if 3 (;@3;)
;;                 drop
;;                 local.get $n
;;                 i32.const 1
;;                 i32.sub
;;                 local.tee $n
;;                 br_if 0 (;@6;)
;;               end
;;             end
;;             return
;;           end
;;           i32.const 12
;;           i32.const 93
;;           i32.const 0
;;           i32.load offset=12
;;           local.set 1
;;           local.get 1
;;           local.get $n
;;           i32.store offset=32
;;           call 3
;;           br 2 (;@1;)
;;         end
;;         local.set 1
;;         i32.const 0
;;         i32.const 0
;;         i32.const 0
;;         i32.const 0
;;         local.get $n
;;         local.get 1
;;         call 4
;;         br 1 (;@1;)
;;       end
;;       i32.const 12
;;       i32.const 112
;;       i32.const 0
;;       i32.load offset=12
;;       local.set 1
;;       local.get 1
;;       local.get $n
;;       i32.store offset=32
;;       call 3
;;     end
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
;;     i32.store offset=24
;;     local.get 0
;;     i32.const 0
;;     i32.store offset=28
;;     i32.const 1
;;     global.set 0
;;     local.get 0
;;     i32.const 261088
;;     i32.gt_u
;;     if ;; label = @1
;;       i32.const 0
;;       i32.const 1
;;       i32.store offset=8
;;       unreachable
;;     end
;;   )
;;   (func (;4;) (type 3) (param i32 i32 i32 i32 i32 i32)
;;     (local i32 i32)
;;     i32.const 0
;;     i32.load offset=12
;;     local.tee 6
;;     i32.const 261076
;;     i32.gt_u
;;     if ;; label = @1
;;       i32.const 0
;;       i32.const 1
;;       i32.store offset=8
;;       unreachable
;;     end
;;     i32.const 0
;;     local.get 6
;;     i32.const 12
;;     i32.add
;;     i32.store offset=12
;;     local.get 6
;;     local.get 4
;;     i32.store offset=32
;;     local.get 6
;;     local.get 5
;;     i32.store offset=36
;;     local.get 6
;;     i32.const 0
;;     i32.store offset=40
;;     i32.const 1
;;     global.set 0
;;   )
;;   (func (;5;) (type 4) (param i32 i32 i32 i32 i32)
;;     (local i32 i32)
;;     i32.const 0
;;     i32.load offset=12
;;     local.tee 5
;;     i32.const 261080
;;     i32.gt_u
;;     if ;; label = @1
;;       i32.const 0
;;       i32.const 1
;;       i32.store offset=8
;;       unreachable
;;     end
;;     i32.const 0
;;     local.get 5
;;     i32.const 8
;;     i32.add
;;     i32.store offset=12
;;     local.get 5
;;     local.get 4
;;     i32.store offset=32
;;     local.get 5
;;     i32.const 0
;;     i32.store offset=36
;;     i32.const 1
;;     global.set 0
;;   )
;;   (func (;6;) (type 5) (param i32 i32 i32) (result i32)
;;     block ;; label = @1
;;       local.get 2
;;       br_table 0 (;@1;)
;;     end
;;     local.get 0
;;     local.get 1
;;     call $ackermann
;;   )
;;   (func (;7;) (type 2) (param i32 i32)
;;     block ;; label = @1
;;       block ;; label = @2
;;         local.get 1
;;         br_table 0 (;@2;) 1 (;@1;)
;;       end
;;       local.get 0
;;       call $down
;;       return
;;     end
;;     local.get 0
;;     call $both
;;   )
;;   (func (;8;) (type 6))
;;   (func (;9;) (type 6))
;; )
