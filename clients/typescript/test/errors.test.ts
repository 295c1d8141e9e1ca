import assert from "node:assert/strict";
import { test } from "node:test";
import { endingOf, microphoneError, refusalOfStatus } from "../src/errors.js";

test("each cause of a missing microphone has its own code", () => {
  const code = (name: string) => microphoneError(Object.assign(new Error(), { name })).code;
  assert.equal(code("NotAllowedError"), "microphone_refused");
  assert.equal(code("NotFoundError"), "microphone_missing");
  assert.equal(code("OverconstrainedError"), "microphone_missing");
  assert.equal(code("NotReadableError"), "microphone_in_use");
});

test("the end of a call is final and no error", () => {
  assert.deepEqual(endingOf(1000, "call_ended.agent_ended"), { isFinal: true, reason: "agent_ended", error: null });
  assert.equal(endingOf(1000, "call_ended.budget").error?.code, "budget");
});

test("a server that stops or fails, and a lost network, may be come back to", () => {
  for (const code of [1001, 1005, 1006, 1011, 1012, 1013]) {
    assert.equal(endingOf(code, "").isFinal, false, String(code));
  }
});

test("refusals are final and say whose fault it is", () => {
  assert.equal(endingOf(3000, "invalid_request_error.invalid_api_key").error?.code, "not_allowed");
  assert.equal(endingOf(4000, "invalid_request_error.invalid_model").error?.code, "unknown_agent");
  assert.equal(endingOf(4429, "invalid_request_error.rate_limit_exceeded").error?.code, "too_many_calls");
  assert.equal(endingOf(4402, "invalid_request_error.insufficient_quota").error?.code, "budget_today");
  assert.equal(refusalOfStatus(402).code, "budget_today");
  assert.equal(endingOf(4413, "message_too_large").isFinal, true);
  assert.equal(refusalOfStatus(429).code, "too_many_calls");
  assert.equal(refusalOfStatus(503).isPassing, true);
});
