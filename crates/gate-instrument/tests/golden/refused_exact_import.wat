(module binary "\00asm\01\00\00\00"
  "\01\04\01\60\00\00"                        ;; a type
  "\02\11\01\04gate\08fd_65536\20\00")        ;; an import of kind 0x20
;; the module uses custom descriptors at offset 0x11, which is not supported
