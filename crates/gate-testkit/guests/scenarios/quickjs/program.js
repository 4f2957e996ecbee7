// Promises, generators, BigInt, regular expressions, JSON, classes, proxies, typed arrays; files through qjs:std.
import * as std from "qjs:std";
import * as os from "qjs:os";

const log = [];
const pause = (ms, value) => new Promise((resolve) => os.setTimeout(() => resolve(value), ms));

async function main() {
  log.push("start");
  const results = await Promise.allSettled([pause(20, "slow"), pause(1, "quick"), Promise.reject(new Error("no"))]);
  log.push(results.map((r) => r.value ?? r.reason.message).join());
  log.push(await Promise.race([pause(1000, "late"), pause(2, "early")]));
  try {
    await Promise.any([Promise.reject(1), Promise.reject(2)]);
  } catch (e) {
    log.push(`${e.name} ${e.errors}`);
  }
  async function* ticks() {
    for (let i = 0; i < 3; i++) yield await pause(1, i);
  }
  for await (const tick of ticks()) log.push(`tick ${tick}`);
  return "end";
}
Promise.resolve().then(() => log.push("microtask 1")).then(() => log.push("microtask 2"));
log.push("synchronous");
log.push(await main());
print(log.join("; "));

// Generators and destructuring.
function* primes() {
  const found = [];
  for (let n = 2; ; n++) if (found.every((p) => n % p)) found.push(n), (yield n);
}
const [two, , five, ...rest] = primes().take(8);
print(two, five, rest.join());

// BigInt.
let factorial = 1n;
for (let i = 1n; i <= 60n; i++) factorial *= i;
print(factorial, (-7n) / 2n, (1n << 100n) % 97n, BigInt.asIntN(8, 200n), typeof 1n, 2n ** 64n > 2 ** 63);

// Regular expressions.
const date = /(?<year>\d{4})-(?<month>\d\d)-(?<day>\d\d)/gu;
print("from 2024-02-29 to 2031-12-01".replace(date, "$<day>.$<month>.$<year>"));
print([..."aXbXc".matchAll(/(?<=a|b)X/g)].map((m) => m.index), /\p{Lu}\p{Ll}+/u.exec("wien Österreich")[0]);
print("a1b22c333".split(/(\d+)/), "x".padStart(3, "ab"), "ß".toUpperCase(), "Å".normalize("NFD").length);

// Classes and proxies.
class Stack {
  #items = [];
  static count = 0;
  static { Stack.count = 10; }
  push(x) { this.#items.push(x); return this; }
  get size() { return this.#items.length; }
  *[Symbol.iterator]() { yield* this.#items.toReversed(); }
  toString() { return `Stack(${[...this]})`; }
}
print(String(new Stack().push(1).push(2)), new Stack().size, Stack.count);
const reads = [];
const proxy = new Proxy({ a: 1 }, { get: (t, k) => (reads.push(String(k)), Reflect.get(t, k) ?? "none") });
print(proxy.a, proxy.b, reads.join());

// JSON, collections, typed arrays, numbers.
const data = JSON.parse(std.loadFile("/data/input.json"));
print(JSON.stringify(data, (k, v) => (typeof v === "number" ? v * 2 : v)), JSON.stringify({ u: undefined, d: new Date(0) }));
print(JSON.stringify(Object.groupBy(data.list, (x) => (x % 2 ? "odd" : "even"))));
const floats = new Float64Array([0.1, 0.2, 0.1 + 0.2]);
print([...new Uint8Array(floats.buffer, 16, 8)].join(), new DataView(floats.buffer).getFloat64(0, true));
print((0.1).toFixed(20), (1234.5678).toPrecision(6), (255).toString(16), 1e21, 5e-324, -0, [NaN].includes(NaN));
print([3, 1, 10].sort().join(), [3, 1, 10].toSorted((a, b) => a - b).at(-1), structuredCloneIsMissing());
function structuredCloneIsMissing() { return typeof structuredClone; }

// Errors.
function fails() { null.property; }
try { fails(); } catch (e) { print(e instanceof TypeError, e.message, e.stack.includes("fails")); }
try { JSON.parse("{bad"); } catch (e) { print(e.name); }
try { throw new Error("outer", { cause: "inner" }); } catch (e) { print(e.message, e.cause); } finally { print("finally"); }

// Standard input and files.
let line, count = 0, letters = 0;
while ((line = std.in.getline()) !== null) count++, (letters += line.length);
print(count, letters);
const file = std.open("/data/output.txt", "w");
for (let i = 0; i < 100; i++) file.puts(`${i} ${i ** 3}\n`);
file.close();
print(std.loadFile("/data/output.txt").length, os.readdir("/data")[0].filter((n) => n[0] !== ".").sort().join());
print(scriptArgs.slice(1).join("|"), std.getenv("LABEL"));
std.exit(5);
