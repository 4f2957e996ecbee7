;; Gate's own functions: stopped between the halves of a packet, with a reply on its way, with half of it read.
;;! gate
;;! runs = 150
;;! every = 5 9
;;! standalone = it uses Gate's own functions
;; A call for discovery, of two services; padded to the size of all packets.
(data $call (i32.const 2048) "\16\00\00\00\ff\ff\00\00\02\00\05alpha\05gamma\00\00")
;; Vectors for the functions above: at 4096 what to send, at 4104 what to receive.
(func $send (param $from i32) (param $bytes i32)
  (loop $rest
    (i32.store (i32.const 4096) (local.get $from))
    (i32.store (i32.const 4100) (local.get $bytes))
    (call $io
      (i32.const 0) (i32.const 0) (i32.const 0)
      (i32.const 4096) (i32.const 1) (i32.const 4112)
      (i64.const 1000000000) (i32.const 0))
    (local.set $from (i32.add (local.get $from) (i32.load (i32.const 4112))))
    (local.set $bytes (i32.sub (local.get $bytes) (i32.load (i32.const 4112))))
    (br_if $rest (local.get $bytes))))
(func $receive (param $to i32) (param $bytes i32)
  (loop $rest
    (i32.store (i32.const 4104) (local.get $to))
    (i32.store (i32.const 4108) (local.get $bytes))
    (call $io
      (i32.const 4104) (i32.const 1) (i32.const 4116)
      (i32.const 0) (i32.const 0) (i32.const 0)
      (i64.const 1000000000) (i32.const 0))
    (local.set $to (i32.add (local.get $to) (i32.load (i32.const 4116))))
    (local.set $bytes (i32.sub (local.get $bytes) (i32.load (i32.const 4116))))
    (br_if $rest (local.get $bytes))))
;; Sleeps for 30 milliseconds; standard input is nothing to wait for here.
(func $sleep
  (i64.store (i32.const 4200) (i64.const 1))
  (i32.store (i32.const 4208) (i32.const 0))
  (i32.store (i32.const 4216) (i32.const 1))
  (i64.store (i32.const 4224) (i64.const 30000000))
  (if (call $poll_oneoff (i32.const 4200) (i32.const 4300) (i32.const 1) (i32.const 4400)) (then (unreachable))))
;; Receives packets until it is a reply. A program that goes on elsewhere is told of its services once more.
(func $receive_reply
  (loop $next
    (call $receive (i32.const 8192) (i32.const 4))
    (call $sleep)
    (call $receive
      (i32.const 8196)
      (i32.sub (i32.and (i32.add (i32.load (i32.const 8192)) (i32.const 7)) (i32.const -8)) (i32.const 4)))
    (br_if $next (i32.load8_u (i32.const 8198)))))
(func (export "_start")
  (call $mark)
  (call $show32 (call $fd))
  (call $send (i32.const 2048) (i32.const 3))
  (call $sleep)
  (call $send (i32.const 2051) (i32.const 10))
  (call $sleep)
  (call $send (i32.const 2061) (i32.const 11))
  (call $sleep)
  (call $receive_reply)
  (call $show (i64.load (i32.const 8192)))
  (call $show (i64.load (i32.const 8200)))
  ;; Another two, so that the reply to the first waits while the second is sent.
  (i32.store8 (i32.const 2059) (i32.const 0x42))
  (i32.store8 (i32.const 2065) (i32.const 0x43))
  (call $send (i32.const 2048) (i32.const 24))
  (call $sleep)
  (i32.store8 (i32.const 2059) (i32.const 0x44))
  (i32.store8 (i32.const 2065) (i32.const 0x45))
  (call $send (i32.const 2048) (i32.const 20))
  (call $sleep)
  (call $send (i32.const 2068) (i32.const 4))
  (call $receive_reply)
  (call $show (i64.load (i32.const 8192)))
  (call $show (i64.load (i32.const 8200)))
  (call $receive_reply)
  (call $show (i64.load (i32.const 8192)))
  (call $show (i64.load (i32.const 8200))))
