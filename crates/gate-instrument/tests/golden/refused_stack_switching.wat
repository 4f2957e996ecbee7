(module (type $f (func)) (type (cont $f)))
;; the module uses stack switching at offset 0xe, which is not supported
