;; A dropped segment of elements stays dropped.
;;! input = ...
;;! every = 1
;;! status = 134
;;! upstream = bulk memory must be enabled
(table $table 2 funcref)
(elem (table $table) (i32.const 0) func $f)
(elem $dropped func $f)
(func $f (call $pause))
(func (export "_start")
  (call_indirect $table (i32.const 0))
  (elem.drop $dropped)
  (call $pause)
  (call $pause)
  (table.init $table $dropped (i32.const 0) (i32.const 0) (i32.const 1)))
