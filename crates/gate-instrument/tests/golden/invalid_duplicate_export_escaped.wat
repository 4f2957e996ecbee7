(module (func (export "\1b[2J")) (func (export "\1b[2J")))
;; the module is invalid at offset 0x1d: duplicate export name `\u{1b}[2J` already defined
