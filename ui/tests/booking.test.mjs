import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { launch, picture } from "./support/browser.mjs";
import { giveMicrophone, say } from "./support/microphone.mjs";
import { isBounded } from "./support/places.mjs";
import { books } from "./support/booking.mjs";
import { Server } from "./support/server.mjs";
import { open, signedIn } from "./support/talk.mjs";

/** Both at once: speech takes its time, and nearly nothing else. */
const TALKS_AT_ONCE = 2;

let server;
let url;
before(async () => {
  server = await Server.start({ name: "server-of-bookings" });
  url = server.url;
});
after(() => server.kill());

describe("booking by voice", { concurrency: TALKS_AT_ONCE }, () => {
  for (const transport of isBounded ? ["webrtc"] : ["websocket", "webrtc"]) {
    test(`over ${transport} a spoken booking stands under Calls, with words and what was recorded`, async () => {
      const browser = await launch();
      try {
        const { page, watch } = await signedIn(browser, url, giveMicrophone);
        await record(page);
        const talk = await open(page);
        await talk.holds(transport, async () => {
          await talk.hears(/Thank you for calling/, 120_000);
          await books(talk, (answer) => say(page, answer));
        });
        await picture(page, `talk-booked-${transport}`);
        await page.getByRole("button", { name: /^End/ }).click();
        await page.getByRole("link", { name: "Open the call" }).click();
        await hasTheCall(page, transport);
        await picture(page, `call-of-the-talk-${transport}`);
        assert.deepEqual(watch.faults, []);
      } finally {
        await browser.close();
      }
    });
  }
});

/** The reference agents record nothing by themselves. */
async function record(page) {
  const answer = await page.context().request.put(`${url}/api/v1/switches`, {
    data: { switch: "recording", value: "on" },
    headers: { "x-switchboard-request": "1", origin: url },
  });
  assert.ok(answer.ok(), await answer.text());
}

async function hasTheCall(page, transport) {
  await page.getByRole("heading", { level: 1 }).waitFor();
  const words = page.locator(".conversation");
  await words.getByText(/You are booked/).waitFor();
  await page.getByText(/booked/).first().waitFor();
  await page.getByRole("tab", { name: /^Tools/ }).click();
  await page.getByText("book_appointment").waitFor();
  await page.getByRole("tab", { name: "Conversation" }).click();
  if (transport === "webrtc") {
    await hearsTheRecording(page);
  } else {
    // A client of the WebSocket has the sound itself; we keep none of it.
    await page.getByText("This call was not recorded").waitFor();
  }
}

/** The recording is stored a moment after the end; then it plays, and the clock goes on. */
async function hearsTheRecording(page) {
  const play = page.getByRole("button", { name: "Play", exact: true });
  for (let tries = 0; tries < 30 && !(await play.isVisible()); tries += 1) {
    await page.waitForTimeout(1_000);
    await page.reload();
    await page.getByRole("heading", { level: 1 }).waitFor();
    await page.locator(".conversation").waitFor();
  }
  await play.click();
  await page.waitForFunction(() => !/^00:0[01] /.test(document.querySelector(".player-time")?.textContent ?? "00:00 "), null, { timeout: 20_000 });
  await page.getByRole("button", { name: "Pause" }).click();
}
