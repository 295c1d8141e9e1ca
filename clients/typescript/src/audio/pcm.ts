/** 16-bit little-endian PCM and base64, as the protocol carries it. */

/** Pieces of this size keep the argument list of `fromCharCode` short enough for every browser. */
const PIECE = 0x8000;

export function toBase64(samples: Int16Array): string {
  const bytes = new Uint8Array(samples.buffer, samples.byteOffset, samples.byteLength);
  let binary = "";
  for (let at = 0; at < bytes.length; at += PIECE) {
    binary += String.fromCharCode(...bytes.subarray(at, at + PIECE));
  }
  return btoa(binary);
}

export function fromBase64(base64: string): Int16Array<ArrayBuffer> {
  const binary = atob(base64);
  const bytes = new Uint8Array(binary.length - (binary.length % 2));
  for (let at = 0; at < bytes.length; at += 1) {
    bytes[at] = binary.charCodeAt(at);
  }
  return new Int16Array(bytes.buffer);
}
