import type { ReactNode } from "react";
import type { Turn } from "../api/types";
import "./turn.css";

const SIGNS = { caller: "○", agent: "●", human: "■", system: "–" } as const;

/** What of a turn was heard, and what was only generated. */
export function wordsOf(turn: Turn): { heard: string; unheard: string } {
  const said = turn.generated_text ?? turn.sent_text ?? "";
  if (turn.speaker !== "agent") {
    return { heard: turn.heard_text || said, unheard: "" };
  }
  return { heard: turn.heard_text ?? (turn.interrupted ? "" : said), unheard: turn.interrupted ? (turn.unheard_text ?? "") : "" };
}

/** One line of a conversation: speaker, heard words, and dim what nobody heard. */
export function TurnText({ turn, before, after }: { turn: Turn; before?: ReactNode; after?: ReactNode }) {
  const { heard, unheard } = wordsOf(turn);
  return (
    <div className="turn">
      {before}
      <span className={`turn-who tone-${turn.speaker}`}>
        <span aria-hidden="true">{SIGNS[turn.speaker]}</span> {turn.speaker}
      </span>
      <p lang={turn.language ?? undefined} dir="auto">
        {heard}
        {unheard === "" ? null : (
          <span className="turn-unheard">
            {" "}
            <span aria-hidden="true">✂</span> <span className="hidden-text">not heard: </span>
            {unheard}
          </span>
        )}
        {heard === "" && unheard === "" ? <span className="quiet">no words kept</span> : null}
      </p>
      {after}
    </div>
  );
}
