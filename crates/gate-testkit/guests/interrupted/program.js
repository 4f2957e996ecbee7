// Promises that are pending while the program computes, waits for input, or for time; generators and big numbers.
import * as std from "qjs:std";
import * as os from "qjs:os";

const pause = (ms, value) => new Promise((resolve) => os.setTimeout(() => resolve(value), ms));

function* primes(limit) {
  const found = [];
  for (let n = 2; found.length < limit; n++) if (found.every((p) => p * p > n || n % p)) found.push(n), (yield n);
}

async function compute(word) {
  let product = 1n, last = 0;
  for (const p of primes(700)) {
    product = (product * BigInt(p)) % (1n << 256n);
    last = p;
    if (last % 100 === 1) await null;
  }
  return `${word} ${last} ${product}`;
}

async function main() {
  for (let round = 1, word; (word = std.in.getline()) !== null; round++) {
    const all = [pause(40, "slow"), compute(word), pause(1, "quick").then(compute), Promise.reject(new Error("no"))];
    const results = await Promise.allSettled(all);
    print(round, results.map((result) => result.value ?? result.reason.message).join("; "));
    std.out.flush();
  }
  return "end";
}
print(await main());
