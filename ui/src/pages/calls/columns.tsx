import type { ReactNode } from "react";
import type { CallRow } from "../../api/types";
import { CallEnd, CallLength, CallWho } from "../../parts/CallFacts";
import { Time } from "../../parts/Time";
import { latencyWords, moneyWords } from "../../words/amounts";
import { channelWords, endSentence, plain } from "../../words/ends";

export interface Column {
  id: string;
  label: string;
  /** Field by which the server can order. */
  sort?: string;
  isNumber?: boolean;
  /** Left out where the screen is narrow. */
  isWideOnly?: boolean;
  show: (call: CallRow) => ReactNode;
}

export const COLUMNS: Column[] = [
  { id: "when", label: "When", sort: "offered_at", show: (call) => <Time at={call.offered_at} /> },
  { id: "who", label: "Who", show: (call) => <CallWho call={call} /> },
  { id: "channel", label: "Channel", isWideOnly: true, show: (call) => channelWords(call.channel) },
  {
    id: "agent",
    label: "Agent",
    isWideOnly: true,
    show: (call) => (call.agent_version ? `${call.agent} v${call.agent_version}` : call.agent),
  },
  { id: "outcome", label: "Outcome", show: (call) => (call.outcome ? plain(call.outcome) : <span className="quiet">–</span>) },
  {
    id: "end",
    label: "End",
    isWideOnly: true,
    show: (call) => (
      <span className="calls-end" title={endSentence(call.end_reason)}>
        <CallEnd call={call} />
      </span>
    ),
  },
  { id: "length", label: "Length", sort: "duration", isNumber: true, show: (call) => <CallLength call={call} /> },
  {
    id: "heard",
    label: "Heard P95",
    sort: "heard_latency",
    isNumber: true,
    isWideOnly: true,
    show: (call) => (call.heard_p95_ms == null ? <span className="quiet">–</span> : latencyWords(call.heard_p95_ms)),
  },
  {
    id: "cost",
    label: "Cost",
    sort: "cost",
    isNumber: true,
    isWideOnly: true,
    show: (call) => (call.cost_micros == null ? <span className="quiet">–</span> : moneyWords(call.cost_micros, call.currency ?? "USD")),
  },
];
