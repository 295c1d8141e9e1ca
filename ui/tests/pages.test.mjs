import assert from "node:assert/strict";
import { createHmac } from "node:crypto";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { after, before, test } from "node:test";
import { demoLogin, launch, picture, signIn, Watch } from "./support/browser.mjs";
import { isBounded } from "./support/places.mjs";
import { Server } from "./support/server.mjs";

const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"];
const TENANT = "medspa";

let server;
let url;
let browser;
before(async () => {
  server = await Server.start({ name: "server-of-pages" });
  url = server.url;
  browser = await launch();
});
after(async () => {
  await browser.close();
  await server.kill();
});

async function newPage(options = {}) {
  const context = await browser.newContext({ viewport: { width: 1280, height: 800 }, ...options });
  const page = await context.newPage();
  page.setDefaultTimeout(10_000);
  return { page, watch: new Watch(page, url) };
}

/** The address of a page, and what is there when it is read. */
const PAGES = [
  { name: "sign-in", path: "/sign-in", ready: (page) => page.getByRole("button", { name: "Sign in" }), isOpen: true },
  { name: "home", path: `/t/${TENANT}/`, ready: (page) => page.locator(".home-table") },
  { name: "invitation", path: "/invitation#token=abc", ready: (page) => page.getByRole("button", { name: "Accept and sign in" }), isOpen: true },
  { name: "calls", path: `/t/${TENANT}/calls`, ready: (page) => page.locator("tr[data-call]").first() },
  { name: "calls-panel", path: `/t/${TENANT}/calls`, ready: (page) => page.locator("tr[data-call]").first(), act: openPanel },
  { name: "calls-filtered", path: `/t/${TENANT}/calls?q=zzzzz`, ready: (page) => page.getByText("No calls match.") },
  { name: "call", path: `/t/${TENANT}/calls`, ready: (page) => page.locator("tr[data-call]").first(), act: openCall },
  { name: "call-latency", path: `/t/${TENANT}/calls`, ready: (page) => page.locator("tr[data-call]").first(), act: (page) => openTab(page, "Latency") },
  { name: "call-tools", path: `/t/${TENANT}/calls`, ready: (page) => page.locator("tr[data-call]").first(), act: (page) => openTab(page, /^Tools/) },
  { name: "call-events", path: `/t/${TENANT}/calls`, ready: (page) => page.locator("tr[data-call]").first(), act: (page) => openTab(page, /^Events/) },
  { name: "call-cost", path: `/t/${TENANT}/calls`, ready: (page) => page.locator("tr[data-call]").first(), act: (page) => openTab(page, "Cost") },
  { name: "call-checks", path: `/t/${TENANT}/calls`, ready: (page) => page.locator("tr[data-call]").first(), act: (page) => openTab(page, "Checks") },
  { name: "talk", path: `/t/${TENANT}/talk`, ready: (page) => page.getByRole("button", { name: "Start talking" }) },
  { name: "live", path: `/t/${TENANT}/live`, ready: (page) => page.getByText("Nobody is on a call.") },
  { name: "costs", path: `/t/${TENANT}/costs`, ready: (page) => page.locator(".budget-list") },
  { name: "costs-by-user", path: `/t/${TENANT}/costs?by=user&days=90`, ready: (page) => page.locator(".cost-table") },
  { name: "costs-edit", path: `/t/${TENANT}/costs`, ready: (page) => page.locator(".budget-list"), act: (page) => page.getByRole("button", { name: "Change budgets" }).click() },
  { name: "voice-health", path: `/t/${TENANT}/voice-health?window=7d`, ready: (page) => page.locator(".health-cards") },
  { name: "ops-voice-health", path: "/ops/voice-health?window=7d", ready: (page) => page.locator(".health-cards") },
  { name: "second-factor", path: `/t/${TENANT}/second-factor`, ready: (page) => page.getByRole("heading", { name: "Second factor" }) },
  { name: "not-here", path: `/t/${TENANT}/nowhere`, ready: (page) => page.getByText("There is no page at this address.") },
];

async function openPanel(page) {
  await page.locator("tr[data-call] a").first().click();
  await page.getByRole("complementary", { name: "Call" }).getByText("Open the call").waitFor();
}

async function openCall(page) {
  const link = await page.locator("tr[data-call] a").first().getAttribute("href");
  await page.goto(url + link);
  await page.getByRole("tab", { name: "Conversation" }).waitFor();
  await page.locator(".conversation, .state-box").first().waitFor();
}

async function openTab(page, name) {
  await openCall(page);
  await page.getByRole("tab", { name }).click();
  await page.getByRole("tabpanel").locator("> *").first().waitFor();
}

for (const colorScheme of ["light", "dark"]) {
  for (const width of [1280, 390]) {
    if (isBounded && (colorScheme === "light") !== (width === 1280)) {
      continue;
    }
    test(`every page in ${colorScheme} at ${width} px is free of what axe finds, and fits`, async () => {
      const { page, watch } = await newPage({ colorScheme, viewport: { width, height: width < 500 ? 844 : 800 }, hasTouch: width < 500 });
      const findings = [];
      await signIn(page, url, await demoLogin(url, TENANT));
      const cookies = await page.context().cookies();
      for (const { name, path, ready, act, isOpen } of PAGES) {
        // A page that is still open would ask on without its login.
        await page.goto("about:blank");
        await (isOpen ? page.context().clearCookies() : page.context().addCookies(cookies));
        await page.goto(url + path);
        await ready(page).waitFor();
        await act?.(page);
        await picture(page, `${name}-${width}-${colorScheme}`);
        findings.push(...(await axeFindings(page, name)), ...(await overflow(page, name)));
      }
      assert.deepEqual(findings, []);
      assert.deepEqual(watch.faults.filter((fault) => !isExpected(fault)), []);
    });
  }
}

/** The sign-in page asks who is there, and nobody is: the browser logs that answer as an error. */
function isExpected(fault) {
  return /status of 401/.test(fault);
}

async function axeFindings(page, name) {
  await page.evaluate(axe);
  const { violations } = await page.evaluate((tags) => window.axe.run(document, { runOnly: tags }), TAGS);
  return violations.flatMap(({ id, nodes }) => nodes.map((node) => `${name}: ${id} at ${node.target.join(" ")}: ${node.failureSummary.split("\n").at(-1).trim()}`));
}

async function overflow(page, name) {
  const { wide, seen } = await page.evaluate(() => ({ wide: document.documentElement.scrollWidth, seen: document.documentElement.clientWidth }));
  return wide > seen + 1 ? [`${name}: ${wide} px wide in ${seen} px`] : [];
}

test("W1 the policy of the pages allows no inline script and no inline style, and nothing trips over it", async () => {
  const answer = await fetch(`${url}/sign-in`, { headers: { accept: "text/html" } });
  const policy = answer.headers.get("content-security-policy") ?? "";
  assert.match(policy, /script-src 'self'/);
  assert.doesNotMatch(policy, /unsafe/);
  const { page, watch } = await newPage();
  await signIn(page, url, await demoLogin(url, TENANT));
  await page.keyboard.press("Control+k");
  await page.getByRole("dialog").waitFor();
  await page.keyboard.press("Escape");
  await page.getByRole("dialog").waitFor({ state: "hidden" });
  assert.deepEqual(watch.faults.filter((fault) => !isExpected(fault)), []);
});

test("pages are reached by keys alone, and letters typed in a field stay there", async () => {
  const { page } = await newPage();
  await signIn(page, url, await demoLogin(url, TENANT));
  await page.keyboard.press("g");
  await page.keyboard.press("t");
  await page.getByRole("heading", { name: "Talk", level: 1 }).waitFor();
  await page.keyboard.press("Control+k");
  await page.getByRole("combobox", { name: "Find or do" }).fill("calls");
  await page.keyboard.press("Enter");
  await page.getByRole("heading", { name: "Calls", level: 1 }).waitFor();
  await page.keyboard.press("/");
  await page.keyboard.type("gt");
  assert.equal(await page.getByRole("searchbox").inputValue(), "gt");
  await page.getByRole("heading", { name: "Calls", level: 1 }).waitFor();
  await page.keyboard.press("Escape");
  await page.getByRole("heading", { name: "Calls", level: 1 }).click();
  await page.keyboard.press("?");
  await page.getByRole("dialog", { name: "Keys of this page" }).getByText("Next call").waitFor();
});

test("going back from a call brings back the filter of the list", async () => {
  const { page } = await newPage();
  await signIn(page, url, await demoLogin(url, TENANT));
  await page.getByRole("link", { name: "Calls", exact: true }).click();
  await page.getByLabel("Agent").selectOption(TENANT);
  await page.waitForURL(/agent=medspa/);
  await page.locator("tr[data-call]").first().waitFor();
  await page.locator("tr[data-call] a").first().click();
  await page.getByRole("link", { name: /^Open the call/ }).click();
  await page.getByRole("tab", { name: "Conversation" }).waitFor();
  await page.goBack();
  await page.getByRole("button", { name: /Remove Agent/ }).waitFor();
  assert.match(page.url(), /agent=medspa/);
});

test("a view of the calls is saved under a name, opened and forgotten", async () => {
  const { page } = await newPage();
  await signIn(page, url, await demoLogin(url, TENANT));
  await page.goto(`${url}/t/${TENANT}/calls?class=upstream&sort=-cost`);
  await page.getByRole("button", { name: "Save this view" }).click();
  await page.getByLabel("Name").fill("Not our doing");
  await page.getByRole("button", { name: "Save", exact: true }).click();
  await page.goto(`${url}/t/${TENANT}/calls`);
  await page.getByRole("button", { name: "Not our doing", exact: true }).click();
  await page.waitForURL(/class=upstream/);
  assert.match(page.url(), /sort=-cost/);
  await page.getByRole("button", { name: "Forget “Not our doing”" }).click();
  await page.getByRole("button", { name: "Save this view" }).waitFor();
});

test("T4 a second factor is set up, asked for at sign-in, and turned off with its code", async () => {
  const { page } = await newPage();
  const login = await demoLogin(url, "roofing");
  await signIn(page, url, login);
  await page.goto(`${url}/t/roofing/second-factor`);
  await page.getByRole("button", { name: "Set up an authenticator" }).click();
  await page.getByRole("img", { name: "QR code for your authenticator" }).waitFor();
  const secret = await page.locator(".second-factor code").innerText();
  const recovery = (await page.locator(".recovery-codes li").first().innerText()).trim();
  await picture(page, "second-factor-set-up");
  await page.getByLabel("The code shown now").fill(codeOf(secret));
  await page.getByRole("button", { name: "Switch it on" }).click();
  await page.getByText("you are asked for a code of your authenticator").waitFor();
  await page.getByRole("button", { name: "Turn it off" }).click();
  const dialog = page.getByRole("dialog", { name: "Turn the second factor off" });
  await dialog.getByLabel("The code your authenticator shows now").fill(recovery);
  await picture(page, "second-factor-turn-off");
  await dialog.getByRole("button", { name: "Turn it off" }).click();
  await page.getByRole("heading", { name: "Sign in to Switchboard" }).waitFor();
  await page.getByLabel("E-mail").fill(login.email);
  await page.locator('input[name="password"]').fill(login.password);
  await page.getByRole("button", { name: "Sign in" }).click();
  await page.getByRole("button", { name: "Set up an authenticator" }).waitFor();
});

/** What an authenticator shows: RFC 6238 over the secret as it is shown. */
function codeOf(secret) {
  const bits = [...secret.replaceAll(/\s/g, "")].map((letter) => "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567".indexOf(letter).toString(2).padStart(5, "0")).join("");
  const key = Buffer.from(bits.match(/.{8}/g).map((byte) => Number.parseInt(byte, 2)));
  const step = Buffer.alloc(8);
  step.writeBigUInt64BE(BigInt(Math.floor(Date.now() / 30_000)));
  const tag = createHmac("sha1", key).update(step).digest();
  const four = tag.readUInt32BE(tag[19] & 15) & 0x7fffffff;
  return String(four % 1_000_000).padStart(6, "0");
}

test("a wrong password and a foreign address after sign-in lead nowhere", async () => {
  const { page } = await newPage();
  const login = await demoLogin(url, TENANT);
  await page.goto(`${url}/sign-in?next=//elsewhere.example/`);
  await page.getByLabel("E-mail").fill(login.email);
  await page.locator('input[name="password"]').fill("wrong password");
  await page.getByRole("button", { name: "Sign in" }).click();
  await page.getByRole("alert").getByText("do not fit together").waitFor();
  await page.locator('input[name="password"]').fill(login.password);
  await page.getByRole("button", { name: "Sign in" }).click();
  await page.getByRole("heading", { name: "Home", level: 1 }).waitFor();
  assert.equal(new URL(page.url()).origin, url);
});
