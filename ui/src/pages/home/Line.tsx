import { useQuery } from "@tanstack/react-query";
import { Link } from "react-router";
import { get, withQuery } from "../../api/request";
import type { VoiceHealth } from "../../api/types";
import { usePath, useTenant } from "../../frame/tenant";
import { Failure } from "../../parts/Failure";
import { latencyWords } from "../../words/amounts";

/** Voice health in one sentence: the first promise that is broken, or that none is. */
export function Line() {
  const { name } = useTenant();
  const path = usePath();
  const health = useQuery({
    queryKey: ["voice-health", "24h", name],
    queryFn: () => get<VoiceHealth>(withQuery("/ops/voice-health.json", { window: "24h", tenant: name })),
    refetchInterval: 60_000,
  });
  return (
    <section className="card" aria-labelledby="home-line">
      <h2 id="home-line">The line, last 24 hours</h2>
      {health.isError && health.data === undefined ? <Failure what="The figures could not be read." error={health.error} retry={() => void health.refetch()} /> : null}
      {health.data ? <Verdict health={health.data} /> : null}
      <p>
        <Link to={path("voice-health")}>Voice health</Link>
      </p>
    </section>
  );
}

function Verdict({ health }: { health: VoiceHealth }) {
  const breach = breachOf(health);
  if (breach !== null) {
    return (
      <p>
        <span className="tone-bad">✕</span> {breach}
      </p>
    );
  }
  const { offered } = health.calls;
  return (
    <p>
      <span className="tone-good">✓</span> {offered === 0 ? "No call came in, and nothing is wrong." : `All good: ${offered === 1 ? "1 call" : `${offered} calls`}, ${health.fallbacks.count} of them fell back to a person for a technical reason.`}
    </p>
  );
}

function breachOf({ alerts, fallbacks, handshake }: VoiceHealth): string | null {
  const alert = alerts.find(({ cleared_at }) => cleared_at === null);
  if (alert) {
    return `Alert since ${new Date(alert.raised_at).toLocaleTimeString()}: ${alert.rule.replaceAll("_", " ")}.`;
  }
  if (fallbacks.state === "critical" || fallbacks.state === "warning") {
    return `${fallbacks.count} calls fell back to a person for a technical reason: ${fallbacks.rate_percent} % of all.`;
  }
  if ((handshake.state === "critical" || handshake.state === "warning") && handshake.p95_ms !== null) {
    return `Callers wait ${latencyWords(handshake.p95_ms)} for the agent (P95), longer than ${latencyWords(handshake.threshold_ms)}.`;
  }
  return null;
}
