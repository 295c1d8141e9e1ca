import { useCallback, useEffect, useRef, useState } from "react";
import type { CallDetail } from "../../api/types";

export interface CallPlayer {
  audio: HTMLAudioElement | null;
  /** On the call's clock, which begins when it was offered. */
  at_ms: number;
  length_ms: number;
  isPlaying: boolean;
  rate: number;
  failure: string | null;
  hasAudio: boolean;
  seek: (at_ms: number) => void;
  toggle: () => void;
  setRate: (rate: number) => void;
}

export const RATES = [0.75, 1, 1.25, 1.5, 2];

/** The recording of a call, on one clock with its transcript. */
export function usePlayer(call: CallDetail, start_s: number): CallPlayer {
  const recording = call.recording?.status === "stored" ? call.recording : null;
  const audio = useRef<HTMLAudioElement | null>(null);
  const [state, setState] = useState({ at_ms: start_s * 1000, isPlaying: false, rate: 1, failure: null as string | null });
  const offset = recording?.offset_ms ?? 0;
  const change = useCallback((fields: Partial<typeof state>) => setState((old) => ({ ...old, ...fields })), []);

  useEffect(() => {
    if (recording === null) {
      return;
    }
    const element = new Audio();
    element.preload = "none";
    // Safari does not play Ogg everywhere; WAV is larger and plays in all.
    const ogg = element.canPlayType('audio/ogg; codecs="opus"') !== "";
    element.src = `/api/v1/calls/${call.id}/recording${ogg ? "" : "?format=wav"}`;
    audio.current = element;
    let frame = 0;
    const draw = () => {
      change({ at_ms: element.currentTime * 1000 + offset });
      frame = element.paused ? 0 : requestAnimationFrame(draw);
    };
    element.onplay = () => {
      change({ isPlaying: true, failure: null });
      frame ||= requestAnimationFrame(draw);
    };
    element.onpause = () => change({ isPlaying: false });
    element.onseeked = () => change({ at_ms: element.currentTime * 1000 + offset });
    element.onerror = () => change({ isPlaying: false, failure: "The recording could not be played." });
    return () => {
      cancelAnimationFrame(frame);
      element.pause();
      element.removeAttribute("src");
      audio.current = null;
    };
  }, [call.id, recording?.id, offset, change]);

  const seek = useCallback(
    (at_ms: number) => {
      change({ at_ms });
      if (audio.current) {
        audio.current.currentTime = Math.max(0, (at_ms - offset) / 1000);
      }
    },
    [offset, change],
  );
  const toggle = useCallback(() => {
    const element = audio.current;
    if (element?.paused) {
      element.play().catch(() => change({ failure: "The recording could not be played." }));
    } else {
      element?.pause();
    }
  }, [change]);
  const setRate = useCallback(
    (rate: number) => {
      if (audio.current) {
        audio.current.playbackRate = rate;
      }
      change({ rate });
    },
    [change],
  );
  const length_ms = (recording?.length_ms ?? 0) + offset;
  return { audio: audio.current, ...state, length_ms, hasAudio: recording !== null, seek, toggle, setRate };
}
