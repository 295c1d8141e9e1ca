// Asserts the budgets of the pages: what a browser loads first, and what a page adds. Sizes are gzip.
import { readFileSync, rmSync } from "node:fs";
import { gzipSync } from "node:zlib";

const FIRST_KB_MAX = 250;
const PAGE_KB_MAX = 60;

const manifest = JSON.parse(readFileSync("dist/.vite/manifest.json", "utf8"));
const sizes = new Map();

function size(file) {
  if (!sizes.has(file)) {
    sizes.set(file, gzipSync(readFileSync(`dist/${file}`), { level: 9 }).length);
  }
  return sizes.get(file);
}

/** Every file that `name` needs before it runs. */
function filesOf(name, found = new Set()) {
  const chunk = manifest[name];
  for (const file of [chunk.file, ...(chunk.css ?? [])]) {
    found.add(file);
  }
  for (const other of chunk.imports ?? []) {
    filesOf(other, found);
  }
  return found;
}

const kb = (files) => [...files].reduce((sum, file) => sum + size(file), 0) / 1000;
const first = filesOf("index.html");
const firstKb = kb(first);
const rows = [["first load", firstKb, FIRST_KB_MAX]];
for (const [name, chunk] of Object.entries(manifest)) {
  if (chunk.isDynamicEntry) {
    const added = [...filesOf(name)].filter((file) => !first.has(file));
    rows.push([name.replace("src/pages/", ""), kb(added), PAGE_KB_MAX]);
  }
}
let isOver = false;
for (const [name, size, limit] of rows) {
  const mark = size > limit ? "OVER" : "";
  isOver ||= size > limit;
  console.log(`${size.toFixed(1).padStart(7)} kB of ${limit}  ${name} ${mark}`);
}
rmSync("dist/.vite", { recursive: true });
process.exit(isOver ? 1 : 0);
