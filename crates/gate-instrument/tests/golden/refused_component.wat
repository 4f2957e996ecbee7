(component (core module))
;; this is not a WebAssembly module: it is a component; take its core module (`wasm-tools component unbundle`) or compile for wasm32-wasip1
