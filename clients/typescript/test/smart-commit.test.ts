import assert from "node:assert/strict";
import { test } from "node:test";
import { SmartCommit } from "../src/smart-commit.js";

/** Chunks of 40 ms from `begin`, and what became due at each millisecond up to `until`. */
function commits(commit: SmartCommit, chunks: [at: number, isVoice: boolean][], stops: number[], until: number): number[] {
  const due: number[] = [];
  for (let now = 0; now <= until; now += 1) {
    for (const [, isVoice] of chunks.filter(([at]) => at === now)) {
      commit.onChunk(now, 40, isVoice);
    }
    if (stops.includes(now)) {
      commit.onSpeechStopped(now);
    }
    if (commit.isDue(now)) {
      due.push(now);
    }
  }
  return due;
}

test("a turn is committed 300 ms after the last chunk", () => {
  const chunks: [number, boolean][] = [0, 40, 80, 120].map((at) => [at, true]);
  assert.deepEqual(commits(new SmartCommit(), chunks, [], 1_000), [420]);
});

test("a turn is committed 120 ms after the caller was heard to stop, though silence goes on being sent", () => {
  const chunks: [number, boolean][] = Array.from({ length: 20 }, (_, index) => [index * 40, index < 5]);
  assert.deepEqual(commits(new SmartCommit(), chunks, [400], 900), [520]);
});

test("a caller who goes on within the 120 ms has not ended the turn", () => {
  const chunks: [number, boolean][] = [0, 40, 80, 440].map((at) => [at, true]);
  chunks.push([120, false], [160, false]);
  assert.deepEqual(commits(new SmartCommit(), chunks, [400], 2_000), [740]);
});

test("silence alone is no turn", () => {
  const chunks: [number, boolean][] = Array.from({ length: 10 }, (_, index) => [index * 40, false]);
  assert.deepEqual(commits(new SmartCommit(), chunks, [200], 2_000), []);
});

test("less than the server's 100 ms is no turn", () => {
  assert.deepEqual(commits(new SmartCommit(), [[0, true], [40, true]], [], 1_000), []);
});
