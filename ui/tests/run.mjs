// Runs the pages in a real browser against the real server, and lays all pictures on one sheet.
//   node tests/run.mjs            all of it
//   node tests/run.mjs talk       the files whose name has `talk` in it
//   node tests/run.mjs talk tag   of those the tests whose name fits
//   node tests/run.mjs --bounded  what every change runs: one booking by voice, pages in two of the four looks
import { spawn } from "node:child_process";
import { mkdirSync, rmSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { contactSheet } from "./support/contact-sheet.mjs";
import { artifacts } from "./support/places.mjs";

const here = fileURLToPath(new URL(".", import.meta.url));
const isBounded = process.argv.includes("--bounded");
const [wanted = "", named = ""] = process.argv.slice(2).filter((word) => !word.startsWith("--"));
rmSync(`${artifacts}/pictures`, { recursive: true, force: true });
mkdirSync(`${artifacts}/pictures`, { recursive: true });

// Each file has a server of its own, and two run side by side: most of their time is speech, which takes what it takes. The
// pages come last, because looking them over is work for the machine.
const files = ["booking", "failures", "talk", "take-over", "pages"].map((name) => `${name}.test.mjs`).filter((name) => name.includes(wanted));
const tests = spawn(process.execPath, ["--test", "--test-reporter=spec", "--test-concurrency=2", ...(named ? [`--test-name-pattern=${named}`] : []), ...files.map((name) => here + name)], {
  stdio: "inherit",
  env: { ...process.env, ...(isBounded ? { SWITCHBOARD_UI_BOUNDED: "1" } : {}) },
});
// Whoever stops this stops the tests.
process.once("SIGTERM", () => tests.kill());
const code = await new Promise((done) => tests.once("exit", done));
await contactSheet();
console.log(`pictures: ${artifacts}/contact-sheet.png`);
process.exit(code ?? 1);
