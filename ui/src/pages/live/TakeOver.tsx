import { Button } from "@mantine/core";
import { VoiceError } from "@switchboard/client";
import { useKeys } from "../../frame/keys";
import { failureWords } from "../../words/failures";
import { levelWords, Meter } from "../../parts/Meter";
import type { TakeOver, TakeOverEnd } from "./useTakeOver";

const OVER: Record<TakeOverEnd, string> = {
  given_back: "You gave the call back. The agent goes on.",
  ended: "The call has ended.",
  handed_off: "The caller was put through to a person.",
};

/** Who has the caller now, where that is this page; and how it came back. */
export function Taken({ takeOver }: { takeOver: TakeOver }) {
  const { state, isMuted, levels } = takeOver;
  const isOurs = state.name === "talking";
  useKeys([{ keys: "m", what: isMuted ? "Unmute yourself" : "Mute yourself", run: () => isOurs && takeOver.setMuted(!isMuted) }]);
  switch (state.name) {
    case "idle":
      return null;
    case "connecting":
      return (
        <p className="banner banner-attention" role="status">
          {state.isReturn ? "▲ The connection was lost; coming back. The caller waits in silence." : "Taking over: allow the microphone if the browser asks. The agent still has the call."}
        </p>
      );
    case "talking":
      return (
        <section className="card live-taken" aria-label="You have this call">
          <p role="status">
            <b>
              <span aria-hidden="true" className="tone-human">
                ■{" "}
              </span>
              You are talking with the caller.
            </b>{" "}
            The agent is silent until you give the call back.
          </p>
          <div className="bar">
            <Meter levels={levels} side="caller" words={isMuted ? () => "muted" : levelWords} name="Your microphone" />
            <Meter levels={levels} side="agent" words={(level) => (level < 0.01 ? "caller is quiet" : "caller speaks")} name="The caller" />
          </div>
          <div className="bar">
            <Button variant="default" aria-pressed={isMuted} onClick={() => takeOver.setMuted(!isMuted)}>
              {isMuted ? "Unmute" : "Mute"} <kbd aria-hidden="true">m</kbd>
            </Button>
            <Button onClick={takeOver.giveBack}>Give back to the agent</Button>
          </div>
        </section>
      );
    case "over":
      return (
        <p className="banner" role="status">
          {OVER[state.how] ?? "The agent has the call again."}
        </p>
      );
    case "failed": {
      const words = state.why instanceof VoiceError ? failureWords(state.why) : { title: "You do not have this call", help: state.why };
      return (
        <p className="banner banner-bad" role="alert">
          <b>✕ {words.title}.</b> {words.help}
        </p>
      );
    }
  }
}
