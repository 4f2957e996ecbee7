(module (type $t (func)) (func (param (ref null $t)) (call_ref $t (local.get 0))))
;; the module uses typed function references at offset 0xe, which is not supported
