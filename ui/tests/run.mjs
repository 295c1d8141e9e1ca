// Runs the pages in a real browser against the real server, and lays all pictures on one sheet.
//   node tests/run.mjs            all of it
//   node tests/run.mjs talk       the files whose name has `talk` in it
import { spawn } from "node:child_process";
import { mkdirSync, readdirSync, rmSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { contactSheet } from "./support/contact-sheet.mjs";
import { artifacts } from "./support/places.mjs";
import { Server } from "./support/server.mjs";

const here = fileURLToPath(new URL(".", import.meta.url));
const wanted = process.argv[2] ?? "";
rmSync(`${artifacts}/pictures`, { recursive: true, force: true });
mkdirSync(`${artifacts}/pictures`, { recursive: true });

const server = await Server.start();
const files = readdirSync(here).filter((name) => name.endsWith(".test.mjs") && name.includes(wanted));
const tests = spawn(process.execPath, ["--test", "--test-reporter=spec", "--test-concurrency=1", ...files.map((name) => here + name)], {
  stdio: "inherit",
  env: { ...process.env, SWITCHBOARD_UI_URL: server.url },
});
const code = await new Promise((done) => tests.once("exit", done));
await server.kill();
await contactSheet();
console.log(`pictures: ${artifacts}/contact-sheet.png`);
process.exit(code ?? 1);
