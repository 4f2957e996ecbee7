(module binary "\00asm\01\00\00\00"
  "\01\04\01\60\00\00" "\03\02\01\00" "\0d\03\01\00\00" ;; a type, a function, a tag
  "\0a\09\01\07\00\06\40\07\00\0b\0b") ;; try catch 0 end end
;; the module uses legacy exception handling (only the final form, with exnref, is accepted) at offset 0x1c in function 0, which is not supported
