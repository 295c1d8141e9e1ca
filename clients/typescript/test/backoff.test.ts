import assert from "node:assert/strict";
import { test } from "node:test";
import { Backoff } from "../src/backoff.js";

test("five tries wait 1, 2, 4, 8 and 16 s, and then there is none", () => {
  const backoff = new Backoff();
  const waits = Array.from({ length: 6 }, () => backoff.next());
  assert.deepEqual(waits, [1_000, 2_000, 4_000, 8_000, 16_000, null]);
});

test("no wait is longer than 30 s", () => {
  const backoff = new Backoff({ tries: 8 });
  const waits = Array.from({ length: 8 }, () => backoff.next());
  assert.deepEqual(waits.slice(5), [30_000, 30_000, 30_000]);
});

test("a connection that held begins the count anew", () => {
  const backoff = new Backoff();
  backoff.next();
  backoff.next();
  backoff.reset();
  assert.equal(backoff.next(), 1_000);
  assert.equal(backoff.attempt, 1);
});
