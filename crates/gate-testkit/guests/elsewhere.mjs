// Runs a WASI program in Node, which gives it the standard streams.
//
//     node elsewhere.mjs MODULE DIRECTORY [NAME=VALUE...] -- [ARGUMENT...]
//
// DIRECTORY is the program's /, unless it is empty. Exits with 134 if the program traps, and with 3 if Node cannot compile it.
import { readFile } from "node:fs/promises";
import { WASI } from "node:wasi";

const [path, directory, ...rest] = process.argv.slice(2);
const end = rest.indexOf("--");
const variables = rest.slice(0, end).map((variable) => variable.split(/=(.*)/s).slice(0, 2));
const wasi = new WASI({
    version: "preview1",
    args: ["program", ...rest.slice(end + 1)],
    env: Object.fromEntries(variables),
    preopens: directory ? { "/": directory } : {},
    returnOnExit: false,
});

function fail(error, status) {
    console.error(String(error));
    process.exit(status);
}

try {
    const module = await WebAssembly.compile(await readFile(path));
    const imports = { wasi_snapshot_preview1: wasi.wasiImport };
    wasi.start(await WebAssembly.instantiate(module, imports));
} catch (error) {
    if (error instanceof WebAssembly.CompileError) fail(error, 3);
    // A stack that is full is no trap there.
    if (error instanceof WebAssembly.RuntimeError || error instanceof RangeError) fail(error, 134);
    throw error;
}
