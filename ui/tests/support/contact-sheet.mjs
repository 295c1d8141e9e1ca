// All pictures of a run on one sheet, so that somebody looks at them.
import { readdirSync, readFileSync } from "node:fs";
import { launch } from "./browser.mjs";
import { artifacts } from "./places.mjs";

const WIDTH = 2_400;

export async function contactSheet() {
  const names = readdirSync(`${artifacts}/pictures`).filter((name) => name.endsWith(".png")).sort();
  if (names.length === 0) {
    return;
  }
  const figures = names.map((name) => {
    const bytes = readFileSync(`${artifacts}/pictures/${name}`).toString("base64");
    return `<figure><img src="data:image/png;base64,${bytes}"><figcaption>${name.replace(".png", "")}</figcaption></figure>`;
  });
  const style = "body{margin:16px;background:#ccc;font:14px sans-serif;display:flex;flex-wrap:wrap;gap:12px}figure{margin:0}img{height:420px;display:block}";
  const browser = await launch();
  const page = await browser.newPage({ viewport: { width: WIDTH, height: 900 } });
  await page.setContent(`<style>${style}</style>${figures.join("")}`);
  await page.screenshot({ path: `${artifacts}/contact-sheet.png`, fullPage: true });
  await browser.close();
}
