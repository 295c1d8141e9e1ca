import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { demoLogin, launch, picture, signIn } from "./support/browser.mjs";
import { giveMicrophone } from "./support/microphone.mjs";
import { Server } from "./support/server.mjs";
import { Talk } from "./support/talk.mjs";

const TENANT = "medspa";
/** A server of this file's own: it is killed in the middle of calls. */
let server;

before(async () => {
  server = await Server.start({ hasHistory: false, name: "server-that-fails" });
});
after(() => server.kill());

async function talkPage(browser, prepare = async () => {}) {
  const context = await browser.newContext({ viewport: { width: 1280, height: 800 } });
  const page = await context.newPage();
  await prepare(page);
  await signIn(page, server.url, await demoLogin(server.url, TENANT));
  await page.getByRole("link", { name: "Talk", exact: true }).click();
  await page.getByRole("button", { name: "Start talking" }).waitFor();
  return { context, page, talk: new Talk(page) };
}

test("a refused microphone is told with the browser's own steps, and no call is made", async () => {
  const browser = await launch({ isRefused: true });
  try {
    const { page, talk } = await talkPage(browser);
    await talk.start("websocket");
    await page.getByRole("alert").getByText("The microphone was refused").waitFor();
    await page.getByText("click the icon left of the address").waitFor();
    await picture(page, "talk-microphone-refused");
    await page.getByRole("link", { name: "Calls", exact: true }).click();
    await page.getByText("No calls yet.").waitFor();
  } finally {
    await browser.close();
  }
});

test("a network that is cut for 5 s brings the caller back into the same call", async () => {
  const browser = await launch();
  try {
    const { page, talk } = await talkPage(browser, async (page) => {
      await giveMicrophone(page);
      await cuttable(page);
    });
    await talk.start("websocket");
    await talk.hears(/Thank you for calling/);
    await page.evaluate(() => window.cutNetwork());
    await page.getByText("Your call goes on; coming back").waitFor();
    await picture(page, "talk-network-cut");
    await page.waitForTimeout(5_000);
    await page.evaluate(() => window.mendNetwork());
    await talk.until("the call goes on", async () => talk.isListening(), 40_000);
    // The same call: what was said before is still there, and the agent does not greet again.
    const greetings = (await talk.lines.innerText()).match(/Thank you for calling/g) ?? [];
    assert.equal(greetings.length, 1);
    await page.getByRole("button", { name: /^End/ }).click();
    await page.getByRole("link", { name: "Calls", exact: true }).click();
    await page.locator("tr[data-call]").first().waitFor();
    assert.equal(await page.locator("tr[data-call]").count(), 1);
  } finally {
    await browser.close();
  }
});

test("a server that dies in the middle of a call ends it with the truth, and the page works when it is back", async () => {
  const browser = await launch();
  try {
    const { page, talk } = await talkPage(browser, giveMicrophone);
    await talk.start("websocket");
    await talk.until("the agent speaks", async () => /Thank you for calling/.test(await talk.lines.innerText()));
    await server.kill();
    await page.getByText("Your call goes on; coming back").waitFor();
    await server.run();
    await page.getByRole("alert").getByText("The connection was lost and the talk is over").waitFor({ timeout: 60_000 });
    await picture(page, "talk-server-restarted");
    await page.getByRole("button", { name: "Talk again" }).click();
    await talk.until("a new talk begins", async () => /speaking|listening/.test(await talk.phase.innerText().catch(() => "")));
    await page.getByRole("button", { name: /^End/ }).click();
  } finally {
    await browser.close();
  }
});

/** WebSockets of the page break and cannot be opened while the network is cut: as with a cable, no close frame is seen. */
async function cuttable(page) {
  await page.addInitScript(() => {
    const Real = window.WebSocket;
    const open = new Set();
    let isCut = false;
    window.WebSocket = class extends Real {
      constructor(address, protocols) {
        // An address of our own that is no socket: the policy of the pages lets them ask nobody else.
        super(isCut ? new URL("/no-such-socket", address) : address, protocols);
        open.add(this);
        this.addEventListener("close", () => open.delete(this));
      }
    };
    window.cutNetwork = () => {
      isCut = true;
      for (const socket of open) {
        // What a dead network looks like to a page: the connection is gone, code 1006.
        const told = new CloseEvent("close", { code: 1006, reason: "", wasClean: false });
        const close = socket.onclose;
        socket.onclose = null;
        socket.onmessage = null;
        // Nothing leaves any more, not even a goodbye: the server hears silence.
        socket.send = () => {};
        socket.close = () => {};
        close?.call(socket, told);
      }
    };
    window.mendNetwork = () => {
      isCut = false;
    };
  });
}
