;; The offset's encoding is too long for an offset of 32 bits, and not for one of 64 bits.
(module binary "\00asm\01\00\00\00"
  "\01\04\01\60\00\00" "\03\02\01\00" "\05\03\01\00\01"
  "\0a\0f\01\0d\00\41\00\28\02\82\80\80\80\80\00\1a\0b")
;; the module uses 64-bit memories and tables (memory64) at offset 0x24 in function 0, which is not supported
