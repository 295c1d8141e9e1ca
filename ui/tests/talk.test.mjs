import assert from "node:assert/strict";
import { test } from "node:test";
import { demoLogin, launch, picture, signIn, Watch } from "./support/browser.mjs";
import { giveMicrophone, say } from "./support/microphone.mjs";
import { speech } from "./support/speech.mjs";
import { Talk } from "./support/talk.mjs";

const url = process.env.SWITCHBOARD_UI_URL;
const TENANT = "medspa";

for (const transport of ["websocket", "webrtc"]) {
  test(`over ${transport} a voice in the browser's microphone interrupts the agent and is understood`, async () => {
    // Long before the greeting is over.
    const browser = await launch({ microphone: speech("interrupts", [6, "I would like to book a facial", 60]) });
    try {
      const { page, watch } = await signedIn(browser);
      const talk = await open(page);
      await talk.start(transport);
      await talk.until("the agent is cut", async () => /not heard/.test(await talk.lines.innerText()));
      await talk.hears(/facial/i);
      await picture(page, `talk-interrupted-${transport}`);
      await page.getByRole("button", { name: /^End/ }).click();
      await page.getByText("The talk has ended").waitFor();
      assert.deepEqual(watch.faults, []);
    } finally {
      await browser.close();
    }
  });

  test(`over ${transport} a spoken booking stands under Calls, with words and what was recorded`, async () => {
    const browser = await launch();
    try {
      const { page, watch } = await signedIn(browser, giveMicrophone);
      await record(page);
      const talk = await open(page);
      await talk.start(transport);
      await talk.hears(/help you today/);
      await bookAloud(page, talk);
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

test("one script tag gives a page of somebody else's a button to talk", async () => {
  const browser = await launch();
  try {
    const { page } = await signedIn(browser, giveMicrophone);
    // The page and the token's address stand for the integrator's own server.
    const html = '<!doctype html><title>A shop</title><body><h1>A shop</h1><script src="/widget.js" data-agent="medspa" data-token-url="/voice-token" data-transport="websocket"></script>';
    await page.route("**/a-shop", (route) => route.fulfill({ contentType: "text/html", body: html }));
    await page.route("**/voice-token", async (route) => {
      const answer = await page.context().request.post(`${url}/api/v1/voice/sessions`, {
        data: { agent: TENANT },
        headers: { "x-switchboard-request": "1", origin: url },
      });
      await route.fulfill({ json: await answer.json() });
    });
    await page.goto(`${url}/a-shop`);
    await page.getByRole("button", { name: "Talk to us" }).click();
    await page.getByRole("log", { name: "Transcript" }).getByText(/help you today/).waitFor({ timeout: 60_000 });
    await picture(page, "widget");
    await page.getByRole("button", { name: "End" }).click();
    await page.getByRole("button", { name: "Talk to us" }).waitFor();
  } finally {
    await browser.close();
  }
});

async function signedIn(browser, prepare = async () => {}) {
  const page = await (await browser.newContext({ viewport: { width: 1280, height: 800 } })).newPage();
  await prepare(page);
  const watch = new Watch(page, url);
  await signIn(page, url, await demoLogin(url, TENANT));
  return { page, watch };
}

/** The reference agents record nothing by themselves. */
async function record(page) {
  const answer = await page.context().request.put(`${url}/api/v1/switches`, {
    data: { switch: "recording", value: "on" },
    headers: { "x-switchboard-request": "1", origin: url },
  });
  assert.ok(answer.ok(), await answer.text());
}

async function open(page) {
  await page.getByRole("link", { name: "Talk", exact: true }).click();
  await page.getByRole("button", { name: "Start talking" }).waitFor();
  return new Talk(page);
}

/** What a caller says, by what the agent asks. The recogniser may hear a sentence wrongly and the agent asks again, as
 *  with any caller; so this listens to the question instead of reciting. */
const ANSWERS = [
  [/You are booked/, null],
  [/want me to book|shall I book/i, "yes please"],
  [/your name/i, "my name is Mary Smith"],
  [/did you say/i, "yes please"],
  [/which (day|date)/i, "Tuesday afternoon please"],
  [/which (time|one)|or \d|o'clock| PM/i, "the first one please"],
  [/help you|would you like|service/i, "I would like to book a facial"],
];

const QUESTIONS_MAX = 14;

async function bookAloud(page, talk) {
  for (let asked = 0; asked < QUESTIONS_MAX; asked += 1) {
    const question = await lastOfAgent(page);
    const [, answer] = ANSWERS.find(([pattern]) => pattern.test(question)) ?? [null, "I would like to book a facial"];
    if (answer === null) {
      return;
    }
    await say(page, answer);
    await talk.until("the agent answers", async () => (await lastOfAgent(page)) !== question && /listening/.test(await talk.phase.innerText()));
  }
  assert.fail(`not booked after ${QUESTIONS_MAX} questions:\n${await talk.lines.innerText()}`);
}

async function lastOfAgent(page) {
  const said = page.locator(".talk-line", { has: page.locator(".tone-agent") }).last();
  return said.locator("p").innerText();
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
