// Writes a Brotli and a gzip form beside each file of the folder that gains by it. The server sends what a browser takes.
import { readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { brotliCompressSync, constants, gzipSync } from "node:zlib";

const folder = process.argv.at(-1);
const texts = /\.(html|js|mjs|css|json|svg|webmanifest|txt|wasm)$/;

const filesOf = () =>
  readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath ?? entry.path, entry.name));

for (const path of filesOf()) if (/\.(br|gz)$/.test(path)) rmSync(path);
for (const path of filesOf()) {
  if (!texts.test(path)) continue;
  const plain = readFileSync(path);
  const params = {
    [constants.BROTLI_PARAM_QUALITY]: constants.BROTLI_MAX_QUALITY,
    [constants.BROTLI_PARAM_SIZE_HINT]: plain.length,
  };
  const forms = [
    ["br", brotliCompressSync(plain, { params })],
    ["gz", gzipSync(plain, { level: 9 })],
  ];
  for (const [end, bytes] of forms) {
    if (bytes.length < plain.length) writeFileSync(`${path}.${end}`, bytes);
  }
}
