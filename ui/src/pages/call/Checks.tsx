import { useQuery } from "@tanstack/react-query";
import { get } from "../../api/request";
import type { CallDetail, CallEvent, Latencies, Part } from "../../api/types";
import { Failure } from "../../parts/Failure";
import { WaitingRows } from "../../parts/Waiting";
import { clockWords, latencyWords } from "../../words/amounts";
import { eventOffset } from "../../words/events";

interface Check {
  promise: string;
  isKept: boolean | null;
  why: string;
}

/** Which promises were kept in this call; only what events tell is judged. */
export function Checks({ call, latencies }: { call: CallDetail; latencies: Latencies | undefined }) {
  const events = useQuery({ queryKey: ["events", call.id], queryFn: () => get<Part<CallEvent>>(`/api/v1/calls/${call.id}/events?limit=5000`) });
  if (events.isPending) {
    return <WaitingRows rows={4} what="Checks" />;
  }
  if (events.isError) {
    return <Failure what="The events could not be read." error={events.error} retry={() => void events.refetch()} />;
  }
  return (
    <ul className="checks">
      {checksOf(call, events.data.items, latencies).map((check) => (
        <li key={check.promise}>
          <span aria-hidden="true" className={check.isKept === null ? "tone-quiet" : check.isKept ? "tone-good" : "tone-bad"}>
            {check.isKept === null ? "–" : check.isKept ? "✓" : "✕"}
          </span>{" "}
          <b>{check.promise}</b>
          <span className="hidden-text">: {check.isKept === null ? "cannot be told" : check.isKept ? "kept" : "broken"}</span>
          <p className="quiet">{check.why}</p>
        </li>
      ))}
    </ul>
  );
}

function checksOf(call: CallDetail, events: CallEvent[], latencies: Latencies | undefined): Check[] {
  const named = (name: string) => events.filter((event) => event.name === name);
  const at = (found: CallEvent[]) => found.map((event) => clockWords(eventOffset(event) ?? 0)).join(", ");
  const handshake = named("handshake_finished")[0];
  const elapsed = handshake?.data?.elapsed_ms;
  const fellBack = handshake?.data?.reason ?? handshake?.data?.fell_back;
  const deadAir = named("dead_air_counted");
  const failures = named("model_failed");
  const p95 = latencies?.heard_p95_ms ?? latencies?.response_p95_ms ?? null;
  return [
    {
      promise: "The agent was ready in time",
      isKept: handshake ? !fellBack : null,
      why: handshake ? (fellBack ? `It fell back: ${String(fellBack)}.` : typeof elapsed === "number" ? `Ready after ${latencyWords(elapsed)}.` : "Ready.") : "No handshake was recorded.",
    },
    { promise: "No dead air", isKept: deadAir.length === 0, why: deadAir.length === 0 ? "No wait was left unbridged." : `Broken at ${at(deadAir)}.` },
    { promise: "Answers under 4 s", isKept: p95 === null ? null : p95 <= 4000, why: p95 === null ? "No answer was timed." : `P95 ${latencyWords(p95)}.` },
    { promise: "The model held", isKept: failures.length === 0, why: failures.length === 0 ? "It did not fail." : `It failed at ${at(failures)}.` },
    {
      promise: "One end, with a reason",
      isKept: call.status === "ended" ? named("call_ended").length === 1 : null,
      why: call.status === "ended" ? named("call_ended").length === 1 ? "It ended once." : `Its end was told ${named("call_ended").length} times.` : "The call goes on.",
    },
  ];
}
