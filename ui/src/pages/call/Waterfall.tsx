import { Switch } from "@mantine/core";
import type { UseQueryResult } from "@tanstack/react-query";
import { useState } from "react";
import type { Latencies, Latency } from "../../api/types";
import { Empty } from "../../parts/Empty";
import { Failure } from "../../parts/Failure";
import { WaitingRows } from "../../parts/Waiting";
import { latencyWords } from "../../words/amounts";
import { plain } from "../../words/ends";
import { StageBar, STAGES } from "./StageBar";
import type { CallPlayer } from "./usePlayer";

/** Beyond it we broke the promise of no dead air. */
const PROMISE_MS = 4_000;
const LEAD_MS = 1_000;

/** One bar per answer, from the caller's last word to audio heard. */
export function Waterfall({ latencies, player }: { latencies: UseQueryResult<Latencies>; player: CallPlayer }) {
  const [isSlowestFirst, setSlowestFirst] = useState(false);
  if (latencies.isPending) {
    return <WaitingRows rows={6} what="Latencies" />;
  }
  if (latencies.isError) {
    return <Failure what="The latencies could not be read." error={latencies.error} retry={() => void latencies.refetch()} />;
  }
  const { items, heard_p50_ms, heard_p95_ms, response_p50_ms, response_p95_ms } = latencies.data;
  if (items.length === 0) {
    return <Empty title="No wait of this call was timed in stages." />;
  }
  const total = (latency: Latency) => latency.heard_ms ?? latency.response_ms;
  const rows = isSlowestFirst ? [...items].sort((one, other) => total(other) - total(one)) : items;
  const full_ms = Math.max(PROMISE_MS, ...items.map(total)) * 1.02;
  const isHeard = heard_p50_ms !== null;
  const p50 = heard_p50_ms ?? response_p50_ms;
  const p95 = heard_p95_ms ?? response_p95_ms;
  const present = STAGES.filter((stage) => items.some((latency) => latency.stages.some((other) => other.stage === stage)));
  return (
    <section className="stack waterfall" aria-label="Latency per turn">
      <div className="bar bar-apart">
        <p>
          From the caller's last word to audio {isHeard ? "heard" : "sent (this leg does not tell what is heard)"}: P50 {p50 === null ? "–" : latencyWords(p50)}, P95 {p95 === null ? "–" : latencyWords(p95)}, n = {items.length}. Lines: dotted P50, dashed P95, solid the promise of 4 s.
        </p>
        <Switch label="Slowest first" checked={isSlowestFirst} onChange={(event) => setSlowestFirst(event.currentTarget.checked)} />
      </div>
      <ul className="stage-legend">
        {present.map((stage) => (
          <li key={stage}>
            <svg width="14" height="14" aria-hidden="true">
              <rect className={`stage stage-${stage}`} width="14" height="14" />
            </svg>{" "}
            {plain(stage)}
          </li>
        ))}
      </ul>
      <ol className="waterfall-rows">
        {rows.map((latency) => (
          <Row key={latency.turn} latency={latency} total_ms={total(latency)} full_ms={full_ms} lines={{ p50, p95 }} player={player} />
        ))}
      </ol>
    </section>
  );
}

interface RowProps {
  latency: Latency;
  total_ms: number;
  full_ms: number;
  lines: { p50: number | null; p95: number | null };
  player: CallPlayer;
}

function Row({ latency, total_ms, full_ms, lines, player }: RowProps) {
  const longest = [...latency.stages].sort((one, other) => other.ms - one.ms)[0];
  return (
    <li className="waterfall-row">
      <button type="button" className="seek" disabled={!player.hasAudio} onClick={() => player.seek(Math.max(0, latency.offset_ms - LEAD_MS))}>
        Turn {latency.turn}
      </button>
      <div className="waterfall-bar">
        <StageBar stages={latency.stages} full_ms={full_ms} />
        <svg className="waterfall-lines" aria-hidden="true">
          {lines.p50 === null ? null : <line x1={`${(lines.p50 / full_ms) * 100}%`} x2={`${(lines.p50 / full_ms) * 100}%`} y1="0" y2="100%" className="line-p50" />}
          {lines.p95 === null ? null : <line x1={`${(lines.p95 / full_ms) * 100}%`} x2={`${(lines.p95 / full_ms) * 100}%`} y1="0" y2="100%" className="line-p95" />}
          <line x1={`${(PROMISE_MS / full_ms) * 100}%`} x2={`${(PROMISE_MS / full_ms) * 100}%`} y1="0" y2="100%" className="line-promise" />
        </svg>
      </div>
      <span className="number">{latencyWords(total_ms)}</span>
      <span className="quiet small">
        {longest ? `longest: ${plain(longest.stage).toLowerCase()} ${latencyWords(longest.ms)}` : ""}
        {latency.filler ? " · bridged by a filler" : ""}
      </span>
    </li>
  );
}
