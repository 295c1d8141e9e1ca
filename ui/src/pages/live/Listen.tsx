import { Button } from "@mantine/core";
import { useEffect, useRef, useState } from "react";

/** More than this ahead of the call is skipped: listening is live or it is nothing. */
const AHEAD_S_MAX = 1.5;
const RATE = 24_000;

/** Hears a call without a microphone: the socket sends stereo PCM, caller left and agent right. */
export function Listen({ id }: { id: string }) {
  const [isOn, setOn] = useState(false);
  const [refusal, setRefusal] = useState<string | null>(null);
  const stop = useRef<() => void>(() => {});
  useEffect(() => () => stop.current(), []);
  const start = () => {
    setRefusal(null);
    const context = new AudioContext({ sampleRate: RATE });
    const scheme = location.protocol === "https:" ? "wss" : "ws";
    const socket = new WebSocket(`${scheme}://${location.host}/api/v1/calls/${id}/listen`);
    socket.binaryType = "arraybuffer";
    let at = 0;
    socket.onmessage = ({ data }) => {
      if (data instanceof ArrayBuffer) {
        at = play(context, new Int16Array(data), at);
      }
    };
    socket.onclose = ({ code, reason }) => {
      setOn(false);
      void context.close();
      if (code !== 1000 && code !== 1005) {
        setRefusal(reason || "The call cannot be listened to.");
      }
    };
    stop.current = () => socket.close(1000);
    setOn(true);
  };
  return (
    <>
      <Button variant="default" aria-pressed={isOn} onClick={() => (isOn ? stop.current() : start())}>
        {isOn ? "Stop listening" : "Listen"}
      </Button>
      {isOn ? (
        <span className="quiet small" role="status">
          Listening. Your microphone is off; others of your business see that you listen.
        </span>
      ) : null}
      {refusal ? (
        <span role="alert" className="tone-bad small">
          ✕ {refusal}
        </span>
      ) : null}
    </>
  );
}

/** Puts one piece of stereo after the last; returns where it ends. */
function play(context: AudioContext, samples: Int16Array, at: number): number {
  const frames = Math.floor(samples.length / 2);
  if (frames === 0) {
    return at;
  }
  const buffer = context.createBuffer(2, frames, RATE);
  for (const side of [0, 1]) {
    const lane = buffer.getChannelData(side);
    for (let frame = 0; frame < frames; frame += 1) {
      lane[frame] = (samples[frame * 2 + side] ?? 0) / 32768;
    }
  }
  const source = context.createBufferSource();
  source.buffer = buffer;
  source.connect(context.destination);
  const begin = at < context.currentTime || at > context.currentTime + AHEAD_S_MAX ? context.currentTime + 0.1 : at;
  source.start(begin);
  return begin + buffer.duration;
}
