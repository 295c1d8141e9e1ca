import type { CallEvent, Turn } from "../../api/types";
import { eventOffset } from "../../words/events";

/** A moment of the call that somebody would look for in its recording. */
export interface Mark {
  at_ms: number;
  sign: string;
  words: string;
  /** At whose lane it stands. */
  lane: "caller" | "agent";
}

const OF_EVENTS: Record<string, Omit<Mark, "at_ms">> = {
  digit_pressed: { sign: "⌨", words: "key pressed", lane: "caller" },
  consent_answered: { sign: "✓", words: "consent answered", lane: "caller" },
  confirmation_answered: { sign: "✓", words: "question before a write answered", lane: "caller" },
  person_asked: { sign: "➜", words: "asked for a person", lane: "caller" },
  handoff_started: { sign: "➜", words: "put through", lane: "agent" },
  staff_took_over: { sign: "■", words: "taken over by staff", lane: "agent" },
  staff_gave_back: { sign: "●", words: "given back to the agent", lane: "agent" },
  secure_entry_started: { sign: "▨", words: "card data, not recorded", lane: "caller" },
};

/** In the order of time: cuts, tools, keys, consent, and who had the call. */
export function marksOf(events: CallEvent[], turns: Turn[]): Mark[] {
  const marks: Mark[] = turns
    .filter((turn) => turn.speaker === "agent" && turn.interrupted && turn.ended_offset_ms != null)
    .map((turn) => ({ at_ms: turn.ended_offset_ms!, sign: "✂", words: "agent cut off", lane: "agent" }));
  for (const event of events) {
    const at_ms = eventOffset(event);
    if (at_ms === null) {
      continue;
    }
    if (event.name === "tool_started") {
      marks.push({ at_ms, sign: "⚙", words: String(event.data?.tool ?? "tool"), lane: "agent" });
    }
    const known = OF_EVENTS[event.name];
    if (known) {
      marks.push({ at_ms, ...known });
    }
  }
  return marks.sort((one, other) => one.at_ms - other.at_ms);
}
