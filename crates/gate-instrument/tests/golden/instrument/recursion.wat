;;! poll store
;;! continue 0
;;! continue 1 1 0
(module
  (func $f (param $n i32) (result i32)
    (if (result i32) (local.get $n)
      (then (i32.mul (local.get $n) (call $f (i32.sub (local.get $n) (i32.const 1)))))
      (else (i32.const 1)))))
;; stop point 0: 24 Entry in function 0, locals [0], operands []
;; stop point 1: 36 Call in function 0, locals [], operands [I32]
;; (module
;;   (type (;0;) (func (param i32) (result i32)))
;;   (type (;1;) (func (param i32 i32)))
;;   (type (;2;) (func (param i32 i32) (result i32)))
;;   (type (;3;) (func))
;;   (memory (;0;) 4 4)
;;   (global (;0;) (mut i32) i32.const 0)
;;   (export "gate memory 0" (memory 0))
;;   (export "gate global 0" (global 0))
;;   (export "gate save i32" (func 1))
;;   (export "gate call 0 0" (func 2))
;;   (export "gate initialize" (func 3))
;;   (export "gate restore" (func 4))
;;   (func $f (;0;) (type 0) (param $n i32) (result i32)
;;     (local i32 i32 i32)
;;     block ;; label = @1
;;       block ;; label = @2
;;         block ;; label = @3
;;           block (result i32) ;; label = @4
;;             i32.const 0
;;             i32.const 0
;;             i32.store offset=4
;;             i32.const 0
;;             i32.load
;;             br_if 1 (;@3;)
;;             local.get $n
;;             if (result i32) ;; label = @5
;;               local.get $n
;;               local.get $n
;;               i32.const 1
;;               i32.sub
;;               local.set 2
;;               local.set 1
;;               local.get 1
;;               local.get 2
;;               call $f
;;               global.get 0
;;               br_if 3 (;@2;)
;;               i32.mul
;;             else
;;               i32.const 1
;;             end
;;           end
;;           return
;;         end
;;         local.get $n
;;         i32.const 24
;;         call 1
;;         br 1 (;@1;)
;;       end
;;       local.get 1
;;       i32.const 36
;;       call 1
;;     end
;;     i32.const 0
;;   )
;;   (func (;1;) (type 1) (param i32 i32)
;;     (local i32 i32)
;;     i32.const 0
;;     i32.load offset=12
;;     local.tee 2
;;     i32.const 260052
;;     i32.gt_u
;;     if ;; label = @1
;;       i32.const 0
;;       i32.const 1
;;       i32.store offset=8
;;       unreachable
;;     end
;;     i32.const 0
;;     local.get 2
;;     i32.const 12
;;     i32.add
;;     i32.store offset=12
;;     local.get 2
;;     local.get 0
;;     i32.store offset=1056
;;     local.get 2
;;     local.get 1
;;     i32.store offset=1060
;;     local.get 2
;;     i32.const 0
;;     i32.store offset=1064
;;     i32.const 1
;;     global.set 0
;;   )
;;   (func (;2;) (type 2) (param i32 i32) (result i32)
;;     block ;; label = @1
;;       local.get 1
;;       br_table 0 (;@1;)
;;     end
;;     local.get 0
;;     call $f
;;   )
;;   (func (;3;) (type 3))
;;   (func (;4;) (type 3))
;; )
;;
;; continuation of frames at stop points 0
;; (module
;;   (type (;0;) (func (result i32)))
;;   (type (;1;) (func (param i32 i32) (result i32)))
;;   (type (;2;) (func (param i32 i32)))
;;   (import "program" "gate memory 0" (memory (;0;) 4 4))
;;   (import "program" "gate global 0" (global (;0;) (mut i32)))
;;   (import "program" "gate call 0 0" (func (;0;) (type 1)))
;;   (import "program" "gate save i32" (func (;1;) (type 2)))
;;   (export "0" (func 2))
;;   (func (;2;) (type 0) (result i32)
;;     (local i32 i32 i32 i32)
;;     i32.const 0
;;     i32.const 0
;;     i32.load offset=12
;;     i32.const 12
;;     i32.sub
;;     local.tee 3
;;     i32.store offset=12
;;     local.get 3
;;     i32.load offset=1056
;;     local.set 0
;;     block ;; label = @1
;;       block ;; label = @2
;;         block ;; label = @3
;;           block (result i32) ;; label = @4
;;             local.get 0
;;             if (result i32) ;; label = @5
;;               local.get 0
;;               local.get 0
;;               i32.const 1
;;               i32.sub
;;               local.set 2
;;               local.set 1
;;               local.get 1
;;               local.get 2
;;               i32.const 0
;;               call 0
;;               global.get 0
;;               br_if 3 (;@2;)
;;               i32.mul
;;             else
;;               i32.const 1
;;             end
;;           end
;;           return
;;         end
;;         local.get 0
;;         i32.const 24
;;         call 1
;;         br 1 (;@1;)
;;       end
;;       local.get 1
;;       i32.const 36
;;       call 1
;;     end
;;     i32.const 0
;;   )
;; )
;;
;; continuation of frames at stop points 1 1 0
;; (module
;;   (type (;0;) (func (result i32)))
;;   (type (;1;) (func (param i32 i32) (result i32)))
;;   (type (;2;) (func (param i32 i32)))
;;   (import "program" "gate memory 0" (memory (;0;) 4 4))
;;   (import "program" "gate global 0" (global (;0;) (mut i32)))
;;   (import "program" "gate call 0 0" (func (;0;) (type 1)))
;;   (import "program" "gate save i32" (func (;1;) (type 2)))
;;   (export "1" (func 3))
;;   (func (;2;) (type 0) (result i32)
;;     (local i32 i32 i32 i32)
;;     i32.const 0
;;     i32.const 0
;;     i32.load offset=12
;;     i32.const 12
;;     i32.sub
;;     local.tee 3
;;     i32.store offset=12
;;     local.get 3
;;     i32.load offset=1056
;;     local.set 0
;;     block ;; label = @1
;;       block ;; label = @2
;;         block ;; label = @3
;;           block (result i32) ;; label = @4
;;             local.get 0
;;             if (result i32) ;; label = @5
;;               local.get 0
;;               local.get 0
;;               i32.const 1
;;               i32.sub
;;               local.set 2
;;               local.set 1
;;               local.get 1
;;               local.get 2
;;               i32.const 0
;;               call 0
;;               global.get 0
;;               br_if 3 (;@2;)
;;               i32.mul
;;             else
;;               i32.const 1
;;             end
;;           end
;;           return
;;         end
;;         local.get 0
;;         i32.const 24
;;         call 1
;;         br 1 (;@1;)
;;       end
;;       local.get 1
;;       i32.const 36
;;       call 1
;;     end
;;     i32.const 0
;;   )
;;   (func (;3;) (type 0) (result i32)
;;     (local i32 i32 i32 i32)
;;     i32.const 0
;;     i32.const 0
;;     i32.load offset=12
;;     i32.const 12
;;     i32.sub
;;     local.tee 3
;;     i32.store offset=12
;;     local.get 3
;;     i32.load offset=1056
;;     local.set 1
;;     block ;; label = @1
;;       block ;; label = @2
;;         block (result i32) ;; label = @3
;;           block (result i32) ;; label = @4
;;             local.get 1
;;             block (result i32) ;; label = @5
;;               i32.const 0
;;               i32.load offset=12
;;               i32.load offset=1052
;;               i32.const 0
;;               i32.eq
;;               if ;; label = @6
;;                 call 2
;;                 br 1 (;@5;)
;;               end
;;               call 3
;;             end
;;             global.get 0
;;             br_if 2 (;@2;)
;;             i32.mul
;;           end
;;         end
;;         return
;;       end
;;       local.get 1
;;       i32.const 36
;;       call 1
;;     end
;;     i32.const 0
;;   )
;; )
