;; Functions that call themselves and each other.
(module
  (func $fibonacci (export "fibonacci") (param $n i32) (result i32)
    (if (result i32) (i32.lt_s (local.get $n) (i32.const 2))
      (then (local.get $n))
      (else
        (i32.add
          (call $fibonacci (i32.sub (local.get $n) (i32.const 1)))
          (call $fibonacci (i32.sub (local.get $n) (i32.const 2)))))))
  (func $is_even (export "even") (param $n i32) (result i32)
    (local $unused f64)
    (if (result i32) (i32.eqz (local.get $n))
      (then (i32.const 1))
      (else (i32.eqz (call $is_odd (i32.sub (local.get $n) (i32.const 1)))))))
  (func $is_odd (param $n i32) (result i32)
    (if (result i32) (i32.eqz (local.get $n))
      (then (i32.const 0))
      (else (i32.eqz (call $is_even (i32.sub (local.get $n) (i32.const 1)))))))
  (func $traps (export "traps") (param $n i32) (result i32)
    (if (i32.eqz (local.get $n)) (then (unreachable)))
    (call $traps (i32.sub (local.get $n) (i32.const 1)))))
