import assert from "node:assert/strict";
import { test } from "node:test";
import { PlaybackLedger } from "../src/playback-ledger.js";

const SECOND = 24_000;

test("a cut tells what was heard of what came", () => {
  const ledger = new PlaybackLedger();
  ledger.onReceived("item_1", 2 * SECOND);
  ledger.onPlayed("item_1", SECOND / 2);
  assert.deepEqual(ledger.cut(), [{ item: "item_1", played_ms: 500, received_ms: 2_000 }]);
});

test("what was played to its end is not cut", () => {
  const ledger = new PlaybackLedger();
  ledger.onReceived("item_1", SECOND);
  ledger.onPlayed("item_1", SECOND);
  ledger.onReceived("item_2", SECOND);
  assert.deepEqual(ledger.cut().map((heard) => heard.item), ["item_2"]);
});

test("late audio of a cut item is not played", () => {
  const ledger = new PlaybackLedger();
  ledger.onReceived("item_1", SECOND);
  ledger.cut();
  assert.equal(ledger.onReceived("item_1", SECOND), false);
});

test("heard is never more than came, whatever the player says", () => {
  const ledger = new PlaybackLedger();
  ledger.onReceived("item_1", SECOND);
  ledger.onPlayed("item_1", 5 * SECOND);
  ledger.onPlayed("item_1", 3);
  assert.equal(ledger.heard("item_1")?.played_ms, 1_000);
});

test("a lost connection goes on after the last event whose sound was played", () => {
  const ledger = new PlaybackLedger();
  ledger.onEvent("event_1");
  ledger.onReceived("item_1", SECOND, "event_2");
  ledger.onReceived("item_1", SECOND, "event_3");
  ledger.onEvent("event_4");
  ledger.onPlayed("item_1", 1.5 * SECOND);
  assert.equal(ledger.lastDone(), "event_2");
});

test("audio that comes again after a loss counts from where its piece began", () => {
  const ledger = new PlaybackLedger();
  ledger.onReceived("item_1", SECOND, "event_1");
  ledger.onReceived("item_1", SECOND, "event_2");
  ledger.onPlayed("item_1", 1.5 * SECOND);
  ledger.onLost();
  assert.equal(ledger.lastDone(), "event_1");
  ledger.onReceived("item_1", SECOND, "event_2");
  // The new player counts from zero.
  ledger.onPlayed("item_1", SECOND / 4);
  assert.deepEqual(ledger.cut(), [{ item: "item_1", played_ms: 1_250, received_ms: 2_000 }]);
});
