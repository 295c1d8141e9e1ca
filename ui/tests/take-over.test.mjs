import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { demoLogin, launch, picture, signIn } from "./support/browser.mjs";
import { giveMicrophone, say } from "./support/microphone.mjs";
import { Server } from "./support/server.mjs";
import { open, signedIn } from "./support/talk.mjs";

const TENANT = "medspa";

let server;
let browser;
before(async () => {
  server = await Server.start({ hasHistory: false, name: "server-of-staff" });
  browser = await launch();
});
after(async () => {
  await browser.close();
  await server.kill();
});

test("staff takes a call over with a microphone, talks with the caller, and gives it back to the agent", async () => {
  const { page: caller } = await signedIn(browser, server.url, giveMicrophone);
  const talk = await open(caller);
  await talk.start("websocket");
  await talk.hears(/Thank you for calling/);

  const staff = await (await browser.newContext({ viewport: { width: 1280, height: 800 } })).newPage();
  await giveMicrophone(staff);
  await signIn(staff, server.url, await demoLogin(server.url, TENANT));
  await staff.goto(`${server.url}/t/${TENANT}/live`);
  await staff.locator(".live-table tbody a").first().click();
  await staff.getByRole("button", { name: "Take over" }).click();
  const taken = staff.getByRole("region", { name: "You have this call" });
  await taken.getByText("You are talking with the caller.").waitFor();
  await staff.locator(".live-state").getByText("with staff").waitFor();
  assert.equal(await staff.getByRole("button", { name: "Listen" }).count(), 0, "who talks need not listen");

  // The staff member hears the caller, and nobody else answers what the caller says.
  const lines = await caller.locator(".talk-line", { has: caller.locator(".tone-agent") }).count();
  const hears = taken.getByText("caller speaks").waitFor();
  await say(caller, "I would like to book a facial");
  await hears;
  await picture(staff, "live-taken-over");
  await say(staff, "hello this is the reception");
  assert.equal(await caller.locator(".talk-line", { has: caller.locator(".tone-agent") }).count(), lines, `the agent is silent:\n${await talk.lines.innerText()}`);

  await taken.getByRole("button", { name: "Give back to the agent" }).click();
  await staff.getByText("You gave the call back. The agent goes on.").waitFor();
  await picture(staff, "live-given-back");
  const before = await talk.lines.innerText();
  await say(caller, "I would like to book a facial");
  await talk.until("the agent answers again", async () => (await talk.lines.innerText()) !== before && (await talk.isListening()));
  await caller.getByRole("button", { name: /^End/ }).click();
});
