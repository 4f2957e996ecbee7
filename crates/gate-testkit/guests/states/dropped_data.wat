;; A dropped segment stays dropped: using it is a trap.
;;! input = ..
;;! every = 1
;;! status = 134
;;! upstream = a data count section
(data $dropped "data")
(func (export "_start")
  (data.drop $dropped)
  (call $pause)
  (call $pause)
  (memory.init $dropped (i32.const 2048) (i32.const 0) (i32.const 1)))
