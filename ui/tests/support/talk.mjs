import { demoLogin, signIn, Watch } from "./browser.mjs";

/** A machine with far too much to do lets an offline agent down, which then gives the caller up: so often a caller calls again. */
const CALLS_MAX = 3;

/** The Talk page as a person sees it. */
export class Talk {
  constructor(page) {
    this.page = page;
    this.lines = page.getByRole("region", { name: "What is being said" });
    this.phase = page.locator(".talk-bar .phase");
  }

  async start(transport) {
    await this.page.getByLabel("Connection").selectOption(transport);
    await this.page.getByRole("button", { name: /^(Start talking|Talk again)$/ }).click();
  }

  /** A talk in which `goes` goes well; one whose model failed is followed by another. */
  async holds(transport, goes) {
    for (let call = 1; ; call += 1) {
      await this.start(transport);
      try {
        return await goes();
      } catch (cause) {
        if (call === CALLS_MAX || !(await this.page.getByText("The model failed").isVisible())) {
          throw cause;
        }
      }
    }
  }

  /** Waits until the agent has said something that fits and has stopped. Says what all was said where it does not come. */
  async hears(words, bound_ms = 60_000) {
    await this.until(`the agent says ${words}`, async () => {
      const said = await this.lines.innerText();
      return words.test(said) && (await this.isListening());
    }, bound_ms);
  }

  async isListening() {
    return (await this.phase.isVisible()) && /listening/.test(await this.phase.innerText());
  }

  async until(what, holds, bound_ms = 60_000) {
    const until = Date.now() + bound_ms;
    while (!(await holds())) {
      const isOver = await this.page.getByText("The talk has ended").isVisible();
      if (Date.now() > until || (isOver && !(await holds()))) {
        throw new Error(`${isOver ? "the talk ended" : `not within ${bound_ms} ms`}: ${what}. On the page:\n${await this.page.locator("main").innerText()}`);
      }
      await this.page.waitForTimeout(100);
    }
  }
}

export async function signedIn(browser, url, prepare = async () => {}, tenant = "medspa") {
  const page = await (await browser.newContext({ viewport: { width: 1280, height: 800 } })).newPage();
  await prepare(page);
  const watch = new Watch(page, url);
  await signIn(page, url, await demoLogin(url, tenant));
  return { page, watch };
}

export async function open(page) {
  await page.getByRole("link", { name: "Talk", exact: true }).click();
  await page.getByRole("button", { name: "Start talking" }).waitFor();
  return new Talk(page);
}
