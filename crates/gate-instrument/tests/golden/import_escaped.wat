(module (import "\1b[31m" "\0a" (func)))
;; import 0 of the module, at offset 0x11, cannot be satisfied
;;   because: cannot resolve import "\n" from module "\u{1b}[31m": there is no such module (known: wasi_snapshot_preview1, gate, env)
