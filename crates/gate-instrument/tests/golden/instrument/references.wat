;;! poll countdown
;;! continue 0
(module
  (func $f (param $a funcref) (param $n i32) (result funcref)
    (ref.null extern)
    (loop $again (br_if $again (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))
    (drop)
    (local.get $a)))
;; stop point 0: 28 Loop in function 0, locals [0, 1], operands [ExternRef]
;; (module
;;   (type (;0;) (func (param funcref i32) (result funcref)))
;;   (type (;1;) (func (param i32 funcref externref i32)))
;;   (type (;2;) (func))
;;   (table (;0;) 0 funcref)
;;   (table (;1;) 0 externref)
;;   (memory (;0;) 4 4)
;;   (global (;0;) (mut i32) i32.const 0)
;;   (global (;1;) (mut i64) i64.const 0)
;;   (export "gate table 0" (table 0))
;;   (export "gate table 1" (table 1))
;;   (export "gate memory 0" (memory 0))
;;   (export "gate global 0" (global 0))
;;   (export "gate global 1" (global 1))
;;   (export "gate save i32 funcref externref" (func 1))
;;   (export "gate initialize" (func 2))
;;   (export "gate restore" (func 3))
;;   (func $f (;0;) (type 0) (param $a funcref) (param $n i32) (result funcref)
;;     (local externref i32)
;;     block ;; label = @1
;;       block ;; label = @2
;;         block (result funcref) ;; label = @3
;;           ref.null extern
;;           local.set 2
;;           local.get 2
;;           block ;; label = @4
;;             loop ;; label = @5
;;               global.get 1
;;               i64.const 1
;;               i64.sub
;;               global.set 1
;;               global.get 1
;;               i64.eqz
;;               (@metadata.code.branch_hint "\00")
;;               br_if 3 (;@2;)
;;               block ;; label = @6
;;                 local.get $n
;;                 i32.const 1
;;                 i32.sub
;;                 local.tee $n
;;                 br_if 0 (;@6;)
;;                 br 2 (;@4;)
;;               end
;;               block ;; label = @6
;;                 local.get $n
;;                 i32.const 1
;;                 i32.sub
;;                 local.tee $n
;;                 br_if 0 (;@6;)
;;                 br 2 (;@4;)
;;               end
;;               block ;; label = @6
;;                 local.get $n
;;                 i32.const 1
;;                 i32.sub
;;                 local.tee $n
;;                 br_if 0 (;@6;)
;;                 br 2 (;@4;)
;;               end
;;               block ;; label = @6
;;                 local.get $n
;;                 i32.const 1
;;                 i32.sub
;;                 local.tee $n
;;                 br_if 0 (;@6;)
;;                 br 2 (;@4;)
;;               end
;;               block ;; label = @6
;;                 local.get $n
;;                 i32.const 1
;;                 i32.sub
;;                 local.tee $n
;;                 br_if 0 (;@6;)
;;                 br 2 (;@4;)
;;               end
;;               block ;; label = @6
;;                 local.get $n
;;                 i32.const 1
;;                 i32.sub
;;                 local.tee $n
;;                 br_if 0 (;@6;)
;;                 br 2 (;@4;)
;;               end
;;               block ;; label = @6
;;                 local.get $n
;;                 i32.const 1
;;                 i32.sub
;;                 local.tee $n
;;                 br_if 0 (;@6;)
;;                 br 2 (;@4;)
;;               end
;;               local.get $n
;;               i32.const 1
;;               i32.sub
;;               local.tee $n
;;               br_if 0 (;@5;)
;;             end
;;           end
;;           drop
;;           local.get $a
;;         end
;;         return
;;       end
;;       local.get $n
;;       local.get $a
;;       local.get 2
;;       i32.const 28
;;       call 1
;;     end
;;     ref.null func
;;   )
;;   (func (;1;) (type 1) (param i32 funcref externref i32)
;;     (local i32 i32)
;;     i32.const 0
;;     i32.load offset=12
;;     local.tee 4
;;     i32.const 260044
;;     i32.gt_u
;;     if ;; label = @1
;;       i32.const 0
;;       i32.const 1
;;       i32.store offset=8
;;       unreachable
;;     end
;;     i32.const 0
;;     local.get 4
;;     i32.const 20
;;     i32.add
;;     i32.store offset=12
;;     local.get 4
;;     local.get 0
;;     i32.store offset=1056
;;     i32.const 0
;;     i32.load offset=16
;;     local.tee 5
;;     table.size 0
;;     i32.ge_u
;;     if ;; label = @1
;;       ref.null func
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
;;     local.get 5
;;     local.get 1
;;     table.set 0
;;     i32.const 0
;;     local.get 5
;;     i32.const 1
;;     i32.add
;;     i32.store offset=16
;;     local.get 4
;;     local.get 5
;;     i32.store offset=1060
;;     i32.const 0
;;     i32.load offset=20
;;     local.tee 5
;;     table.size 1
;;     i32.ge_u
;;     if ;; label = @1
;;       ref.null extern
;;       i32.const 64
;;       table.grow 1
;;       i32.const -1
;;       i32.eq
;;       if ;; label = @2
;;         i32.const 0
;;         i32.const 1
;;         i32.store offset=8
;;         unreachable
;;       end
;;     end
;;     local.get 5
;;     local.get 2
;;     table.set 1
;;     i32.const 0
;;     local.get 5
;;     i32.const 1
;;     i32.add
;;     i32.store offset=20
;;     local.get 4
;;     local.get 5
;;     i32.store offset=1064
;;     local.get 4
;;     local.get 3
;;     i32.store offset=1068
;;     local.get 4
;;     i32.const 0
;;     i32.store offset=1072
;;     i32.const 1
;;     global.set 0
;;   )
;;   (func (;2;) (type 2))
;;   (func (;3;) (type 2))
;; )
;;
;; continuation of frames at stop points 0
;; (module
;;   (type (;0;) (func (result funcref)))
;;   (type (;1;) (func (param i32 funcref externref i32)))
;;   (import "program" "gate table 0" (table (;0;) 0 funcref))
;;   (import "program" "gate table 1" (table (;1;) 0 externref))
;;   (import "program" "gate memory 0" (memory (;0;) 4 4))
;;   (import "program" "gate global 0" (global (;0;) (mut i32)))
;;   (import "program" "gate global 1" (global (;1;) (mut i64)))
;;   (import "program" "gate save i32 funcref externref" (func (;0;) (type 1)))
;;   (export "0" (func 1))
;;   (func (;1;) (type 0) (result funcref)
;;     (local funcref i32 externref i32)
;;     i32.const 0
;;     i32.const 0
;;     i32.load offset=12
;;     i32.const 20
;;     i32.sub
;;     local.tee 3
;;     i32.store offset=12
;;     local.get 3
;;     i32.load offset=1056
;;     local.set 1
;;     local.get 3
;;     i32.load offset=1060
;;     table.get 0
;;     local.set 0
;;     local.get 3
;;     i32.load offset=1064
;;     table.get 1
;;     local.set 2
;;     i32.const 0
;;     ref.null func
;;     i32.const 0
;;     i32.load offset=16
;;     table.fill 0
;;     i32.const 0
;;     i32.const 0
;;     i32.store offset=16
;;     i32.const 0
;;     ref.null extern
;;     i32.const 0
;;     i32.load offset=20
;;     table.fill 1
;;     i32.const 0
;;     i32.const 0
;;     i32.store offset=20
;;     block ;; label = @1
;;       block ;; label = @2
;;         block (result funcref) ;; label = @3
;;           local.get 2
;;           block ;; label = @4
;;             block ;; label = @5
;;               local.get 1
;;               i32.const 1
;;               i32.sub
;;               local.tee 1
;;               br_if 0 (;@5;)
;;               br 1 (;@4;)
;;             end
;;             block ;; label = @5
;;               loop ;; label = @6
;;                 global.get 1
;;                 i64.const 1
;;                 i64.sub
;;                 global.set 1
;;                 global.get 1
;;                 i64.eqz
;;                 br_if 4 (;@2;)
;;                 block ;; label = @7
;;                   local.get 1
;;                   i32.const 1
;;                   i32.sub
;;                   local.tee 1
;;                   br_if 0 (;@7;)
;;                   br 2 (;@5;)
;;                 end
;;                 block ;; label = @7
;;                   local.get 1
;;                   i32.const 1
;;                   i32.sub
;;                   local.tee 1
;;                   br_if 0 (;@7;)
;;                   br 2 (;@5;)
;;                 end
;;                 block ;; label = @7
;;                   local.get 1
;;                   i32.const 1
;;                   i32.sub
;;                   local.tee 1
;;                   br_if 0 (;@7;)
;;                   br 2 (;@5;)
;;                 end
;;                 block ;; label = @7
;;                   local.get 1
;;                   i32.const 1
;;                   i32.sub
;;                   local.tee 1
;;                   br_if 0 (;@7;)
;;                   br 2 (;@5;)
;;                 end
;;                 block ;; label = @7
;;                   local.get 1
;;                   i32.const 1
;;                   i32.sub
;;                   local.tee 1
;;                   br_if 0 (;@7;)
;;                   br 2 (;@5;)
;;                 end
;;                 block ;; label = @7
;;                   local.get 1
;;                   i32.const 1
;;                   i32.sub
;;                   local.tee 1
;;                   br_if 0 (;@7;)
;;                   br 2 (;@5;)
;;                 end
;;                 block ;; label = @7
;;                   local.get 1
;;                   i32.const 1
;;                   i32.sub
;;                   local.tee 1
;;                   br_if 0 (;@7;)
;;                   br 2 (;@5;)
;;                 end
;;                 local.get 1
;;                 i32.const 1
;;                 i32.sub
;;                 local.tee 1
;;                 br_if 0 (;@6;)
;;               end
;;             end
;;           end
;;           drop
;;           local.get 0
;;         end
;;         return
;;       end
;;       local.get 1
;;       local.get 0
;;       local.get 2
;;       i32.const 28
;;       call 0
;;     end
;;     ref.null func
;;   )
;; )
