// Speech for the microphone: WAV files made by espeak-ng, with silence around what is said.
import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { artifacts } from "./places.mjs";

const folder = `${artifacts}/speech`;

/** 16-bit mono samples and their rate. */
function read(wav) {
  let at = 12;
  let rate = 22_050;
  while (at + 8 <= wav.length) {
    const name = wav.toString("latin1", at, at + 4);
    const length = Math.min(wav.readUInt32LE(at + 4), wav.length - at - 8);
    if (name === "fmt ") {
      rate = wav.readUInt32LE(at + 12);
    } else if (name === "data") {
      return { rate, samples: wav.subarray(at + 8, at + 8 + length - (length % 2)) };
    }
    at += 8 + length + (length % 2);
  }
  throw new Error("espeak-ng wrote no sound");
}

function write(path, rate, samples) {
  const head = Buffer.alloc(44);
  head.write("RIFF", 0, "latin1");
  head.writeUInt32LE(36 + samples.length, 4);
  head.write("WAVEfmt ", 8, "latin1");
  head.writeUInt32LE(16, 16);
  head.writeUInt16LE(1, 20);
  head.writeUInt16LE(1, 22);
  head.writeUInt32LE(rate, 24);
  head.writeUInt32LE(rate * 2, 28);
  head.writeUInt16LE(2, 32);
  head.writeUInt16LE(16, 34);
  head.write("data", 36, "latin1");
  head.writeUInt32LE(samples.length, 40);
  writeFileSync(path, Buffer.concat([head, samples]));
}

/** A WAV of `parts`: texts to say, and numbers that are seconds of silence. */
export function speech(name, parts) {
  mkdirSync(folder, { recursive: true });
  const path = `${folder}/${name}.wav`;
  if (existsSync(path)) {
    return path;
  }
  let rate = 22_050;
  const pieces = parts.map((part) => {
    if (typeof part === "number") {
      return Buffer.alloc(Math.round(part * 22_050) * 2);
    }
    const wav = execFileSync("espeak-ng", ["-v", "en-us", "-s", "150", "--stdout", part], { maxBuffer: 64 << 20 });
    const said = read(wav);
    rate = said.rate;
    return said.samples;
  });
  write(path, rate, Buffer.concat(pieces));
  return path;
}

/** The same as base64, for a page that plays it into its own microphone. */
export function speechBase64(name, parts) {
  return readFileSync(speech(name, parts)).toString("base64");
}
