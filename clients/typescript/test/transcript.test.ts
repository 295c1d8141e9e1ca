import assert from "node:assert/strict";
import { test } from "node:test";
import { Transcript } from "../src/transcript.js";

const agentSays = (transcript: Transcript, words: string) => {
  transcript.handle({ type: "response.output_audio_transcript.delta", item_id: "item_a", delta: words });
};

test("words of the caller are interim until they are final", () => {
  const transcript = new Transcript(() => 0);
  transcript.handle({ type: "conversation.item.input_audio_transcription.delta", item_id: "item_u", delta: "Tuesday" });
  assert.equal(transcript.lines[0]?.isInterim, true);
  transcript.handle({ type: "conversation.item.input_audio_transcription.completed", item_id: "item_u", transcript: "Tuesday afternoon" });
  assert.deepEqual(transcript.lines, [
    { id: "item_u", speaker: "caller", text: "Tuesday afternoon", isInterim: false, heardChars: 17, isCut: false, at_ms: 0 },
  ]);
});

test("noise that was taken for speech leaves no line", () => {
  const transcript = new Transcript();
  transcript.handle({ type: "conversation.item.input_audio_transcription.completed", item_id: "item_u", transcript: " " });
  assert.deepEqual(transcript.lines, []);
});

test("what is still to be played is not heard yet", () => {
  const transcript = new Transcript();
  agentSays(transcript, "I have two or half past three.");
  transcript.onPlayed([{ item: "item_a", played_ms: 500, received_ms: 1_000 }]);
  const [line] = transcript.lines;
  assert.equal(line?.text.slice(0, line.heardChars), "I have two or");
});

test("the server's word about what was heard holds after an interruption", () => {
  const transcript = new Transcript();
  agentSays(transcript, "I have two or half past three.");
  transcript.handle({ type: "switchboard.heard", item_id: "item_a", text: "I have two", audio_ms: 400, interrupted: true });
  const [line] = transcript.lines;
  assert.equal(line?.isCut, true);
  assert.equal(line?.text.slice(0, line.heardChars), "I have two");
});

test("words that come after a cut change nothing", () => {
  const transcript = new Transcript();
  agentSays(transcript, "One two");
  transcript.handle({ type: "conversation.item.truncated", item_id: "item_a", audio_end_ms: 0 });
  agentSays(transcript, " three");
  assert.equal(transcript.lines[0]?.text, "One two");
});

test("markup in words stays words", () => {
  const transcript = new Transcript();
  transcript.handle({ type: "conversation.item.added", item: { type: "message", role: "user", id: "item_t", content: [{ type: "input_text", text: "<img src=x onerror=alert(1)>" }] } });
  assert.equal(transcript.lines[0]?.text, "<img src=x onerror=alert(1)>");
});

test("the caller's words stand where they were spoken, though they are understood later", () => {
  let now = 0;
  const transcript = new Transcript(() => now);
  agentSays(transcript, "Welcome.");
  now = 5_000;
  transcript.handle({ type: "input_audio_buffer.speech_started", item_id: "item_u", audio_start_ms: 5_000 });
  now = 8_000;
  transcript.handle({ type: "response.output_audio_transcript.delta", item_id: "item_b", delta: "Two o'clock?" });
  now = 9_000;
  transcript.handle({ type: "conversation.item.input_audio_transcription.completed", item_id: "item_u", transcript: "Tuesday" });
  assert.deepEqual(transcript.lines.map((line) => [line.at_ms, line.text]), [[0, "Welcome."], [5_000, "Tuesday"], [8_000, "Two o'clock?"]]);
});
