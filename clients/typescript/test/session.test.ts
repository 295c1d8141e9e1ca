import assert from "node:assert/strict";
import { test } from "node:test";
import { endingOf, VoiceError } from "../src/errors.js";
import type { ClientEvent } from "../src/protocol.js";
import { VoiceSession, type SessionOptions } from "../src/session.js";
import type { Transport, TransportRequest } from "../src/transport.js";

/** A transport without a network: the test is the server. */
class Wire implements Transport {
  readonly request: TransportRequest;
  readonly sent: ClientEvent[] = [];
  isClosed = false;
  silenced = 0;

  constructor(request: TransportRequest) {
    this.request = request;
  }
  send(event: ClientEvent) {
    this.sent.push(event);
  }
  silence() {
    this.silenced += 1;
    return [{ item: "item_a", played_ms: 700, received_ms: 2_000 }];
  }
  setMuted() {}
  async unlockSound() {}
  close() {
    this.isClosed = true;
  }
  get types() {
    return this.sent.map((event) => event.type);
  }
}

const microphone = { getTracks: () => [], getAudioTracks: () => [] } as unknown as MediaStream;

/** A session over wires; `refusals` are what the first tries meet. */
function stage(options: Partial<SessionOptions> = {}, refusals: VoiceError[] = []) {
  const wires: Wire[] = [];
  const waits: number[] = [];
  const states: string[] = [];
  const errors: string[] = [];
  const asked = { credentials: 0 };
  const session = new VoiceSession({
    agent: "medspa",
    server: "http://127.0.0.1",
    worklets: "worklets.js",
    credential: async () => {
      asked.credentials += 1;
      return { token: "ek_test" };
    },
    microphone: async () => microphone,
    wait: async (ms) => void waits.push(ms),
    open: async (request) => {
      const refusal = refusals.shift();
      if (refusal) {
        throw refusal;
      }
      const wire = new Wire(request);
      wires.push(wire);
      queueMicrotask(() => request.listener.onOpen());
      return wire;
    },
    ...options,
  });
  session.on("state", ({ state }) => states.push(state));
  session.on("error", (error) => errors.push(error.code));
  return { session, wires, waits, states, errors, asked };
}

/** Lets everything that is ready run. */
const settle = () => new Promise<void>((done) => setImmediate(done));

const resumable = { type: "switchboard.session", event_id: "event_1", call_id: "call-1", resume_token: "resume-1" };

test("a talk goes from idle over connecting to connected, and the agent is asked to speak first", async () => {
  const { session, wires, states } = stage();
  assert.equal(session.state, "idle");
  await session.connect();
  assert.deepEqual(states, ["connecting", "connected"]);
  assert.deepEqual(wires[0]?.types, ["response.create"]);
  session.disconnect();
  assert.equal(session.state, "disconnected");
  assert.equal(wires[0]?.isClosed, true);
});

test("a refused microphone is an error of its own and opens no connection", async () => {
  const { session, wires, states, errors } = stage({ microphone: () => Promise.reject(new VoiceError("microphone_refused")) });
  await assert.rejects(session.connect(), { code: "microphone_refused" });
  assert.deepEqual(states, ["connecting", "error"]);
  assert.deepEqual(errors, ["microphone_refused"]);
  assert.equal(wires.length, 0);
});

test("a server that is not reached is tried five times more, then it is an error", async () => {
  const refusals = Array.from({ length: 6 }, () => new VoiceError("unreachable"));
  const { session, waits, states } = stage({}, refusals);
  await assert.rejects(session.connect(), { code: "unreachable" });
  assert.deepEqual(waits, [1_000, 2_000, 4_000, 8_000, 16_000]);
  assert.equal(states.at(-1), "error");
});

test("a refusal is not tried again", async () => {
  const { session, waits } = stage({}, [new VoiceError("not_allowed")]);
  await assert.rejects(session.connect(), { code: "not_allowed" });
  assert.deepEqual(waits, []);
});

test("a lost connection returns to the same call with its resume token, and is not greeted again", async () => {
  const { session, wires, waits, states } = stage();
  await session.connect();
  wires[0]?.request.listener.onEvent(resumable);
  wires[0]?.request.listener.onClosed(endingOf(1006, ""));
  await settle();
  assert.deepEqual(waits, [1_000]);
  assert.deepEqual(wires[1]?.request.resume?.token, "resume-1");
  assert.deepEqual(wires[1]?.types, []);
  assert.deepEqual(states, ["connecting", "connected", "connecting", "connected"]);
});

test("an event that is told again after a resume is taken in once", async () => {
  const { session, wires } = stage();
  const told: string[] = [];
  session.on("event", (event) => told.push(event.type));
  await session.connect();
  wires[0]?.request.listener.onEvent(resumable);
  wires[0]?.request.listener.onEvent({ type: "switchboard.tool_started", event_id: "event_2", tool: "book" });
  wires[0]?.request.listener.onClosed(endingOf(1006, ""));
  await settle();
  wires[1]?.request.listener.onEvent({ type: "switchboard.tool_started", event_id: "event_2", tool: "book" });
  assert.equal(told.filter((type) => type === "switchboard.tool_started").length, 1);
});

test("a resume token that is not taken means that the call is over", async () => {
  const refusals: VoiceError[] = [];
  const { session, wires, errors, states } = stage({}, refusals);
  await session.connect();
  wires[0]?.request.listener.onEvent(resumable);
  refusals.push(new VoiceError("call_lost"));
  wires[0]?.request.listener.onClosed(endingOf(1001, "call_ended.drained"));
  await settle();
  assert.deepEqual(errors, ["call_lost"]);
  assert.equal(states.at(-1), "error");
});

test("without a resume token no second call is begun behind the caller's back", async () => {
  const { session, wires, errors, asked } = stage();
  await session.connect();
  wires[0]?.request.listener.onClosed(endingOf(1006, ""));
  await settle();
  assert.equal(wires.length, 1);
  assert.equal(asked.credentials, 1);
  assert.deepEqual(errors, ["call_lost"]);
});

test("a call that the agent ended is disconnected and no error", async () => {
  const { session, wires, errors, states } = stage();
  await session.connect();
  wires[0]?.request.listener.onClosed(endingOf(1000, "call_ended.agent_ended"));
  await settle();
  assert.equal(states.at(-1), "disconnected");
  assert.deepEqual(errors, []);
});

test("typed words silence the agent here at once, cancel its reply and say what was heard", async () => {
  const { session, wires } = stage();
  await session.connect();
  const [wire] = wires;
  wire!.sent.length = 0;
  wire!.request.listener.onEvent({ type: "response.created", event_id: "e" });
  session.say("Stop");
  assert.equal(wire!.silenced, 1);
  assert.deepEqual(wire!.types, ["response.cancel", "conversation.item.truncate", "conversation.item.create", "response.create"]);
  assert.equal(wire!.sent[1]?.audio_end_ms, 700);
});

test("a question before a write is told, answered once, and gone when the server says so", async () => {
  const { session, wires } = stage();
  const questions: unknown[] = [];
  session.on("confirmation", (confirmation) => questions.push(confirmation?.tool ?? null));
  await session.connect();
  const [wire] = wires;
  wire!.sent.length = 0;
  session.confirm(true);
  assert.deepEqual(wire!.types, [], "there is no question to answer");
  wire!.request.listener.onEvent({ type: "switchboard.confirmation_asked", event_id: "a", tool: "book_appointment" });
  session.confirm(false);
  assert.deepEqual(wire!.types, ["conversation.item.create"]);
  wire!.request.listener.onEvent({ type: "switchboard.confirmation_answered", event_id: "b", tool: "book_appointment", agreed: false });
  assert.deepEqual(questions, ["book_appointment", null]);
});
