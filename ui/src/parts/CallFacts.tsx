import type { CallDetail, CallRow } from "../api/types";
import { lengthWords, moneyWords, shortId } from "../words/amounts";
import { END_CLASSES, endSentence } from "../words/ends";

/** The contact's name, else the number as shown, else which call it is. */
export function whoWords(call: { id: string; contact_name?: string | null; caller_number?: string | null }): string {
  return call.contact_name ?? call.caller_number ?? `call ${shortId(call.id)}`;
}

export function CallWho({ call }: { call: CallRow }) {
  return <bdi>{whoWords(call)}</bdi>;
}

/** Whose doing the end was, by sign and colour, and why in words. */
export function CallEnd({ call }: { call: CallRow }) {
  if (call.status !== "ended") {
    return <span className="tone-good">● {call.status === "answered" ? "live" : call.status}</span>;
  }
  const known = END_CLASSES[call.end_class ?? "unknown"] ?? END_CLASSES.unknown;
  return (
    <span>
      <span className={known.tone}>
        <span aria-hidden="true">{known.sign}</span> {known.words}
      </span>
      {call.end_reason ? <span className="quiet"> {endSentence(call.end_reason)}</span> : null}
    </span>
  );
}

export function callLengthMs(call: CallRow, now = Date.now()): number | null {
  if (call.duration_ms != null) {
    return call.duration_ms;
  }
  if (!call.answered_at) {
    return null;
  }
  const end = call.ended_at ? Date.parse(call.ended_at) : now;
  return end - Date.parse(call.answered_at);
}

export function CallLength({ call }: { call: CallRow }) {
  const ms = callLengthMs(call);
  return ms === null ? <span className="quiet">–</span> : <>{lengthWords(ms)}</>;
}

/** What the ledger says; of a call in progress so far. */
export function CallCost({ call }: { call: CallDetail }) {
  const totals = call.cost ?? [];
  if (totals.length > 0) {
    return <>{totals.map((total) => moneyWords(total.cost_micros, total.currency)).join(" + ")}</>;
  }
  return <>{call.cost_micros == null ? "–" : moneyWords(call.cost_micros, call.currency ?? "USD")}</>;
}
