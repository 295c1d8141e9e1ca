import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { launch, picture, Watch } from "./support/browser.mjs";
import { giveMicrophone } from "./support/microphone.mjs";
import { Model } from "./support/model.mjs";
import { freePort, Server } from "./support/server.mjs";
import { Shop } from "./support/shop.mjs";
import { speech } from "./support/speech.mjs";
import { open, signedIn } from "./support/talk.mjs";

const TENANT = "medspa";
const WISH = "I would like to book a facial";

let server;
let url;
/** Where the page of somebody else is; a server lists the origins it lets in when it starts. */
let shopPort;
before(async () => {
  shopPort = await freePort();
  server = await Server.start({ name: "server-of-talks", settings: { SWITCHBOARD_HTTP__CORS_ORIGINS: `["http://127.0.0.1:${shopPort}"]` } });
  url = server.url;
});
after(() => server.kill());

describe("talking", () => {
  for (const transport of ["websocket", "webrtc"]) {
    test(`over ${transport} a voice in the browser's microphone interrupts the agent and is understood`, async () => {
      // Long before the greeting is over; and again, as a caller does who is not answered.
      const browser = await launch({ microphone: speech("interrupts", [6, WISH, 16, WISH, 16, WISH, 16, WISH, 60]) });
      try {
        const { page, watch } = await signedIn(browser, url);
        const talk = await open(page);
        await talk.holds(transport, async () => {
          await talk.until("the agent is cut", async () => /not heard/.test(await talk.lines.innerText()));
          await talk.hears(/facial/i, 100_000);
        });
        await picture(page, `talk-interrupted-${transport}`);
        await page.getByRole("button", { name: /^End/ }).click();
        await page.getByText("The talk has ended").waitFor();
        assert.deepEqual(watch.faults, []);
      } finally {
        await browser.close();
      }
    });
  }

  test("a write waits for an answer in a dialog that takes no focus, and the tool's arguments and result are shown", async () => {
    // The offline agent asks in its own words; a model of a provider is held back by the server's question.
    const model = await Model.start();
    const asking = await Server.start({ hasHistory: false, name: "server-with-model", settings: model.settings });
    const browser = await launch();
    try {
      const { page, watch } = await signedIn(browser, asking.url, giveMicrophone);
      const talk = await open(page);
      await talk.start("websocket");
      await talk.until("the agent is there", () => talk.isListening());
      const field = page.getByLabel("Type instead of speaking");
      const confirm = page.getByRole("group", { name: /^Question before/ });
      const wish = async (words) => {
        await field.fill(words);
        await field.press("Enter");
        await confirm.waitFor({ timeout: 60_000 });
        await talk.until("the question was heard", () => talk.isListening());
      };
      await wish("please book a facial");
      assert.ok(await field.evaluate((element) => element === document.activeElement), "the field keeps the focus");
      await page.getByText("book_appointment waits for your answer").waitFor();
      await picture(page, "talk-confirmation");
      await page.getByRole("button", { name: "Don't" }).click();
      await confirm.waitFor({ state: "hidden" });
      await wish("please book a facial after all");
      await page.getByRole("button", { name: "Yes, do it" }).click();
      const written = page.locator(".talk-tool", { hasText: "answered" }).last();
      await talk.until("the tool has answered", () => written.isVisible(), 30_000);
      await written.locator("summary").click();
      await written.getByText("Ama Osei").first().waitFor();
      await page.getByText(/\$\d+\.\d+ of \$\d/).waitFor();
      await picture(page, "talk-tools");
      await page.getByRole("button", { name: /^End/ }).click();
      await page.getByText("The talk has ended").waitFor();
      assert.deepEqual(watch.faults, []);
    } finally {
      await browser.close();
      await asking.kill();
      model.stop();
    }
  });

  test("one script tag gives a page of somebody else's a button to talk", async () => {
    const shop = await Shop.open({ port: shopPort, switchboard: url, key: server.newKey(TENANT), agent: TENANT });
    const browser = await launch();
    try {
      const page = await (await browser.newContext({ viewport: { width: 1280, height: 800 } })).newPage();
      await giveMicrophone(page);
      const watch = new Watch(page, url, shop.url);
      await page.goto(shop.url);
      await page.getByRole("button", { name: "Talk to us" }).click();
      await page.getByRole("log", { name: "Transcript" }).getByText(/help you today/).waitFor({ timeout: 60_000 });
      await picture(page, "widget");
      await page.getByRole("button", { name: "End" }).click();
      await page.getByRole("button", { name: "Talk to us" }).waitFor();
      assert.deepEqual(watch.faults, []);
    } finally {
      await browser.close();
      shop.close();
    }
  });
});
