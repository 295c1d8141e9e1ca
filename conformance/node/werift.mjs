// werift, a WebRTC stack in TypeScript for Node, calls an agent and prints what it saw as JSON.
//
//   node werift.mjs http://127.0.0.1:8080 KEY AGENT speech.ulaw
//
// The library moves packets and codes nothing, so the talk is in PCMU: the file holds what is said, 8 kHz mu-law.
import { readFileSync } from "node:fs";
import { MediaStreamTrack, RTCPeerConnection, RTCRtpCodecParameters, RtpHeader, RtpPacket } from "werift";

const FRAME_BYTES = 160;
const FRAME_MS = 20;
// Before the sentence, so that its first word is not the first thing the server hears.
const LEAD_FRAMES = 25;
// From the first packet to the end of the answer's sound.
const TALK_MS_MAX = 25_000;
const SILENCE = Buffer.alloc(FRAME_BYTES, 0xff);

const [server, key, agent, file] = process.argv.slice(2);
const speech = readFileSync(file);
const events = [];
const heard = [];

const pcmu = new RTCRtpCodecParameters({ mimeType: "audio/PCMU", clockRate: 8000, channels: 1, payloadType: 0 });
const peer = new RTCPeerConnection({ codecs: { audio: [pcmu], video: [] }, iceServers: [], iceAdditionalHostAddresses: ["127.0.0.1"] });
const voice = new MediaStreamTrack({ kind: "audio" });
peer.addTransceiver(voice, { direction: "sendrecv" });
peer.onTrack.subscribe((track) => {
  track.onReceiveRtp.subscribe((packet) => heard.push(packet.payload));
});
const channel = peer.createDataChannel("oai-events");
channel.onMessage.subscribe((message) => events.push(message.toString()));

await peer.setLocalDescription(await peer.createOffer());
const answer = await fetch(`${server}/v1/realtime/calls?model=${agent}`, {
  method: "POST",
  headers: { authorization: `Bearer ${key}`, "content-type": "application/sdp" },
  body: peer.localDescription.sdp,
});
if (answer.status !== 201) {
  throw new Error(`${answer.status}: ${await answer.text()}`);
}
await peer.setRemoteDescription({ type: "answer", sdp: await answer.text() });
await until("a connection", () => peer.connectionState === "connected");
const talking = talk();
await until("the end of an answer", () => events.some((event) => JSON.parse(event).type === "output_audio_buffer.stopped"));
clearInterval(talking);
await peer.close();
process.stdout.write(JSON.stringify({ events, heard: Buffer.concat(heard).toString("base64"), packets: heard.length }));
process.exit(0);

/** A packet every 20 ms: silence, the sentence, silence. */
function talk() {
  const began = Date.now();
  let sent = 0;
  return setInterval(() => {
    for (; sent * FRAME_MS <= Date.now() - began; sent += 1) {
      const start = (sent - LEAD_FRAMES) * FRAME_BYTES;
      const said = start < 0 ? SILENCE : speech.subarray(start, start + FRAME_BYTES);
      const payload = said.length === FRAME_BYTES ? said : SILENCE;
      const header = new RtpHeader({ payloadType: 0, sequenceNumber: sent & 0xffff, timestamp: sent * FRAME_BYTES, ssrc: 4711, marker: sent === 0 });
      voice.writeRtp(new RtpPacket(header, payload));
    }
  }, FRAME_MS / 2);
}

async function until(what, holds) {
  for (let waited = 0; !holds(); waited += 50) {
    if (waited > TALK_MS_MAX) {
      throw new Error(`waited in vain for ${what}; events: ${events.map((event) => JSON.parse(event).type).slice(-8)}, ${heard.length} packets heard`);
    }
    await new Promise((done) => setTimeout(done, 50));
  }
}
