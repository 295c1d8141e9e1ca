// A microphone that the test speaks into: sound made by espeak-ng, played into the page's own audio graph. The browser's
// device with a WAV plays by the clock alone; this one speaks when the agent has asked.
import { speechBase64 } from "./speech.mjs";

export async function giveMicrophone(page) {
  await page.addInitScript(() => {
    let context = null;
    let sink = null;
    navigator.mediaDevices.getUserMedia = async () => {
      context = new AudioContext();
      sink = context.createMediaStreamDestination();
      // A microphone is never perfectly silent, and a stream without a source may not be sent at all.
      const room = context.createConstantSource();
      const level = context.createGain();
      level.gain.value = 0.0001;
      room.connect(level).connect(sink);
      room.start();
      await context.resume();
      return sink.stream;
    };
    window.speak = async (base64) => {
      const bytes = Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0));
      const source = context.createBufferSource();
      source.buffer = await context.decodeAudioData(bytes.buffer);
      source.connect(sink);
      const ended = new Promise((done) => {
        source.onended = done;
      });
      source.start();
      await ended;
    };
  });
}

/** Says `words` to the page; resolves when the last sound is in the microphone. */
export async function say(page, words) {
  const name = words.toLowerCase().replaceAll(/[^a-z]+/g, "-");
  await page.evaluate((base64) => window.speak(base64), speechBase64(name, [0.2, words, 0.4]));
}
