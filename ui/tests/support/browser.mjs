// Debian's Chromium with a microphone that plays a file.
import { existsSync, mkdirSync } from "node:fs";
import { chromium } from "playwright-core";
import { artifacts } from "./places.mjs";

const PROGRAM = ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"].find(existsSync);

/** `microphone` is a WAV; `isRefused` lets the browser say no. */
export async function launch({ microphone = null, isRefused = false } = {}) {
  return chromium.launch({
    executablePath: PROGRAM,
    args: [
      "--no-sandbox",
      "--disable-gpu",
      "--autoplay-policy=no-user-gesture-required",
      ...(isRefused ? ["--deny-permission-prompts"] : ["--use-fake-ui-for-media-stream"]),
      "--use-fake-device-for-media-stream",
      ...(microphone ? [`--use-file-for-fake-audio-capture=${microphone}%noloop`] : []),
    ],
  });
}

/** Everything a page must not do: console errors, failed requests, requests elsewhere. */
export class Watch {
  constructor(page, ...origins) {
    this.faults = [];
    page.on("console", (message) => {
      // Who is not signed in yet is told so; browsers count that answer as an error.
      const isQuestion = message.location().url.endsWith("/api/v1/session") && message.text().includes("401");
      if (message.type() === "error" && !isQuestion) {
        this.faults.push(`console: ${message.text()}`);
      }
    });
    page.on("pageerror", (error) => this.faults.push(`error: ${error.message}`));
    page.on("request", (request) => {
      const url = request.url();
      if (!origins.some((origin) => url.startsWith(origin)) && !/^(blob|data):/.test(url)) {
        this.faults.push(`request elsewhere: ${url}`);
      }
    });
  }
}

export async function signIn(page, url, { email, password }) {
  await page.goto(`${url}/sign-in`);
  await page.getByLabel("E-mail").fill(email);
  await page.locator('input[name="password"]').fill(password);
  await page.getByRole("button", { name: "Sign in" }).click();
  await page.getByRole("heading", { name: "Home", level: 1 }).waitFor();
}

/** The demo's login of a business. */
export async function demoLogin(url, tenant) {
  const { demo_logins } = await (await fetch(`${url}/api/v1/first-run`)).json();
  const login = demo_logins.find((login) => login.tenant === tenant);
  if (!login) {
    throw new Error(`the demo has no login of ${tenant}`);
  }
  return login;
}

export async function picture(page, name) {
  mkdirSync(`${artifacts}/pictures`, { recursive: true });
  await page.screenshot({ path: `${artifacts}/pictures/${name}.png`, animations: "disabled" });
}
