import { NativeSelect } from "@mantine/core";
import { keepPreviousData, useQuery } from "@tanstack/react-query";
import { Link, useSearchParams } from "react-router";
import { mayAs } from "../../api/login";
import { get, withQuery } from "../../api/request";
import type { HealthState, VoiceHealth as Figures, Wait } from "../../api/types";
import { usePath, useSignedIn } from "../../frame/tenant";
import { useTitle } from "../../frame/title";
import { Empty } from "../../parts/Empty";
import { Failure } from "../../parts/Failure";
import { Time } from "../../parts/Time";
import { WaitingRows } from "../../parts/Waiting";
import { latencyWords, moneyWords } from "../../words/amounts";
import { plain, reasonWords } from "../../words/ends";
import { Chart } from "./Chart";
import "./voice-health.css";

const WINDOWS = ["1h", "24h", "7d"];

const STATES: Record<HealthState, { sign: string; words: string; tone: string }> = {
  good: { sign: "✓", words: "kept", tone: "tone-good" },
  too_few: { sign: "–", words: "too few calls to judge", tone: "tone-quiet" },
  warning: { sign: "▲", words: "warning", tone: "tone-attention" },
  critical: { sign: "✕", words: "critical", tone: "tone-bad" },
};

/** Are the promises kept. */
export default function VoiceHealth() {
  useTitle("Voice health");
  const login = useSignedIn();
  const [query, setQuery] = useSearchParams();
  const window = WINDOWS.includes(query.get("window") ?? "") ? query.get("window")! : "24h";
  const mayRead = mayAs(login, "manager");
  const health = useQuery({
    queryKey: ["voice-health", window, login.tenant.name],
    queryFn: () => get<Figures>(withQuery("/ops/voice-health.json", { window, tenant: login.tenant.name })),
    refetchInterval: 60_000,
    placeholderData: keepPreviousData,
    enabled: mayRead,
  });
  if (!mayRead) {
    return <Empty title="Voice health needs the role manager. Ask an owner of this business." />;
  }
  return (
    <>
      <div className="page-head">
        <h1>Voice health</h1>
        <NativeSelect
          aria-label="Range"
          value={window}
          data={[
            { value: "1h", label: "Last hour" },
            { value: "24h", label: "Last 24 hours" },
            { value: "7d", label: "Last 7 days" },
          ]}
          onChange={(event) => setQuery({ window: event.currentTarget.value })}
        />
      </div>
      {health.isPending ? <WaitingRows rows={6} what="Figures" /> : null}
      {health.isError && health.data === undefined ? <Failure what="The figures could not be read." error={health.error} retry={() => void health.refetch()} /> : null}
      {health.data ? <Health figures={health.data} isOld={health.isPlaceholderData || health.isError} /> : null}
    </>
  );
}

function Health({ figures, isOld }: { figures: Figures; isOld: boolean }) {
  const path = usePath();
  const { handshake, fallbacks, dead_air, heard, response, interruptions, concurrency, calls } = figures;
  const ofCalls = (n: number) => `${n} of ${calls.offered} calls`;
  return (
    <div className="health" data-old={isOld || undefined}>
      <p className="health-sentence">{sentence(figures)}</p>
      <p className="quiet">
        As of <Time at={figures.to} isAbsolute />
        {isOld ? ", being read anew" : ""}
      </p>
      {calls.offered === 0 ? (
        <Empty title="No calls in this time.">
          <p>The first call fills these figures.</p>
          <Link to={path("talk")}>Talk to your agent</Link>
        </Empty>
      ) : null}
      <div className="health-cards">
        <Card title="Handshake P95" value={ms(handshake.p95_ms)} state={handshake.state} note={`P50 ${ms(handshake.p50_ms)}, n = ${handshake.count}; warns above ${latencyWords(handshake.threshold_ms)}`} />
        <Card
          title="Fallback rate"
          value={fallbacks.rate_percent === null ? ofCalls(fallbacks.count) : `${fallbacks.rate_percent.toFixed(1)} %`}
          state={fallbacks.state}
          note={`${ofCalls(fallbacks.count)}; warns at ${fallbacks.warning_percent} %, critical at ${fallbacks.critical_percent} %`}
        />
        <Card title="Dead air" value={String(dead_air.count)} state={dead_air.count === 0 ? "good" : "warning"} note={`in ${dead_air.answered_turns} answered turns`} />
        <Card title="Heard latency P95" value={ms(heard.p95_ms)} note={waitNote(heard)} />
        <Card title="Response latency P95" value={ms(response.p95_ms)} note={waitNote(response)} />
        <Card title="Interruptions" value={String(interruptions.stopped)} note={`stopped the agent; ${interruptions.held} sounds were let pass, ${interruptions.resumed} stops taken back`} />
        <Card title="Calls at once" value={String(concurrency.now)} note={`peak ${concurrency.peak} of ${concurrency.limit} allowed`} />
        <Card
          title="Cost"
          value={figures.cost.length === 0 ? "–" : figures.cost.map((cost) => moneyWords(cost.cost_micros, cost.currency)).join(" + ")}
          note={figures.cost
            .flatMap((cost) => (cost.per_call_micros === null ? [] : [`${moneyWords(cost.per_call_micros, cost.currency)} a call`]))
            .join(", ")}
        />
      </div>
      <Chart figures={figures} />
      <div className="health-lists">
        <Named title="Fallbacks by reason" rows={fallbacks.reasons} empty="No caller had to be rescued." />
        <Named title="Ends by class" rows={calls.classes} empty="No call has ended." link={(name) => `${path("calls")}?class=${name}`} />
        <Named title="Ends by reason" rows={calls.ends} empty="No call has ended." />
        <Alerts figures={figures} />
      </div>
      <p>
        <a href="/ops/runbook">Runbook</a> · <a href={`/ops/voice-health.json?window=${figures.window}`}>JSON</a> · <a href={`/ops/voice-health.prom?window=${figures.window}`}>Prometheus</a>
      </p>
    </div>
  );
}

/** The first thing that is wrong, or that nothing is. */
function sentence({ handshake, fallbacks, dead_air, calls, alerts, window }: Figures): string {
  const open = alerts.filter((alert) => alert.cleared_at === null);
  if (open[0]) {
    return `✕ ${plain(open[0].rule)} since ${new Date(open[0].raised_at).toLocaleString("en-GB")}.`;
  }
  if (fallbacks.state === "critical" || fallbacks.state === "warning") {
    return `▲ ${fallbacks.count} of ${calls.offered} calls fell back to a person.`;
  }
  if (handshake.state === "warning") {
    return `▲ Agents are ready late: P95 ${ms(handshake.p95_ms)}.`;
  }
  if (dead_air.count > 0) {
    return `▲ ${dead_air.count} waits were left unbridged in ${window}.`;
  }
  return calls.offered === 0 ? "– Nothing to judge yet." : `✓ All good: ${fallbacks.count} fallbacks in ${window}.`;
}

function ms(value: number | null): string {
  return value === null ? "–" : latencyWords(value);
}

function waitNote(wait: Wait): string {
  return wait.count === 0 ? "not reported by any leg" : `P50 ${ms(wait.p50_ms)}, n = ${wait.count}`;
}

function Card({ title, value, note, state }: { title: string; value: string; note: string; state?: HealthState }) {
  const shown = state === undefined ? null : STATES[state];
  return (
    <section className="card health-card" aria-label={title}>
      <h2>{title}</h2>
      <p className="health-value">{value}</p>
      {shown ? (
        <p className={shown.tone}>
          <span aria-hidden="true">{shown.sign}</span> {shown.words}
        </p>
      ) : null}
      <p className="quiet small">{note}</p>
    </section>
  );
}

function Named({ title, rows, empty, link }: { title: string; rows: { name: string; calls: number }[]; empty: string; link?: (name: string) => string }) {
  return (
    <section aria-label={title}>
      <h2>{title}</h2>
      {rows.length === 0 ? (
        <p className="quiet">{empty}</p>
      ) : (
        <table className="health-table">
          <tbody>
            {rows.map((row) => (
              <tr key={row.name}>
                <th scope="row">{link ? <Link to={link(row.name)}>{plain(row.name)}</Link> : reasonWords(row.name)}</th>
                <td className="number">{row.calls}</td>
              </tr>
            ))}
          </tbody>
        </table>
      )}
    </section>
  );
}

function Alerts({ figures }: { figures: Figures }) {
  return (
    <section aria-label="Alerts">
      <h2>Alerts</h2>
      {figures.alerts.length === 0 ? <p className="quiet">None in this time.</p> : null}
      <ul className="health-alerts">
        {figures.alerts.map((alert) => (
          <li key={`${alert.rule}-${alert.raised_at}`}>
            <span className={alert.cleared_at === null ? "tone-bad" : "tone-quiet"}>
              {alert.cleared_at === null ? "✕ open" : "✓ cleared"}
            </span>{" "}
            {plain(alert.rule)} {alert.subject} since <Time at={alert.raised_at} isAbsolute />
          </li>
        ))}
      </ul>
    </section>
  );
}
