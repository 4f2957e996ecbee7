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
;;   (type (;3;) (func (param i32 i32 i32) (result i32)))
;;   (type (;4;) (func))
;;   (memory (;0;) 4 4)
;;   (memory (;1;) i64 1)
;;   (global (;0;) (mut i32) i32.const 0)
;;   (export "gate memory 0" (memory 0))
;;   (export "gate memory 1" (memory 1))
;;   (export "gate global 0" (global 0))
;;   (export "gate keep" (func 3))
;;   (export "gate call 0 0" (func 4))
;;   (export "gate call 1 0" (func 5))
;;   (export "gate saved" (func 6))
;;   (export "gate initialize" (func 7))
;;   (export "gate restore" (func 8))
;;   (func $ackermann (;0;) (type 0) (param $m i32) (param $n i32) (result i32)
;;     (local i32)
;;     block ;; label = @1
;;       block (result i32) ;; label = @2
;;         block (result i32) ;; label = @3
;;           block ;; label = @4
;;             block ;; label = @5
;;               block (result i32) ;; label = @6
;;                 local.get $m
;;                 if ;; label = @7
;;                   loop ;; label = @8
;;                     i64.const 0
;;                     i32.atomic.load 1
;;                     (@metadata.code.branch_hint "\00")
;;                     br_if 4 (;@4;)
;;                     local.get $n
;;                     if ;; label = @9
;;                       local.get $m
;;                       local.get $n
;;                       i32.const 1
;;                       i32.sub
;;                       call $ackermann
;;                       global.get 0
;;                       (@metadata.code.branch_hint "\00")
;;                       br_if 4 (;@5;)
;;                       local.set $n
;;                     else
;;                       i32.const 1
;;                       local.set $n
;;                     end
;;                     local.get $m
;;                     i32.const 1
;;                     i32.sub
;;                     local.tee $m
;;                     br_if 0 (;@8;)
;;                   end
;;                 end
;;                 local.get $n
;;                 i32.const 1
;;                 i32.add
;;               end
;;               return
;;             end
;;             i32.const 49
;;             br 1 (;@3;)
;;           end
;;           i32.const 36
;;           i32.const 0
;;           local.get $n
;;           i32.store offset=36
;;           br 0 (;@3;)
;;         end
;;         i32.const 0
;;         local.get $m
;;         i32.store offset=32
;;         br 0 (;@2;)
;;       end
;;       i32.const 16
;;       call 3
;;     end
;;     i32.const 0
;;   )
;;   (func $down (;1;) (type 1) (param $n i32)
;;     (local i32)
;;     block ;; label = @1
;;       block (result i32) ;; label = @2
;;         block ;; label = @3
;;           block ;; label = @4
;;             block ;; label = @5
;;               i64.const 0
;;               i32.atomic.load 1
;;               (@metadata.code.branch_hint "\00")
;;               br_if 1 (;@4;)
;;               local.get $n
;;               if ;; label = @6
;;                 local.get $n
;;                 i32.const 1
;;                 i32.sub
;;                 call $down
;;                 global.get 0
;;                 (@metadata.code.branch_hint "\00")
;;                 br_if 3 (;@3;)
;;               end
;;             end
;;             return
;;           end
;;           i32.const 77
;;           i32.const 0
;;           local.get $n
;;           i32.store offset=32
;;           br 1 (;@2;)
;;         end
;;         i32.const 87
;;         br 0 (;@2;)
;;       end
;;       i32.const 12
;;       call 3
;;     end
;;   )
;;   (func $both (;2;) (type 1) (param $n i32)
;;     (local i32)
;;     block ;; label = @1
;;       block (result i32) ;; label = @2
;;         block (result i32) ;; label = @3
;;           block ;; label = @4
;;             block ;; label = @5
;;               block ;; label = @6
;;                 block ;; label = @7
;;                   block ;; label = @8
;;                     loop ;; label = @9
;;                       i32.const 0
;;                       i32.atomic.load
;;                       (@metadata.code.branch_hint "\00")
;;                       br_if 2 (;@7;)
;;                       local.get $n
;;                       i32.const 1
;;                       i32.sub
;;                       call $both
;;                       global.get 0
;;                       (@metadata.code.branch_hint "\00")
;;                       br_if 3 (;@6;)
;;                       local.get $n
;;                       i32.const 1
;;                       i32.sub
;;                       local.tee $n
;;                       br_if 0 (;@9;)
;;                     end
;;                     loop ;; label = @9
;;                       i32.const 0
;;                       i32.atomic.load
;;                       (@metadata.code.branch_hint "\00")
;;                       br_if 4 (;@5;)
;;                       local.get $n
;;                       call $down
;;                       global.get 0
;;                       (@metadata.code.branch_hint "\00")
;;                       br_if 5 (;@4;)
;;                       local.get $n
;;                       i32.const 1
;;                       i32.sub
;;                       local.tee $n
;;                       br_if 0 (;@9;)
;;                     end
;;                   end
;;                   return
;;                 end
;;                 i32.const 93
;;                 br 3 (;@3;)
;;               end
;;               i32.const 100
;;               br 2 (;@3;)
;;             end
;;             i32.const 112
;;             br 1 (;@3;)
;;           end
;;           i32.const 116
;;           br 0 (;@3;)
;;         end
;;         i32.const 0
;;         local.get $n
;;         i32.store offset=32
;;         br 0 (;@2;)
;;       end
;;       i32.const 12
;;       call 3
;;     end
;;   )
;;   (func (;3;) (type 2) (param i32 i32)
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
;;   (func (;4;) (type 3) (param i32 i32 i32) (result i32)
;;     block ;; label = @1
;;       local.get 2
;;       br_table 0 (;@1;)
;;     end
;;     local.get 0
;;     local.get 1
;;     call $ackermann
;;   )
;;   (func (;5;) (type 2) (param i32 i32)
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
;;   (func (;6;) (type 2) (param i32 i32)
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
;;   (func (;7;) (type 4))
;;   (func (;8;) (type 4))
;; )
