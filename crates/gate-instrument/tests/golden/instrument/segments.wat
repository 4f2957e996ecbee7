;;! poll countdown
(module
  (memory 1)
  (table 4 funcref)
  (data (i32.const 16) "active")
  (data "passive")
  (elem (i32.const 1) $f)
  (elem funcref (ref.null func))
  (start $f)
  (func $f
    (loop
      (memory.init 1 (i32.const 0) (i32.const 0) (i32.const 7))
      (table.init 1 (i32.const 0) (i32.const 0) (i32.const 1)))
    (data.drop 1)))
;; stop point 0: 55 Loop in function 0, locals [], operands []
;; (module
;;   (type (;0;) (func))
;;   (type (;1;) (func (param i32 i32 i32)))
;;   (type (;2;) (func))
;;   (type (;3;) (func (param i32 i32)))
;;   (type (;4;) (func (param i32)))
;;   (table (;0;) 4 funcref)
;;   (memory (;0;) 1)
;;   (memory (;1;) 4 4)
;;   (global (;0;) (mut i32) i32.const 0)
;;   (global (;1;) (mut i64) i64.const 0)
;;   (export "gate table 0" (table 0))
;;   (export "gate memory 0" (memory 0))
;;   (export "gate memory 1" (memory 1))
;;   (export "gate global 0" (global 0))
;;   (export "gate global 1" (global 1))
;;   (export "gate function 0" (func $f))
;;   (export "gate memory.init 0 1" (func 1))
;;   (export "gate table.init 0 1" (func 2))
;;   (export "gate data.drop 1" (func 3))
;;   (export "gate keep" (func 4))
;;   (export "gate call 0 0" (func 5))
;;   (export "gate saved" (func 6))
;;   (export "gate initialize" (func 7))
;;   (export "gate restore" (func 8))
;;   (elem (;0;) func $f)
;;   (elem (;1;) funcref (ref.null func))
;;   (func $f (;0;) (type 0)
;;     (local i32)
;;     block ;; label = @1
;;       block (result i32) ;; label = @2
;;         block ;; label = @3
;;           block ;; label = @4
;;             block ;; label = @5
;;               loop ;; label = @6
;;                 global.get 1
;;                 i64.const 1
;;                 i64.sub
;;                 global.set 1
;;                 global.get 1
;;                 i64.eqz
;;                 (@metadata.code.branch_hint "\00")
;;                 br_if 3 (;@3;)
;;                 block ;; label = @7
;;                   i32.const 0
;;                   i32.const 0
;;                   i32.const 7
;;                   memory.init 1
;;                   i32.const 0
;;                   i32.const 0
;;                   i32.const 1
;;                   table.init 1
;;                   br 2 (;@5;)
;;                 end
;;                 block ;; label = @7
;;                   i32.const 0
;;                   i32.const 0
;;                   i32.const 7
;;                   memory.init 1
;;                   i32.const 0
;;                   i32.const 0
;;                   i32.const 1
;;                   table.init 1
;;                   br 2 (;@5;)
;;                 end
;;                 block ;; label = @7
;;                   i32.const 0
;;                   i32.const 0
;;                   i32.const 7
;;                   memory.init 1
;;                   i32.const 0
;;                   i32.const 0
;;                   i32.const 1
;;                   table.init 1
;;                   br 2 (;@5;)
;;                 end
;;                 block ;; label = @7
;;                   i32.const 0
;;                   i32.const 0
;;                   i32.const 7
;;                   memory.init 1
;;                   i32.const 0
;;                   i32.const 0
;;                   i32.const 1
;;                   table.init 1
;;                   br 2 (;@5;)
;;                 end
;;                 block ;; label = @7
;;                   i32.const 0
;;                   i32.const 0
;;                   i32.const 7
;;                   memory.init 1
;;                   i32.const 0
;;                   i32.const 0
;;                   i32.const 1
;;                   table.init 1
;;                   br 2 (;@5;)
;;                 end
;;                 block ;; label = @7
;;                   i32.const 0
;;                   i32.const 0
;;                   i32.const 7
;;                   memory.init 1
;;                   i32.const 0
;;                   i32.const 0
;;                   i32.const 1
;;                   table.init 1
;;                   br 2 (;@5;)
;;                 end
;;                 i32.const 0
;;                 i32.const 0
;;                 i32.const 7
;;                 memory.init 1
;;                 i32.const 0
;;                 i32.const 0
;;                 i32.const 1
;;                 table.init 1
;;               end
;;             end
;;             call 3
;;           end
;;           return
;;         end
;;         i32.const 55
;;         br 0 (;@2;)
;;       end
;;       i32.const 8
;;       call 4
;;     end
;;   )
;;   (func (;1;) (type 1) (param i32 i32 i32)
;;     local.get 0
;;     local.get 1
;;     local.get 2
;;     memory.init 1
;;   )
;;   (func (;2;) (type 1) (param i32 i32 i32)
;;     local.get 0
;;     local.get 1
;;     local.get 2
;;     table.init 1
;;   )
;;   (func (;3;) (type 2)
;;     data.drop 1
;;     i32.const 1
;;     i32.const 1
;;     i32.store8 1 offset=1056
;;   )
;;   (func (;4;) (type 3) (param i32 i32)
;;     (local i32 i32)
;;     i32.const 0
;;     i32.load 1 offset=12
;;     local.set 2
;;     loop ;; label = @1
;;       local.get 2
;;       local.get 3
;;       i32.add
;;       local.get 3
;;       i64.load 1 offset=32 align=4
;;       i64.store 1 offset=1072 align=4
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
;;     i32.store 1 offset=12
;;     local.get 2
;;     local.get 0
;;     i32.store 1 offset=1064
;;     local.get 2
;;     i32.const -1
;;     i32.store 1 offset=1068
;;     i32.const 1
;;     global.set 0
;;     local.get 2
;;     i32.const 260048
;;     i32.gt_u
;;     if ;; label = @1
;;       i32.const 0
;;       i32.const 1
;;       i32.store 1 offset=8
;;       unreachable
;;     end
;;   )
;;   (func (;5;) (type 4) (param i32)
;;     block ;; label = @1
;;       local.get 0
;;       br_table 0 (;@1;)
;;     end
;;     call $f
;;   )
;;   (func (;6;) (type 3) (param i32 i32)
;;     i32.const 0
;;     local.get 0
;;     i32.const 0
;;     i32.load 1 offset=12
;;     i32.add
;;     local.tee 0
;;     i32.store 1 offset=12
;;     local.get 0
;;     local.get 1
;;     i32.store 1 offset=1064
;;     local.get 0
;;     i32.const 0
;;     i32.store 1 offset=1068
;;     i32.const 1
;;     global.set 0
;;     local.get 0
;;     i32.const 260048
;;     i32.gt_u
;;     if ;; label = @1
;;       i32.const 0
;;       i32.const 1
;;       i32.store 1 offset=8
;;       unreachable
;;     end
;;   )
;;   (func (;7;) (type 2)
;;     i32.const 1
;;     i32.const 0
;;     i32.const 1
;;     table.init 0
;;     elem.drop 0
;;     i32.const 16
;;     i32.const 0
;;     i32.const 6
;;     memory.init 0
;;     data.drop 0
;;   )
;;   (func (;8;) (type 2)
;;     data.drop 0
;;     i32.const 1
;;     i32.load8_u 1 offset=1056
;;     if ;; label = @1
;;       data.drop 1
;;     end
;;     elem.drop 0
;;     i32.const 3
;;     i32.load8_u 1 offset=1056
;;     if ;; label = @1
;;       elem.drop 1
;;     end
;;   )
;;   (data (;0;) "active")
;;   (data (;1;) "passive")
;; )
