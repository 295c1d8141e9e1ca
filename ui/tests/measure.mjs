// What the first visit of the dashboard costs: bytes over the wire, and the time until it can be used.
//   node tests/measure.mjs        against a server of its own, in Chromium, with an empty cache
// Figures for docs/benchmarks.md; sizes are asserted by the build, times by nobody, because they belong to a machine.
import { demoLogin, launch, signIn } from "./support/browser.mjs";
import { Server } from "./support/server.mjs";

const ROUNDS = 5;
/** What the browser's own tools call Fast 4G, on a processor four times slower. */
const PHONE = { latency: 165, downloadThroughput: (9 * 1_000_000 * 0.9) / 8, uploadThroughput: (1.5 * 1_000_000 * 0.9) / 8, offline: false };
const PHONE_SLOWER = 4;

const server = await Server.start({ name: "server-of-measures" });
const login = await demoLogin(server.url, "medspa");
const browser = await launch();

/** Loads `path` until `ready` is seen; gives kilobytes over the wire, milliseconds, and the longest task. */
async function visit({ isPhone, path, ready, cookies = [], context = null }) {
  const visited = context ?? (await browser.newContext());
  await visited.addCookies(cookies);
  const page = await visited.newPage();
  const devtools = await visited.newCDPSession(page);
  let bytes = 0;
  devtools.on("Network.loadingFinished", ({ encodedDataLength }) => {
    bytes += encodedDataLength;
  });
  await devtools.send("Network.enable");
  if (isPhone) {
    await devtools.send("Network.emulateNetworkConditions", PHONE);
    await devtools.send("Emulation.setCPUThrottlingRate", { rate: PHONE_SLOWER });
  }
  await page.goto(server.url + path, { waitUntil: "commit" });
  await ready(page).waitFor({ timeout: 60_000 });
  const ms = await page.evaluate(() => performance.now());
  await page.close();
  if (context === null) {
    await visited.close();
  }
  return { kb: bytes / 1000, ms };
}

const middle = (numbers) => [...numbers].sort((one, other) => one - other)[Math.floor(numbers.length / 2)];

async function report(name, options) {
  const visits = [];
  for (let round = 0; round < ROUNDS; round += 1) {
    visits.push(await visit(options));
  }
  console.log(`${name}: ${middle(visits.map(({ kb }) => kb)).toFixed(0)} kB, usable after ${middle(visits.map(({ ms }) => ms)).toFixed(0)} ms (middle of ${ROUNDS})`);
}

const signInReady = (page) => page.getByRole("button", { name: "Sign in" });
const homeReady = (page) => page.locator(".home-table");
const once = await browser.newContext();
await signIn(await once.newPage(), server.url, login);
const cookies = await once.cookies();
await report("sign-in, this machine", { path: "/sign-in", ready: signInReady });
await report("sign-in, phone", { path: "/sign-in", ready: signInReady, isPhone: true });
await report("Home, this machine", { path: "/t/medspa/", ready: homeReady, cookies });
await report("Home, phone", { path: "/t/medspa/", ready: homeReady, cookies, isPhone: true });
await report("Home again, this machine", { path: "/t/medspa/", ready: homeReady, context: once });
await browser.close();
await server.kill();
