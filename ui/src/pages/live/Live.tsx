import { useEffect, useRef, useState } from "react";
import { Button } from "@mantine/core";
import { Link } from "react-router";
import { mayAs } from "../../api/login";
import type { LiveCall } from "../../api/types";
import { useLiveCalls } from "../../frame/LiveCount";
import { usePath, useSignedIn } from "../../frame/tenant";
import { useTitle } from "../../frame/title";
import { whoWords } from "../../parts/CallFacts";
import { Empty } from "../../parts/Empty";
import { Failure } from "../../parts/Failure";
import { PhaseMark } from "../../parts/PhaseMark";
import { WaitingRows } from "../../parts/Waiting";
import { clockWords, lengthWords, moneyWords } from "../../words/amounts";
import { channelWords } from "../../words/ends";
import "./live.css";

/** Ended calls stay so long, greyed, so that nobody loses the row they were reading. */
const ENDED_MS = 10_000;

type Row = LiveCall & { endedAt: number | null };

/** Calls in order of arrival; ended ones stay a moment; nothing jumps. */
function useRows(calls: LiveCall[] | undefined): Row[] {
  const [rows, setRows] = useState<Row[]>([]);
  useEffect(() => {
    if (calls === undefined) {
      return;
    }
    const now = Date.now();
    setRows((old) => {
      const kept = old.map((row) => {
        const call = calls.find((call) => call.id === row.id);
        return call ? { ...call, endedAt: null } : { ...row, endedAt: row.endedAt ?? now };
      });
      const known = new Set(kept.map((row) => row.id));
      const fresh = calls.filter((call) => !known.has(call.id)).map((call) => ({ ...call, endedAt: null }));
      return [...kept, ...fresh].filter((row) => row.endedAt === null || now - row.endedAt < ENDED_MS);
    });
    const timer = setTimeout(() => setRows((old) => old.filter((row) => row.endedAt === null || Date.now() - row.endedAt < ENDED_MS)), ENDED_MS + 100);
    return () => clearTimeout(timer);
  }, [calls]);
  return rows;
}

export function useNow(step_ms = 1000): number {
  const [now, setNow] = useState(() => Date.now());
  useEffect(() => {
    const timer = setInterval(() => !document.hidden && setNow(Date.now()), step_ms);
    return () => clearInterval(timer);
  }, [step_ms]);
  return now;
}

/** Who is talking now, in which phase, at what cost. */
export default function Live() {
  const login = useSignedIn();
  const path = usePath();
  const calls = useLiveCalls();
  const rows = useRows(calls.data?.items);
  const count = calls.data?.items.length ?? 0;
  useTitle(count > 0 ? `● ${count} live · Live` : "Live");
  if (!mayAs(login, "staff")) {
    return <Empty title="Live calls need the role staff. Ask an owner of this business." />;
  }
  return (
    <>
      <div className="page-head">
        <h1>Live</h1>
        {calls.data?.calls_max ? (
          <p className="quiet">
            {count} of {calls.data.calls_max} calls at once
          </p>
        ) : null}
      </div>
      {calls.isPending ? <WaitingRows rows={4} what="Live calls" /> : null}
      {calls.isError && calls.data === undefined ? <Failure what="The live calls could not be read." error={calls.error} retry={() => void calls.refetch()} /> : null}
      {calls.data && rows.length === 0 ? (
        <Empty title="Nobody is on a call.">
          <p>Calls appear here the moment they are offered.</p>
          <Button component={Link} to={path("talk")} variant="default">
            Talk to your agent
          </Button>
        </Empty>
      ) : null}
      {rows.length > 0 ? <Table rows={rows} /> : null}
    </>
  );
}

function Table({ rows }: { rows: Row[] }) {
  const path = usePath();
  const now = useNow();
  const end = useRef<HTMLDivElement>(null);
  return (
    <div className="live-table-box">
      <table className="live-table">
        <caption className="hidden-text">Calls in progress, in order of arrival</caption>
        <thead>
          <tr>
            <th scope="col">Phase</th>
            <th scope="col">Who</th>
            <th scope="col">Agent</th>
            <th scope="col" className="live-wide">
              Channel
            </th>
            <th scope="col" className="number">
              Length
            </th>
            <th scope="col" className="number live-wide">
              Cost
            </th>
            <th scope="col" className="live-wide">
              Last said
            </th>
          </tr>
        </thead>
        <tbody>
          {rows.map((call) => (
            <tr key={call.id} data-ended={call.endedAt !== null || undefined}>
              <td>
                <PhaseMark phase={call.endedAt === null ? (call.phase) : "ended"} />
                {troubles(call).map((trouble) => (
                  <span key={trouble} className="tone-attention small">
                    ▲ {trouble}
                  </span>
                ))}
              </td>
              <td>
                <Link to={path(`live/${call.id}`)}>
                  <bdi>{whoWords(call)}</bdi>
                </Link>
              </td>
              <td>{call.agent}</td>
              <td className="live-wide">{channelWords(call.channel)}</td>
              <td className="number">{lengthOf(call, now)}</td>
              <td className="number live-wide">{moneyWords(call.cost_micros, "USD")}</td>
              <td className="live-wide live-last">
                {call.last_line ? (
                  <span className={`tone-${call.last_line.speaker}`}>
                    {call.last_line.speaker}: <bdi>{call.last_line.text}</bdi>
                  </span>
                ) : null}
              </td>
            </tr>
          ))}
        </tbody>
      </table>
      <div ref={end} />
    </div>
  );
}

function lengthOf(call: Row, now: number): string {
  const length = clockWords((call.endedAt ?? now) - Date.parse(call.offered_at));
  return `${length} of ${lengthWords(call.length_ms_max)}`;
}

/** Trouble is a mark and moves no row. */
function troubles(call: LiveCall): string[] {
  return [
    ...(call.dead_air > 0 ? [`dead air ${call.dead_air}×`] : []),
    ...(call.tools_failed >= 3 ? [`${call.tools_failed} tools failed`] : []),
    ...(call.phase === "handing_off" ? ["wants a person"] : []),
  ];
}
