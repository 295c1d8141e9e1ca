import { Button } from "@mantine/core";
import { notifications } from "@mantine/notifications";
import { useQuery } from "@tanstack/react-query";
import { useEffect, useMemo, useRef } from "react";
import { get } from "../../api/request";
import type { CallDetail, CallEvent, Part, Peaks, Turn } from "../../api/types";
import { useKeys } from "../../frame/keys";
import { Empty } from "../../parts/Empty";
import { clockWords } from "../../words/amounts";
import { marksOf, type Mark } from "./marks";
import { noAudioWords } from "./no-audio";
import { RATES, type CallPlayer } from "./usePlayer";

const STEP_MS = 5_000;
/** More than these would push the words off the screen. */
const MARKS_MAX = 24;

/** The recording: one lane per side, cuts marked, one clock with the words below. */
export function Player({ call, player, turns }: { call: CallDetail; player: CallPlayer; turns: Turn[] }) {
  const peaks = useQuery({ queryKey: ["peaks", call.id], queryFn: () => get<Peaks>(`/api/v1/calls/${call.id}/peaks`), enabled: player.hasAudio, staleTime: Number.POSITIVE_INFINITY, retry: false });
  // The same question as the checks ask: events hold no words, so asking leaves no trace in the audit.
  const events = useQuery({ queryKey: ["events", call.id], queryFn: () => get<Part<CallEvent>>(`/api/v1/calls/${call.id}/events?limit=5000`), enabled: player.hasAudio });
  const marks = useMemo(() => marksOf(events.data?.items ?? [], turns), [events.data, turns]);
  const turnStep = (step: number) => {
    const starts = turns.flatMap((turn) => turn.offset_ms ?? []);
    const next = step > 0 ? starts.find((at) => at > player.at_ms + 50) : starts.findLast((at) => at < player.at_ms - 1000);
    if (next !== undefined) {
      player.seek(next);
    }
  };
  const faster = (step: number) => player.setRate(RATES[Math.max(0, Math.min(RATES.length - 1, RATES.indexOf(player.rate) + step))]!);
  const copy = async () => {
    const link = new URL(location.href);
    link.searchParams.set("t", (player.at_ms / 1000).toFixed(1));
    await navigator.clipboard.writeText(link.href).catch(() => {});
    notifications.show({ message: `Copied a link to ${clockWords(player.at_ms)}.` });
  };
  useKeys(
    player.hasAudio
      ? [
          { keys: " ", what: "Play or pause", run: player.toggle },
          { keys: "ArrowLeft", what: "5 s back", run: () => player.seek(player.at_ms - STEP_MS) },
          { keys: "ArrowRight", what: "5 s on", run: () => player.seek(player.at_ms + STEP_MS) },
          { keys: "Shift+ArrowLeft", what: "Turn before", run: () => turnStep(-1) },
          { keys: "Shift+ArrowRight", what: "Next turn", run: () => turnStep(1) },
          { keys: "<", what: "Slower", run: () => faster(-1) },
          { keys: ">", what: "Faster", run: () => faster(1) },
          { keys: "c", what: "Copy a link to this second", run: () => void copy() },
        ]
      : [],
  );
  if (!player.hasAudio) {
    return <Empty title={noAudioWords(call)} />;
  }
  return (
    <section className="player" aria-label="Recording">
      <div className="player-bar">
        <Button onClick={player.toggle} aria-keyshortcuts="Space">
          {player.isPlaying ? "Pause" : "Play"}
        </Button>
        <span className="player-time">
          {clockWords(player.at_ms)} / {clockWords(player.length_ms)}
        </span>
        <label>
          <span className="hidden-text">Speed</span>
          <select value={player.rate} onChange={(event) => player.setRate(Number(event.target.value))}>
            {RATES.map((rate) => (
              <option key={rate} value={rate}>
                {rate}×
              </option>
            ))}
          </select>
        </label>
        {player.failure ? (
          <span role="alert" className="tone-bad">
            ✕ {player.failure}
          </span>
        ) : null}
      </div>
      <div className="lanes">
        {peaks.data ? (
          <>
            <Lane label="caller" levels={peaks.data.caller} peaks={peaks.data} length_ms={player.length_ms} />
            <Lane label="agent" levels={peaks.data.agent} peaks={peaks.data} length_ms={player.length_ms} />
          </>
        ) : null}
        <Marks marks={marks} player={player} />
        <input
          type="range"
          className="lane-slider"
          min={0}
          max={Math.max(1, player.length_ms)}
          step={100}
          value={Math.min(player.at_ms, player.length_ms)}
          aria-label="Position in the recording"
          aria-valuetext={spoken(player.at_ms, turns)}
          onChange={(event) => player.seek(Number(event.target.value))}
        />
      </div>
      {marks.length === 0 ? null : (
        <ol className="mark-list" aria-label="Marks in the recording">
          {marks.slice(0, MARKS_MAX).map((mark) => (
            <li key={`${mark.at_ms} ${mark.words}`}>
              <button type="button" className="seek" onClick={() => player.seek(mark.at_ms)}>
                <span aria-hidden="true">{mark.sign} </span>
                {clockWords(mark.at_ms)} {mark.words}
              </button>
            </li>
          ))}
          {marks.length > MARKS_MAX ? <li className="quiet">and {marks.length - MARKS_MAX} more under Events</li> : null}
        </ol>
      )}
    </section>
  );
}

function spoken(at_ms: number, turns: Turn[]): string {
  const seconds = Math.floor(at_ms / 1000);
  const turn = turns.findLast((turn) => (turn.offset_ms ?? Number.POSITIVE_INFINITY) <= at_ms);
  return `${Math.floor(seconds / 60)} minutes ${seconds % 60}${turn ? `, ${turn.speaker} speaking` : ""}`;
}

/** Heights of a lane in the units of its picture. */
const LANE_HEIGHT = 28;

function Lane({ label, levels, peaks, length_ms }: { label: "caller" | "agent"; levels: number[]; peaks: Peaks; length_ms: number }) {
  const canvas = useRef<HTMLCanvasElement>(null);
  useEffect(() => {
    const element = canvas.current;
    if (element === null) {
      return;
    }
    const draw = () => {
      const ratio = devicePixelRatio || 1;
      const width = Math.round(element.clientWidth * ratio);
      const height = Math.round(LANE_HEIGHT * ratio);
      element.width = width;
      element.height = height;
      const context = element.getContext("2d");
      if (context === null || length_ms === 0) {
        return;
      }
      context.fillStyle = getComputedStyle(element).color;
      const pair_ms = peaks.pair_us / 1000;
      for (let pair = 0; pair * 2 < levels.length; pair += 1) {
        const x = ((peaks.offset_ms + pair * pair_ms) / length_ms) * width;
        const low = levels[pair * 2]! / 128;
        const high = levels[pair * 2 + 1]! / 128;
        const top = (0.5 - high / 2) * height;
        const tall = Math.max(ratio, ((high - low) / 2) * height);
        context.fillRect(x, top, Math.max(ratio, (pair_ms / length_ms) * width), tall);
      }
    };
    draw();
    const sizes = new ResizeObserver(draw);
    sizes.observe(element);
    // Colours change with the scheme.
    const scheme = new MutationObserver(draw);
    scheme.observe(document.documentElement, { attributeFilter: ["data-mantine-color-scheme"] });
    return () => {
      sizes.disconnect();
      scheme.disconnect();
    };
  }, [levels, peaks, length_ms]);
  return (
    <div className="lane">
      <span className={`lane-name tone-${label}`}>{label}</span>
      <canvas ref={canvas} className={`lane-picture tone-${label}`} role="img" aria-label={`Level of the ${label} over time`} />
    </div>
  );
}

/** The same marks on the lanes, for the eye; the list below them is for everybody. */
function Marks({ marks, player }: { marks: Mark[]; player: CallPlayer }) {
  return (
    <div className="lane-marks" aria-hidden="true">
      <svg width="100%" height="100%">
        <line className="play-head" x1={`${share(player.at_ms, player)}%`} x2={`${share(player.at_ms, player)}%`} y1="0" y2="100%" />
        {marks.map((mark) => (
          <text key={`${mark.at_ms} ${mark.words}`} x={`${share(mark.at_ms, player)}%`} y={mark.lane === "caller" ? "12" : "52"} textAnchor="middle">
            {mark.sign}
          </text>
        ))}
      </svg>
    </div>
  );
}

function share(at_ms: number, player: CallPlayer): number {
  return Math.max(0, Math.min(100, (at_ms / Math.max(1, player.length_ms)) * 100));
}
