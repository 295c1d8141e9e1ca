import { useEffect, useRef } from "react";
import "./meter.css";

interface MeterProps {
  levels: { caller: number; agent: number };
  side: "caller" | "agent";
  words: (level: number) => string;
  /** What is measured, for those who do not see it. */
  name?: string;
}

/** Draws often enough to follow speech, seldom enough to cost nothing. */
const DRAW_MS = 100;

export function levelWords(level: number): string {
  return level < 0.01 ? "quiet" : level > 0.5 ? "too loud" : "good";
}

/** A level as a bar and in words. It draws itself, without the page. */
export function Meter({ levels, side, words, name }: MeterProps) {
  const bar = useRef<HTMLMeterElement>(null);
  const label = useRef<HTMLSpanElement>(null);
  useEffect(() => {
    let loudest = 0;
    const timer = setInterval(() => {
      loudest = Math.max(levels[side], loudest * 0.8);
      if (bar.current && label.current) {
        // A voice lies between 0.01 and 0.3; the root shows quiet ones too.
        bar.current.value = Math.min(1, Math.sqrt(loudest * 2));
        label.current.textContent = words(loudest);
      }
    }, DRAW_MS);
    return () => clearInterval(timer);
  }, [levels, side, words]);
  return (
    <span className="meter">
      <meter ref={bar} min={0} max={1} value={0} aria-label={name ?? (side === "caller" ? "Your microphone" : "The agent")} />
      <span ref={label} className="quiet small meter-words" />
    </span>
  );
}
