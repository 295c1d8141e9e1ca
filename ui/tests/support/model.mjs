// A provider's model on this machine, which books as soon as it may: the example `fake_booking_model`.
import { spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { root } from "./places.mjs";

const program = process.env.SWITCHBOARD_FAKE_MODEL ?? `${root}target/debug/examples/fake_booking_model`;
const DAY_MS = 86_400_000;

/** Two in the afternoon (three in summer) of a Tuesday at least a week ahead, where the demo's spa is. */
function tuesday() {
  let day = new Date(Date.now() + 7 * DAY_MS);
  while (day.getUTCDay() !== 2) {
    day = new Date(day.getTime() + DAY_MS);
  }
  return `${day.toISOString().slice(0, 10)}T14:00:00-05:00`;
}

export class Model {
  static async start() {
    const child = spawn(program, [tuesday()], { stdio: ["pipe", "pipe", "inherit"] });
    const failed = new Promise((_, fail) => child.once("error", fail));
    const address = new Promise((done) => createInterface({ input: child.stdout }).once("line", done));
    const model = new Model();
    model.child = child;
    const base = await Promise.race([address, failed]);
    model.settings = { OPENAI_API_KEY: "sk-fake", SWITCHBOARD_OPENAI__BASE_URL: base, SWITCHBOARD_OPENAI__REALTIME_MODEL: "gpt-realtime-2.1" };
    return model;
  }

  /** It runs until its input ends. */
  stop() {
    this.child.stdin.end();
  }
}
