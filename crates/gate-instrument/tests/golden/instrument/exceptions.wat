;;! continue 0
;;! continue 1 0
(module
  (tag $t (param i32))
  (func $g (loop))
  (func $f (result i32) (local $e exnref)
    (block $h (result i32 exnref)
      (try_table (catch_ref $t $h)
        (call $g))
      (return (i32.const 0)))
    (local.set $e)
    (call $g)
    (drop)
    (throw_ref (local.get $e))))
;; stop point 0: 42 Loop in function 0, locals [], operands []
;; stop point 1: 58 Call in function 1, locals [], operands []
;; stop point 2: 67 Call in function 1, locals [0], operands [I32]
;; (module
;;   (type (;0;) (func (param i32)))
;;   (type (;1;) (func))
;;   (type (;2;) (func (result i32)))
;;   (type (;3;) (func (result i32 exnref)))
;;   (type (;4;) (func (param i32 i32)))
;;   (type (;5;) (func (param i32 exnref i32)))
;;   (type (;6;) (func (param i32)))
;;   (type (;7;) (func))
;;   (table (;0;) 0 exnref)
;;   (memory (;0;) 4 4)
;;   (memory (;1;) i64 1)
;;   (tag $t (;0;) (type 0) (param i32))
;;   (global (;0;) (mut i32) i32.const 0)
;;   (export "gate table 0" (table 0))
;;   (export "gate memory 0" (memory 0))
;;   (export "gate memory 1" (memory 1))
;;   (export "gate global 0" (global 0))
;;   (export "gate tag 0" (tag 0))
;;   (export "gate keep" (func 2))
;;   (export "gate save i32 exnref" (func 3))
;;   (export "gate call 1 0" (func 4))
;;   (export "gate saved" (func 5))
;;   (export "gate initialize" (func 6))
;;   (export "gate restore" (func 7))
;;   (func $g (;0;) (type 1)
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
;;         i32.const 42
;;         br 0 (;@2;)
;;       end
;;       i32.const 8
;;       call 2
;;     end
;;   )
;;   (func $f (;1;) (type 2) (result i32)
;;     (local $e exnref) (local i32 i32)
;;     block ;; label = @1
;;       block (result i32) ;; label = @2
;;         block ;; label = @3
;;           block ;; label = @4
;;             block (result i32) ;; label = @5
;;               block (type 3) (result i32 exnref) ;; label = @6
;;                 try_table (catch_ref $t 0 (;@6;)) ;; label = @7
;;                   call $g
;;                   global.get 0
;;                   (@metadata.code.branch_hint "\00")
;;                   br_if 4 (;@3;)
;;                 end
;;                 i32.const 0
;;                 return
;;               end
;;               local.set $e
;;               local.set 1
;;               local.get 1
;;               call $g
;;               global.get 0
;;               (@metadata.code.branch_hint "\00")
;;               br_if 1 (;@4;)
;;               drop
;;               local.get $e
;;               throw_ref
;;             end
;;             return
;;           end
;;           local.get 1
;;           local.get $e
;;           i32.const 67
;;           call 3
;;           br 2 (;@1;)
;;         end
;;         i32.const 58
;;         br 0 (;@2;)
;;       end
;;       i32.const 8
;;       call 2
;;     end
;;     i32.const 0
;;   )
;;   (func (;2;) (type 4) (param i32 i32)
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
;;   (func (;3;) (type 5) (param i32 exnref i32)
;;     (local i32 i32)
;;     i32.const 0
;;     i32.load offset=12
;;     local.tee 3
;;     i32.const 260048
;;     i32.gt_u
;;     if ;; label = @1
;;       i32.const 0
;;       i32.const 1
;;       i32.store offset=8
;;       unreachable
;;     end
;;     i32.const 0
;;     local.get 3
;;     i32.const 16
;;     i32.add
;;     i32.store offset=12
;;     local.get 3
;;     local.get 0
;;     i32.store offset=1056
;;     i32.const 0
;;     i32.load offset=24
;;     local.tee 4
;;     table.size 0
;;     i32.ge_u
;;     if ;; label = @1
;;       ref.null exn
;;       i32.const 64
;;       table.grow 0
;;       i32.const -1
;;       i32.eq
;;       if ;; label = @2
;;         i32.const 0
;;         i32.const 1
;;         i32.store offset=8
;;         unreachable
;;       end
;;     end
;;     local.get 4
;;     local.get 1
;;     table.set 0
;;     i32.const 0
;;     local.get 4
;;     i32.const 1
;;     i32.add
;;     i32.store offset=24
;;     local.get 3
;;     local.get 4
;;     i32.store offset=1060
;;     local.get 3
;;     local.get 2
;;     i32.store offset=1064
;;     local.get 3
;;     i32.const 0
;;     i32.store offset=1068
;;     i32.const 1
;;     global.set 0
;;   )
;;   (func (;4;) (type 6) (param i32)
;;     block ;; label = @1
;;       local.get 0
;;       br_table 0 (;@1;)
;;     end
;;     call $g
;;   )
;;   (func (;5;) (type 4) (param i32 i32)
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
;;   (func (;6;) (type 7))
;;   (func (;7;) (type 7))
;; )
;;
;; continuation of frames at stop points 0
;; (module
;;   (type (;0;) (func))
;;   (type (;1;) (func (param i32)))
;;   (type (;2;) (func (param i32 i32)))
;;   (import "program" "gate table 0" (table (;0;) 0 exnref))
;;   (import "program" "gate memory 0" (memory (;0;) 4 4))
;;   (import "program" "gate memory 1" (memory (;1;) i64 1))
;;   (import "program" "gate global 0" (global (;0;) (mut i32)))
;;   (import "program" "gate tag 0" (tag (;0;) (type 1) (param i32)))
;;   (import "program" "gate saved" (func (;0;) (type 2)))
;;   (export "0" (func 1))
;;   (func (;1;) (type 0)
;;     (local i32)
;;     i32.const 0
;;     i32.const 0
;;     i32.load offset=12
;;     i32.const 8
;;     i32.sub
;;     local.tee 0
;;     i32.store offset=12
;;     i32.const 0
;;     ref.null exn
;;     i32.const 0
;;     i32.load offset=24
;;     table.fill 0
;;     i32.const 0
;;     i32.const 0
;;     i32.store offset=24
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
;;       i32.const 42
;;       call 0
;;     end
;;   )
;; )
;;
;; continuation of frames at stop points 1 0
;; (module
;;   (type (;0;) (func (result i32 exnref)))
;;   (type (;1;) (func (result i32)))
;;   (type (;2;) (func))
;;   (type (;3;) (func (param i32)))
;;   (type (;4;) (func (param i32 i32)))
;;   (type (;5;) (func (param i32 exnref i32)))
;;   (import "program" "gate table 0" (table (;0;) 0 exnref))
;;   (import "program" "gate memory 0" (memory (;0;) 4 4))
;;   (import "program" "gate memory 1" (memory (;1;) i64 1))
;;   (import "program" "gate global 0" (global (;0;) (mut i32)))
;;   (import "program" "gate tag 0" (tag (;0;) (type 3) (param i32)))
;;   (import "program" "gate call 1 0" (func (;0;) (type 3)))
;;   (import "program" "gate saved" (func (;1;) (type 4)))
;;   (import "program" "gate save i32 exnref" (func (;2;) (type 5)))
;;   (export "0" (func 3))
;;   (func (;3;) (type 1) (result i32)
;;     (local exnref i32 i32)
;;     i32.const 0
;;     i32.const 0
;;     i32.load offset=12
;;     i32.const 8
;;     i32.sub
;;     local.tee 2
;;     i32.store offset=12
;;     block ;; label = @1
;;       block ;; label = @2
;;         block ;; label = @3
;;           block (result i32) ;; label = @4
;;             block (type 0) (result i32 exnref) ;; label = @5
;;               try_table (catch_ref 0 0 (;@5;)) ;; label = @6
;;                 call 4
;;                 global.get 0
;;                 br_if 3 (;@3;)
;;               end
;;               i32.const 0
;;               return
;;             end
;;             local.set 0
;;             local.set 1
;;             local.get 1
;;             i32.const 0
;;             call 0
;;             global.get 0
;;             br_if 2 (;@2;)
;;             drop
;;             local.get 0
;;             throw_ref
;;           end
;;           return
;;         end
;;         i32.const 8
;;         i32.const 58
;;         call 1
;;         br 1 (;@1;)
;;       end
;;       local.get 1
;;       local.get 0
;;       i32.const 67
;;       call 2
;;     end
;;     i32.const 0
;;   )
;;   (func (;4;) (type 2)
;;     (local i32)
;;     i32.const 0
;;     i32.const 0
;;     i32.load offset=12
;;     i32.const 8
;;     i32.sub
;;     local.tee 0
;;     i32.store offset=12
;;     i32.const 0
;;     ref.null exn
;;     i32.const 0
;;     i32.load offset=24
;;     table.fill 0
;;     i32.const 0
;;     i32.const 0
;;     i32.store offset=24
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
;;       i32.const 42
;;       call 1
;;     end
;;   )
;; )
